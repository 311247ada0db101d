#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <linux/kvm.h>

#include "vmm/base/bytes.h"
#include "vmm/machine/cpuid.h"

enum { CPUS = 3 };

/* What KVM might say: leaves that are adapted, that become zeroes by that, and that are zeroes. */
static const struct kvm_cpuid_entry2 supported[] = {
	{ .function = 0, .eax = 0x1f, .ebx = 0x756e6547, .ecx = 0x6c65746e, .edx = 0x49656e69 },
	{ .function = 1, .eax = 0x306c1, .ebx = 7u << 24 | 0x800, .ecx = 1u << 5 | 1, .edx = 0x81 },
	{ .function = 4, .index = 0, .flags = 1, .eax = 0xfc004121, .ebx = 0x1c0003f, .ecx = 63 },
	{ .function = 4, .index = 1, .flags = 1, .eax = 0xfc00c163, .ebx = 0x1c0003f, .ecx = 63 },
	{ .function = 4, .index = 2, .flags = 1 },
	{ .function = 5 },
	{ .function = 6, .eax = 4, .ecx = 1 },
	{ .function = 7, .index = 0, .flags = 1, .ebx = 0x20 },
	{ .function = 0xa, .eax = 0x7300404, .edx = 0x603 },
	{ .function = 0xb, .index = 0, .flags = 1, .edx = 7 },
	{ .function = 0xd, .index = 2, .flags = 1 },
	{ .function = 0x14 },
	{ .function = 0x40000000, .eax = 0x40000001, .ebx = 0x4b4d564b },
	{ .function = 0x80000000, .eax = 0x80000008 },
	{ .function = 0x80000008, .eax = 0x3028, .ecx = 7 },
};

static struct kvm_cpuid2 *supported_table(void)
{
	struct kvm_cpuid2 *table = calloc(1, sizeof(*table) + sizeof(supported));

	assert_non_null(table);
	table->nent = ARRAY_SIZE(supported);
	memcpy(table->entries, supported, sizeof(supported));
	return table;
}

static struct kvm_cpuid_entry2 find(const struct kvm_cpuid2 *table, uint32_t function,
				    uint32_t index)
{
	for (uint32_t i = 0; i < table->nent; i++)
		if (table->entries[i].function == function && table->entries[i].index == index)
			return table->entries[i];
	fail_msg("no entry %x.%x", function, index);
	return (struct kvm_cpuid_entry2){ 0 };
}

static void test_zeroes_are_left_out(void **state)
{
	static const uint32_t kept[] = {
		0, 1, 4, 4, 6, 7, 0xb, 0x40000000, 0x80000000, 0x80000008
	};
	struct kvm_cpuid2 *table = supported_table();

	(void)state;
	cpuid_adapt(table, 0, CPUS);
	assert_int_equal(table->nent, ARRAY_SIZE(kept));
	for (size_t i = 0; i < ARRAY_SIZE(kept); i++)
		assert_int_equal(table->entries[i].function, kept[i]);
	assert_int_equal(find(table, 6, 0).eax, 1u << 2);
	assert_int_equal(find(table, 6, 0).ecx, 0);
	free(table);
}

static void test_each_cpu_is_itself(void **state)
{
	struct kvm_cpuid2 *table = supported_table();

	(void)state;
	for (unsigned index = 0; index < CPUS; index++) {
		cpuid_adapt(table, index, CPUS);
		assert_int_equal(find(table, 1, 0).ebx, index << 24 | CPUS << 16 | 0x800);
		assert_int_equal(find(table, 0xb, 0).edx, index);
		/* Caches: of a core, and of the package. */
		assert_int_equal(find(table, 4, 0).eax >> 14 & 0xfff, 0);
		assert_int_equal(find(table, 4, 1).eax >> 14 & 0xfff, 3);
	}
	free(table);
}

static void test_one_after_the_other(void **state)
{
	struct kvm_cpuid2 *table = supported_table();

	(void)state;
	for (unsigned index = 0; index < CPUS; index++) {
		struct kvm_cpuid2 *fresh = supported_table();

		cpuid_adapt(fresh, index, CPUS);
		cpuid_adapt(table, index, CPUS);
		assert_int_equal(table->nent, fresh->nent);
		assert_memory_equal(table->entries, fresh->entries,
				    fresh->nent * sizeof(fresh->entries[0]));
		free(fresh);
	}
	free(table);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_zeroes_are_left_out),
		cmocka_unit_test(test_each_cpu_is_itself),
		cmocka_unit_test(test_one_after_the_other),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
