/*
 * Whoever waits for a supervisor passes signals on to it, and to nobody else.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <linux/sched.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "vmm/pod/detach.h"

static void close_waiter(const struct detach_waiter *waiter)
{
	close(waiter->news);
	close(waiter->messages);
}

static pid_t begin(struct detach_waiter *waiter)
{
	struct error err = ERROR_NONE;
	struct detach detach;
	pid_t pid = detach_fork(&detach, waiter, fork, &err);

	assert_true(pid >= 0);
	return pid;
}

static void test_signals(void **state)
{
	struct detach_waiter waiter;
	pid_t pid = begin(&waiter);

	(void)state;
	while (pid == 0)
		(void)pause();
	assert_int_equal(raise(SIGTERM), 0);
	assert_int_equal(detach_exit_status(pid), 128 + SIGTERM);
	close_waiter(&waiter);
}

/* A child with this number, as fork() makes one. */
static pid_t fork_as(pid_t number)
{
	const struct clone_args args = { .exit_signal = SIGCHLD,
					 .set_tid = (uint64_t)(uintptr_t)&number,
					 .set_tid_size = 1 };

	return (pid_t)syscall(SYS_clone3, &args, sizeof(args));
}

/* The number of one that has been reaped is another's soon. */
static void test_after_the_end(void **state)
{
	struct detach_waiter waiter;
	pid_t pid = begin(&waiter), next;
	int ends[2], status;
	sigset_t set, old;
	char byte;

	(void)state;
	if (pid == 0)
		_exit(3);
	assert_int_equal(detach_exit_status(pid), 3);
	close_waiter(&waiter);
	assert_int_equal(pipe(ends), 0);
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigprocmask(SIG_BLOCK, &set, &old);
	next = fork_as(pid);
	if (next == 0) {
		close(ends[1]);
		(void)!read(ends[0], &byte, 1);
		sigpending(&set);
		_exit(sigismember(&set, SIGTERM));
	}
	sigprocmask(SIG_SETMASK, &old, NULL);
	close(ends[0]);
	/* Only the mighty may choose a number. */
	if (next < 0) {
		close(ends[1]);
		skip();
	}
	assert_int_equal(next, pid);
	assert_int_equal(raise(SIGTERM), 0);
	close(ends[1]);
	assert_int_equal(waitpid(next, &status, 0), next);
	assert_int_equal(status, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_signals),
		cmocka_unit_test(test_after_the_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
