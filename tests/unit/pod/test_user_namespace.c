/*
 * The numbers of processes as others have them. Where they cannot be known, none is made up.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "vmm/pod/user_namespace.h"

static void test_numbers(void **state)
{
	struct error err = ERROR_NONE;
	pid_t pid = -1;

	(void)state;
	assert_int_equal(user_namespace_pid_of_role(0, &pid, &err), 0);
	assert_int_equal(pid, 0);
	assert_int_equal(user_namespace_pid_of_role(getppid(), &pid, &err), 0);
	assert_int_equal(pid, getpid());
}

/* The exit status: what was found without /proc. */
static int look(void)
{
	struct error err = ERROR_NONE;
	pid_t pid;

	if (chroot("/sys") < 0)
		return 77;
	if (user_namespace_pid_of_role(0, &pid, &err) < 0 || pid != 0)
		return 1;
	if (user_namespace_pid_of_role(getppid(), &pid, &err) == 0)
		return 2;
	return strstr(err.text, "cannot read /proc/self") ? 0 : 3;
}

static void test_without_proc(void **state)
{
	pid_t pid = fork();
	int status;

	(void)state;
	if (pid == 0)
		_exit(look());
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	if (WEXITSTATUS(status) == 77)
		skip();
	assert_int_equal(WEXITSTATUS(status), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_numbers),
		cmocka_unit_test(test_without_proc),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
