/*
 * How large a machine is of which nothing is said, on hosts of several sizes.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "vmm/base/bytes.h"
#include "vmm/pod/size.h"

static uint64_t size_mib(uint64_t host_mib, uint64_t app_mib)
{
	struct size_host host = { .memory_bytes = host_mib * MIB, .cpus = 1 };
	struct size_need needs[] = { { .memory_bytes = app_mib * MIB }, { .memory_bytes = 0 } };
	struct run_options options = { .cpus = 0 };
	struct pod_size size;
	struct error err = { 0 };

	assert_int_equal(pod_size(&size, &options, NULL, needs, 2, &host, &err), 0);
	return size.memory_bytes / MIB;
}

static void test_default(void **state)
{
	(void)state;
	assert_int_equal(size_mib(64 * 1024, 0), 2048);
	assert_int_equal(size_mib(4096, 0), 2048);
	assert_int_equal(size_mib(4094, 0), 2048);
	assert_int_equal(size_mib(4000, 0), 2000);
	assert_int_equal(size_mib(1024, 0), 512);
	assert_int_equal(size_mib(48, 0), 32);
}

/* An app without a limit beside one that has one. */
static void test_silent(void **state)
{
	(void)state;
	assert_int_equal(size_mib(64 * 1024, 100), 662);
	assert_int_equal(size_mib(700, 100), 662);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_default),
		cmocka_unit_test(test_silent),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
