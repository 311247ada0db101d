/*
 * A process that is measured. It is made by vfork(), as posix_spawn() would, which cannot tie its
 * life to this one's; between that and execve() it only makes system calls.
 */
#include "vmm/bench/child.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "vmm/base/bytes.h"

enum { STOP_TIMEOUT_MS = 15000 }; /* a pod gives its apps ten seconds */

static const int caught_signals[] = { SIGINT, SIGTERM, SIGHUP };

static volatile sig_atomic_t ends_everything; /* until child_forget_signal() */
static volatile sig_atomic_t last_signal;
static volatile sig_atomic_t signal_count;

/* The mask of before child_catch_signals(), while waiting and for what is started. */
static sigset_t unblocked;
static bool is_catching;

static void note_signal(int number)
{
	ends_everything = number;
	last_signal = number;
	signal_count = signal_count + 1;
}

void child_catch_signals(void)
{
	struct sigaction action = { .sa_handler = note_signal }, old;
	sigset_t blocked;

	/* What was ignored (nohup) stays so. */
	sigemptyset(&blocked);
	for (size_t i = 0; i < ARRAY_SIZE(caught_signals); i++) {
		if (sigaction(caught_signals[i], NULL, &old) < 0 || old.sa_handler == SIG_IGN)
			continue;
		sigaddset(&blocked, caught_signals[i]);
		(void)sigaction(caught_signals[i], &action, NULL);
	}
	(void)sigprocmask(SIG_BLOCK, &blocked, is_catching ? NULL : &unblocked);
	is_catching = true;
}

/* With the signals let in; no time is for ever. */
static int wait_with_signals(struct pollfd *watched, nfds_t count, const struct timespec *timeout)
{
	return ppoll(watched, count, timeout, is_catching ? &unblocked : NULL);
}

/* Lets in what has come while nothing was waited for. */
static void take_signals(void)
{
	const struct timespec none = { .tv_sec = 0 };

	(void)wait_with_signals(NULL, 0, &none);
}

int child_signal(void)
{
	take_signals();
	return last_signal;
}

void child_forget_signal(void)
{
	take_signals();
	ends_everything = 0;
}

uint64_t child_now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

/* In the child, which still has its parent's memory. Comes back only with a negative errno. */
static int become(char *const argv[], int output_fd, const char *error_path, pid_t parent)
{
	int null_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	int error_fd = open(error_path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	struct sigaction action;

	if (null_fd < 0 || error_fd < 0 || dup2(null_fd, STDIN_FILENO) < 0 ||
	    dup2(output_fd, STDOUT_FILENO) < 0 || dup2(error_fd, STDERR_FILENO) < 0)
		return -errno;
	(void)setpgid(0, 0);
	if (prctl(PR_SET_PDEATHSIG, SIGTERM) < 0)
		return -errno;
	/* It died before: nobody would tell. */
	if (getppid() != parent)
		return -ESRCH;
	/* The handlers are not to run on the parent's memory. */
	for (size_t i = 0; i < ARRAY_SIZE(caught_signals); i++)
		if (sigaction(caught_signals[i], NULL, &action) == 0 &&
		    action.sa_handler == note_signal)
			(void)signal(caught_signals[i], SIG_DFL);
	(void)signal(SIGPIPE, SIG_DFL);
	if (is_catching)
		(void)sigprocmask(SIG_SETMASK, &unblocked, NULL);
	(void)execvp(argv[0], argv);
	return -errno;
}

static int spawn(struct child *child, char *const argv[], int output_fd, const char *error_path)
{
	const pid_t parent = getpid();
	volatile int failed = 0;
	pid_t pid = vfork();

	if (pid < 0)
		return -errno;
	if (pid == 0) {
		failed = become(argv, output_fd, error_path, parent);
		_exit(127);
	}
	child->pid = pid;
	return failed;
}

static void release(struct child *child)
{
	if (child->pid_fd >= 0)
		close(child->pid_fd);
	if (child->output_fd >= 0)
		close(child->output_fd);
	*child = (struct child)CHILD_NONE;
}

static void kill_and_reap(struct child *child)
{
	/* It is not reaped yet, so that its number is that of no other group. */
	(void)kill(-child->pid, SIGKILL);
	(void)kill(child->pid, SIGKILL);
	while (waitpid(child->pid, NULL, 0) < 0 && errno == EINTR)
		;
}

int child_begin(struct child *child, char *const argv[], const char *error_path, struct error *err)
{
	int ends[2], failed;

	*child = (struct child)CHILD_NONE;
	take_signals();
	if (ends_everything)
		return error_set(err, EINTR, "%s", argv[0]);
	if (pipe2(ends, O_CLOEXEC) < 0)
		return error_set(err, errno, "cannot make a pipe");
	child->output_fd = ends[0];
	failed = spawn(child, argv, ends[1], error_path);
	close(ends[1]);
	if (failed == 0) {
		child->pid_fd = pidfd_open(child->pid, 0);
		if (child->pid_fd >= 0 && fcntl(child->output_fd, F_SETFL, O_NONBLOCK) == 0)
			return 0;
		(void)error_set(err, errno, "cannot watch %s", argv[0]);
	} else {
		(void)error_set(err, -failed, "cannot start %s", argv[0]);
	}
	if (child->pid > 0)
		kill_and_reap(child);
	release(child);
	return -1;
}

static bool is_over(uint64_t deadline_ns, struct timespec *left)
{
	uint64_t now_ns = child_now_ns();
	uint64_t left_ns = now_ns < deadline_ns ? deadline_ns - now_ns : 0;

	left->tv_sec = (time_t)(left_ns / 1000000000);
	left->tv_nsec = (long)(left_ns % 1000000000);
	return left_ns == 0;
}

int child_wait(struct pollfd watched[2], uint64_t deadline_ns)
{
	for (;;) {
		struct timespec left;
		bool is_last_look = is_over(deadline_ns, &left);
		int ready = wait_with_signals(watched, 2, &left);

		if (ends_everything)
			return -EINTR;
		if (ready > 0)
			return 0;
		if (ready < 0 && errno != EINTR)
			return -errno;
		if (ready == 0 && is_last_look)
			return -ETIMEDOUT;
	}
}

/* Until it has ended, or nobody wants to wait any longer. */
static void wait_for_end(const struct child *child)
{
	struct pollfd watched[2] = { { .fd = child->output_fd, .events = POLLIN },
				     { .fd = child->pid_fd, .events = POLLIN } };
	uint64_t deadline_ns = child_now_ns() + STOP_TIMEOUT_MS * UINT64_C(1000000);
	const sig_atomic_t count = signal_count;
	struct timespec left;
	char bytes[4096];

	while (signal_count == count && !is_over(deadline_ns, &left)) {
		int ready = wait_with_signals(watched, 2, &left);

		if (ready < 0 && errno != EINTR)
			return;
		if (ready <= 0)
			continue;
		if (watched[1].revents)
			return;
		if (read(child->output_fd, bytes, sizeof(bytes)) == 0)
			watched[0].fd = -1;
	}
}

void child_stop(struct child *child)
{
	if (child->pid > 0) {
		(void)kill(child->pid, SIGTERM);
		wait_for_end(child);
		kill_and_reap(child);
	}
	release(child);
}
