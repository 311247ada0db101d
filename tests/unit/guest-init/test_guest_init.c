/*
 * guest-init as a whole, in namespaces of this machine: what an app sees and what the host is told.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "harness.h"

static void test_hello(void **state)
{
	struct harness_pod pod;
	struct outcome o;

	(void)state;
	harness_pod(&pod, "echo hello; echo problem >&2; exit 3");
	harness_run(&pod.pod, &(struct script){ 0 }, &o);
	assert_true(o.hello);
	assert_string_equal(o.out, "hello\n");
	assert_string_equal(o.err, "problem\n");
	assert_true(o.started && o.app_exited && o.pod_exited);
	assert_int_equal(o.pod_kind, EXIT_KIND_CODE);
	assert_int_equal(o.pod_code, 3);
	assert_int_equal(o.died, -1);
	outcome_free(&o);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_hello),
	};
	const char *reason = harness_prepare(argc > 1 ? argv[1] : NULL);
	int failed;

	if (reason) {
		printf("SKIPPED: guest-init in namespaces: %s\n", reason);
		return 77;
	}
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	harness_finish();
	return failed;
}
