/*
 * When the process that mounted the view asks for a role again, and when it does so no more.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "vmm/pod/proc_view.h"

/* As a role's end is known to its parent. */
static void wait_for_role(struct proc_view *view)
{
	pid_t role = view->role;
	int status = 0;

	assert_true(role > 0);
	assert_int_equal(proc_view_fd(view), -1);
	while (waitpid(role, &status, 0) < 0)
		assert_int_equal(errno, EINTR);
	assert_true(WIFEXITED(status));
	assert_true(proc_view_reap(view, role, status));
}

/* Like a device whose mount has gone, a directory is always ready, and cannot be read. */
static void test_unmounted(void **state)
{
	struct proc_view view = { .timer = -1, .is_mounted = true };

	(void)state;
	view.device = open("/", O_RDONLY | O_CLOEXEC);
	assert_true(view.device >= 0);
	proc_view_step(&view, -1);
	wait_for_role(&view);
	assert_int_equal(proc_view_fd(&view), -1);
	proc_view_end(&view);
}

/* A role that nobody asks anything more ends, and the next request gets another. */
static void test_idle(void **state)
{
	struct proc_view view = { .timer = -1, .is_mounted = true };
	int ends[2];

	(void)state;
	assert_int_equal(pipe2(ends, O_CLOEXEC | O_NONBLOCK), 0);
	view.device = ends[0];
	proc_view_step(&view, -1);
	wait_for_role(&view);
	assert_int_equal(proc_view_fd(&view), ends[0]);
	proc_view_end(&view);
	close(ends[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_unmounted),
		cmocka_unit_test(test_idle),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
