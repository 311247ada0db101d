/*
 * How large a machine is of which nothing is said, on hosts of several sizes.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "vmm/base/bytes.h"
#include "vmm/pod/host_view.h"
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

static char directory[] = "/tmp/nacelle-size-XXXXXX";
static uint64_t bound_bytes;

static uint64_t bound(void)
{
	return bound_bytes;
}

static void write_file(const char *name, const char *text)
{
	char path[128];
	FILE *file;

	(void)snprintf(path, sizeof(path), "%s/%s", directory, name);
	file = fopen(path, "w");
	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
	assert_int_equal(fclose(file), 0);
}

static uint64_t limit_of(const char *lines)
{
	char list[128];

	write_file("list", lines);
	(void)snprintf(list, sizeof(list), "%s/list", directory);
	return size_cgroup_limit(directory, list);
}

static void test_cgroup_limit(void **state)
{
	char path[128];

	(void)state;
	assert_non_null(mkdtemp(directory));
	(void)snprintf(path, sizeof(path), "%s/a", directory);
	assert_int_equal(mkdir(path, 0700), 0);
	(void)snprintf(path, sizeof(path), "%s/a/b", directory);
	assert_int_equal(mkdir(path, 0700), 0);
	assert_true(limit_of("0::/a/b\n") == UINT64_MAX);
	write_file("a/b/memory.max", "max\n");
	assert_true(limit_of("0::/a/b\n") == UINT64_MAX);
	write_file("a/memory.max", "4096000\n");
	assert_int_equal(limit_of("0::/a/b\n"), 4096000);
	write_file("a/b/memory.max", "8192000\n");
	assert_int_equal(limit_of("1:cpu:/c\n0::/a/b\n"), 4096000);
	write_file("a/b/memory.max", "1024000\n");
	assert_int_equal(limit_of("0::/a/b\n"), 1024000);
	assert_int_equal(limit_of("0::/a\n"), 4096000);
	assert_int_equal(limit_of("0::/a/gone (deleted)\n"), 4096000);
	assert_true(limit_of("0::/\n") == UINT64_MAX);
	write_file("memory.max", "2048000\n");
	assert_int_equal(limit_of("0::/\n"), 2048000);
	assert_int_equal(limit_of("0::/a\n"), 2048000);
	assert_true(limit_of("0::/../a\n") == UINT64_MAX);
	assert_true(limit_of("4:memory:/a\n") == UINT64_MAX);
	assert_true(limit_of("") == UINT64_MAX);
	assert_true(size_cgroup_limit(directory, "/nonexistent") == UINT64_MAX);
	for (size_t i = 0; i < 4; i++) {
		static const char *const names[] = { "list", "memory.max", "a/memory.max",
						     "a/b/memory.max" };
		(void)snprintf(path, sizeof(path), "%s/%s", directory, names[i]);
		assert_int_equal(unlink(path), 0);
	}
	(void)snprintf(path, sizeof(path), "%s/a/b", directory);
	assert_int_equal(rmdir(path), 0);
	(void)snprintf(path, sizeof(path), "%s/a", directory);
	assert_int_equal(rmdir(path), 0);
	assert_int_equal(rmdir(directory), 0);
}

static uint64_t bounded_mib(uint64_t limit_bytes)
{
	struct size_host host = { 64 * GIB, .cpus = 1, .cgroup_bound = bound };
	struct run_options options = { .cpus = 0 };
	struct pod_size size;
	struct error err = { 0 };

	bound_bytes = host_cgroup_machine(limit_bytes);
	assert_int_equal(pod_size(&size, &options, NULL, NULL, 0, &host, &err), 0);
	return size.memory_bytes / MIB;
}

static void test_bound(void **state)
{
	(void)state;
	assert_int_equal(bounded_mib(UINT64_MAX), 2048);
	assert_int_equal(bounded_mib(1 * GIB), 944);
	assert_int_equal(bounded_mib(16 * MIB), 32);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_default),
		cmocka_unit_test(test_silent),
		cmocka_unit_test(test_cgroup_limit),
		cmocka_unit_test(test_bound),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
