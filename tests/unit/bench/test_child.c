/*
 * How what is started is ended: by signals, by the end of who started it, and where it cannot be
 * watched. Whatever sends signals or dies is a process of its own.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "vmm/bench/child.h"
#include "vmm/bench/measure.h"

enum { LONG_MS = 300000 };

static char error_path[] = "/tmp/test-child-XXXXXX";

static int start(const char *script, struct error *err)
{
	char shell[] = "/bin/sh", option[] = "-c", text[256];
	char *argv[] = { shell, option, text, NULL };
	struct measurement measured;

	(void)snprintf(text, sizeof(text), "%s", script);
	return measure_start(argv, error_path, &measured, err);
}

/* The status of what a process of its own makes of the function: 0 if all is as it should be. */
static int apart(int (*function)(void))
{
	pid_t pid = fork();
	int status;

	assert_true(pid >= 0);
	if (pid == 0)
		_exit(function());
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static bool has_said(const char *text)
{
	char said[64] = "";
	FILE *file = fopen(error_path, "re");

	if (!file)
		return false;
	if (!fgets(said, sizeof(said), file))
		said[0] = '\0';
	(void)fclose(file);
	return strcmp(said, text) == 0;
}

/* A signal while something runs: that is told, and may take down what it has set up. */
static int interrupt(void)
{
	struct error err = ERROR_NONE;

	child_catch_signals();
	if (start("trap 'echo taken down >&2; exit' TERM; sleep 1000 & kill -INT $PPID; wait",
		  &err) == 0)
		return 1;
	if (child_signal() != SIGINT || err.code != EINTR)
		return 2;
	if (!has_said("taken down\n"))
		return 3;
	/* Nothing more is started, but what cleans up. */
	if (start("echo", &err) == 0)
		return 4;
	child_forget_signal();
	if (start("echo clean; echo cleaned >&2", &err) < 0 || !has_said("cleaned\n"))
		return 5;
	return child_signal() == SIGINT ? 0 : 6;
}

static void test_interrupt(void **state)
{
	(void)state;
	assert_int_equal(apart(interrupt), 0);
}

/* One that does not heed SIGTERM ends by the second signal, and what it has started too. */
static int interrupt_twice(void)
{
	struct error err = ERROR_NONE;

	child_catch_signals();
	if (start("trap 'kill -INT $PPID' TERM; sleep 1000 & kill -INT $PPID; while :; do wait; "
		  "done",
		  &err) == 0)
		return 1;
	return child_signal() == SIGINT && err.code == EINTR ? 0 : 2;
}

static void test_impatient(void **state)
{
	(void)state;
	assert_int_equal(apart(interrupt_twice), 0);
}

/* Signals come in only while something waits, so that none is lost just before that. */
static int look_at_masks(void)
{
	struct error err = ERROR_NONE;
	sigset_t blocked;

	child_catch_signals();
	if (sigprocmask(SIG_BLOCK, NULL, &blocked) < 0 || !sigismember(&blocked, SIGINT) ||
	    !sigismember(&blocked, SIGTERM) || !sigismember(&blocked, SIGHUP))
		return 1;
	/* What is started finds them as they were. */
	if (start("test $((0x$(sed -n 's/^SigBlk:\\t//p' /proc/self/status))) = 0 && echo", &err) <
	    0)
		return 2;
	(void)raise(SIGTERM);
	if (start("echo", &err) == 0)
		return 3;
	return child_signal() == SIGTERM ? 0 : 4;
}

static void test_no_signal_is_lost(void **state)
{
	(void)state;
	assert_int_equal(apart(look_at_masks), 0);
}

static int ignore_hangup(void)
{
	struct error err = ERROR_NONE;

	(void)signal(SIGHUP, SIG_IGN);
	child_catch_signals();
	(void)raise(SIGHUP);
	return start("kill -HUP $$; kill -HUP $PPID; echo", &err) < 0 || child_signal();
}

static void test_ignored_stays_so(void **state)
{
	(void)state;
	assert_int_equal(apart(ignore_hangup), 0);
}

/* Begins something that goes on, tells its number, and is killed. */
static int begin_and_die(int told_fd)
{
	char shell[] = "/bin/sh", option[] = "-c", script[] = "echo; exec sleep 1000";
	char *argv[] = { shell, option, script, NULL };
	struct child child;

	if (measure_begin(argv, error_path, &child, NULL) < 0 ||
	    write(told_fd, &child.pid, sizeof(child.pid)) != sizeof(child.pid))
		return 1;
	for (;;)
		(void)pause();
}

static void test_life_is_tied(void **state)
{
	int ends[2], pid_fd;
	struct pollfd ended;
	pid_t pid, child;

	(void)state;
	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0)
		_exit(begin_and_die(ends[1]));
	close(ends[1]);
	assert_int_equal(read(ends[0], &child, sizeof(child)), sizeof(child));
	close(ends[0]);
	pid_fd = pidfd_open(child, 0);
	assert_true(pid_fd >= 0);
	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	ended = (struct pollfd){ .fd = pid_fd, .events = POLLIN };
	assert_int_equal(poll(&ended, 1, LONG_MS), 1);
	close(pid_fd);
}

/* A kernel, or a filter, without pidfd_open(2). */
static int forbid_pidfd_open(void)
{
	struct sock_filter rules[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_pidfd_open, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = { .len = 4, .filter = rules };

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return -1;
	return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program);
}

static int cannot_watch(void)
{
	struct error err = ERROR_NONE;

	if (forbid_pidfd_open() < 0)
		return 1;
	if (start("echo; exec sleep 1000", &err) == 0)
		return 2;
	if (strcmp(err.text, "cannot watch /bin/sh: Function not implemented") != 0)
		return 3;
	/* It has been ended. */
	return waitpid(-1, NULL, 0) == -1 && errno == ECHILD ? 0 : 4;
}

static void test_without_pidfd(void **state)
{
	(void)state;
	assert_int_equal(apart(cannot_watch), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_interrupt),	  cmocka_unit_test(test_impatient),
		cmocka_unit_test(test_no_signal_is_lost), cmocka_unit_test(test_ignored_stays_so),
		cmocka_unit_test(test_life_is_tied),	  cmocka_unit_test(test_without_pidfd),
	};
	int fd = mkstemp(error_path), status;

	if (fd < 0)
		return 1;
	close(fd);
	status = cmocka_run_group_tests(tests, NULL, NULL);
	(void)unlink(error_path);
	return status;
}
