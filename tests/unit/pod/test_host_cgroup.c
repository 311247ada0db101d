/*
 * The paths of cgroups that engines name.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "vmm/base/bytes.h"
#include "vmm/pod/host_view.h"

static void expect(const char *given, const char *path)
{
	char out[PATH_MAX] = "";
	bool found = host_cgroup_path(given, out);

	if (found != (path != NULL))
		(void)fprintf(stderr, "%s: %s\n", given, out);
	assert_int_equal(found, path != NULL);
	if (path)
		assert_string_equal(out, path);
}

static void test_paths(void **state)
{
	(void)state;
	expect("/a/b", "a/b");
	expect("a//b/", "a//b/");
	expect("//a", "a");
	/* A path is one by its slash, whatever else is in it. */
	expect("/machine.slice:x:y", "machine.slice:x:y");
	expect("/a..b/..c/d..", "a..b/..c/d..");
	expect("a:b", "a:b");
	expect("", NULL);
	expect("///", NULL);
	expect("/a/../b", NULL);
	expect("..", NULL);
	expect("a/.", NULL);
}

static void test_units(void **state)
{
	char long_name[NAME_MAX + 32] = "";

	(void)state;
	expect("machine.slice:libpod:abc", "machine.slice/libpod-abc.scope");
	expect(":runc:abc", "system.slice/runc-abc.scope");
	expect("user.slice::abc", "user.slice/abc.scope");
	expect("a-b-c.slice:p:n", "a.slice/a-b.slice/a-b-c.slice/p-n.scope");
	expect("user.slice:p:own.slice", "user.slice/own.slice");
	expect("-.slice:p:n", "p-n.scope");
	expect("user.slice:p:a..b", "user.slice/p-a..b.scope");
	expect("a--b.slice:p:n", NULL);
	expect("-a.slice:p:n", NULL);
	expect("a-.slice:p:n", NULL);
	expect(".slice:p:n", NULL);
	expect("a.scope:p:n", NULL);
	expect("x:p:n", NULL);
	expect("user.slice:p:", NULL);
	expect("a/b.slice:p:n", NULL);
	expect("user.slice:../p:n", NULL);
	memset(long_name, 'a', sizeof(long_name) - 16);
	strcat(long_name, ".slice:p:n");
	expect(long_name, NULL);
	memset(long_name, 'a', NAME_MAX + 1);
	long_name[NAME_MAX + 1] = '\0';
	expect(long_name, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_paths),
		cmocka_unit_test(test_units),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
