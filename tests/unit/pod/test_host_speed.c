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

static struct host_speed found[FOUND_MAX];
static unsigned found_count;

static void keep(void *context, const struct host_speed *one)
{
	(void)context;
	assert_true(found_count < FOUND_MAX);
	found[found_count++] = *one;
}

/* The files, in the order of names; NULL for one that is not there. */
static void look(const char *const *texts)
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
	host_speed_look(root, keep, NULL);
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_slow),
		cmocka_unit_test(test_quick),
		cmocka_unit_test(test_nothing),
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
