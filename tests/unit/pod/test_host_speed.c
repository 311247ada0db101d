/*
 * What is said of hosts' settings, from files of a tree of its own.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "vmm/pod/host_speed.h"

static char root[] = "/tmp/test-speed-XXXXXX";

static const char *const names[] = {
	"/proc/cpuinfo",
	"/proc/self/mounts",
	"/sys/devices/system/clocksource/clocksource0/current_clocksource",
	"/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor",
	"/sys/kernel/mm/transparent_hugepage/enabled",
	"/sys/module/kvm/parameters/nx_huge_pages",
};

enum { FILES = sizeof(names) / sizeof(names[0]), FOUND_MAX = 16 };

static const struct host_costs no_costs = {
	.kvm = { -1, -1, -1, -1 },
	.small_ns = -1,
	.huge_ns = -1,
	.clock_ns = -1,
	.awake_ns = -1,
	.asleep_ns = -1,
	.enter_ns = -1,
	.charge_ns = -1,
};

static struct host_speed found[FOUND_MAX];
static unsigned found_count;

static void keep(void *context, const struct host_speed *one)
{
	(void)context;
	assert_true(found_count < FOUND_MAX);
	found[found_count++] = *one;
}

/* The files, in the order of names; NULL for one that is not there. */
static void look_with(const char *const *texts, const struct host_costs *costs)
{
	char path[256];

	for (unsigned i = 0; i < FILES; i++) {
		FILE *file;

		(void)snprintf(path, sizeof(path), "%s%s", root, names[i]);
		(void)unlink(path);
		if (!texts[i])
			continue;
		file = fopen(path, "we");
		assert_non_null(file);
		(void)fputs(texts[i], file);
		(void)fclose(file);
	}
	found_count = 0;
	host_speed_look(root, costs, keep, NULL);
}

static void look(const char *const *texts)
{
	look_with(texts, &no_costs);
}

static void expect(unsigned index, bool is_slow, const char *has)
{
	assert_true(index < found_count);
	assert_int_equal(found[index].is_slow, is_slow);
	assert_non_null(strstr(found[index].text, has));
}

static void test_slow(void **state)
{
	(void)state;
	look((const char *const[]){ "flags\t\t: fpu hypervisor lahf_lm\n",
				    "proc /proc proc rw 0 0\n"
				    "cgroup2 /sys/fs/cgroup cgroup2 rw,nsdelegate 0 0\n",
				    "hpet\n", "powersave\n", "always madvise [never]\n", "Y\n" });
	assert_int_equal(found_count, 6);
	expect(0, true, "virtual machine itself");
	expect(1, true, "governor powersave");
	expect(2, true, "nx_huge_pages=never");
	expect(3, true, "echo madvise");
	expect(4, true, "favordynmods");
	expect(5, true, "hpet");
}

static void test_quick(void **state)
{
	(void)state;
	look((const char *const[]){ "flags\t\t: fpu lahf_lm\n",
				    "cgroup2 /sys/fs/cgroup cgroup2 rw,favordynmods 0 0\n", "tsc\n",
				    "performance\n", "always [madvise] never\n", "N\n" });
	assert_int_equal(found_count, 5);
	for (unsigned i = 0; i < found_count; i++)
		assert_false(found[i].is_slow);
}

static void test_nothing(void **state)
{
	(void)state;
	look((const char *const[]){ NULL, NULL, NULL, NULL, NULL, NULL });
	assert_int_equal(found_count, 0);
}

/* What was measured stands beside what it is the cost of. */
static void test_costs(void **state)
{
	const struct host_costs costs = {
		.kvm = { .vm_ns = 9000000, .exit_ns = 30000, .code_ns = 700000, .slot_ns = 12000 },
		.small_ns = 500000,
		.huge_ns = 100000,
		.clock_ns = 1500,
		.awake_ns = 1000000,
		.asleep_ns = 1500000,
		.enter_ns = 15000000,
		.charge_ns = 100,
	};

	(void)state;
	look_with((const char *const[]){ "flags\t\t: fpu hypervisor lahf_lm\n",
					 "cgroup2 /sys/fs/cgroup cgroup2 rw,nsdelegate 0 0\n",
					 "hpet\n", "powersave\n", "always madvise [never]\n",
					 "Y\n" },
		  &costs);
	assert_int_equal(found_count, 11);
	expect(0, true, "virtual machine itself");
	expect(1, true, "30.0 microseconds");
	expect(2, true, "work took 1.50 times as long");
	expect(3, true, "makes a VM in 9.00 ms, most of which is waiting for RCU");
	expect(4, false, "0.01 ms, for which it waits for SRCU");
	expect(5, true, "nx_huge_pages=never; 1 MiB of new guest code takes 0.70 ms");
	expect(6, true, "echo madvise");
	expect(7, false, "0.10 ms as a huge page, in 0.50 ms");
	expect(8, true, "that took 15.00 ms");
	expect(9, false, "100 ns more, 16 MiB in small pages for 0.41 ms");
	expect(10, true, "a look at it takes 1500 ns");
	assert_string_equal(found[9].name, "memory-cgroup");
	assert_int_equal(found[9].cost_ns, 100);
}

/* Without KVM and without cgroups there is less to measure, and nothing is made up. */
static void test_measuring(void **state)
{
	struct host_costs costs;
	char path[256];
	FILE *file;

	(void)state;
	host_cost_measure(-1, "/nowhere/at/all", &costs);
	assert_true(costs.small_ns > 0 && costs.huge_ns > 0 && costs.clock_ns >= 0);
	assert_true(costs.awake_ns > 0 && costs.asleep_ns > 0);
	assert_int_equal(costs.kvm.vm_ns, -1);
	assert_int_equal(costs.kvm.exit_ns, -1);
	assert_int_equal(costs.kvm.code_ns, -1);
	assert_int_equal(costs.kvm.slot_ns, -1);
	assert_int_equal(costs.enter_ns, -1);
	assert_int_equal(costs.charge_ns, -1);
	/* What looks like cgroups and is none leaves nothing behind. */
	(void)snprintf(path, sizeof(path), "%s/cgroup.controllers", root);
	file = fopen(path, "we");
	assert_non_null(file);
	(void)fclose(file);
	host_cost_measure(-1, root, &costs);
	assert_int_equal(costs.enter_ns, -1);
	(void)snprintf(path, sizeof(path), "%s/nacelle-check-%d", root, (int)getpid());
	assert_int_equal(access(path, F_OK), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_slow),	  cmocka_unit_test(test_quick),
		cmocka_unit_test(test_nothing),	  cmocka_unit_test(test_costs),
		cmocka_unit_test(test_measuring),
	};
	char command[512];
	int status;

	if (!mkdtemp(root))
		return 1;
	for (unsigned i = 0; i < FILES; i++) {
		(void)snprintf(command, sizeof(command), "mkdir -p '%s%.*s'", root,
			       (int)(strrchr(names[i], '/') - names[i]), names[i]);
		if (system(command) != 0)
			return 1;
	}
	status = cmocka_run_group_tests(tests, NULL, NULL);
	(void)snprintf(command, sizeof(command), "rm -r '%s'", root);
	return system(command) != 0 ? 1 : status;
}
