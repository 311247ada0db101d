/*
 * Between a container's start and its program. The hooks are the image's or the engine's, and no
 * more trusted than the program.
 */
#include "guest-init/start_hooks.h"

#include <errno.h>
#include <linux/close_range.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "guest-init/protocol.h"
#include "guest-init/seccomp.h"
#include "vmm/base/cleanup.h"
#include "vmm/base/io.h"

enum { STATUS_CANNOT = 127 };

static _Noreturn void become_hook(const struct record_app *app, const struct record_hook *hook,
				  int input, const int stdio[3])
{
	union {
		const char **list;
		char *const *words;
	} argv = { hook->argv }, env = { hook->env };
	struct error err = ERROR_NONE;
	sigset_t none;

	setsid();
	if (dup2(input, 0) < 0 || dup2(stdio[1], 1) < 0 || dup2(stdio[2], 2) < 0)
		_exit(STATUS_CANNOT);
	syscall(SYS_close_range, 3U, ~0U, CLOSE_RANGE_CLOEXEC);
	umask(app->umask);
	signal(SIGPIPE, SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	if (seccomp_load(app, &err) == 0) {
		execve(hook->path, argv.words, env.words);
		error_set(&err, errno, "cannot execute %s", hook->path);
	}
	(void)dprintf(2, "nacelle: %s\n", err.text);
	_exit(STATUS_CANNOT);
}

static int64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Its group too, which it may not lead yet. */
static void end_hook(pid_t pid)
{
	(void)kill(-pid, SIGKILL);
	(void)kill(pid, SIGKILL);
}

/* Returns 1 if it ends in time; 0 if not, or -1 with err filled: then it is killed. */
static int await(pid_t pid, const struct record_hook *hook, struct error *err)
{
	_cleanup_fd_ int pidfd = hook->timeout_s ? (int)syscall(SYS_pidfd_open, pid, 0) : -1;
	int64_t end_ms = now_ms() + (int64_t)hook->timeout_s * 1000, left_ms;
	struct pollfd fd = { .fd = pidfd, .events = POLLIN };

	if (!hook->timeout_s)
		return 1;
	if (pidfd < 0) {
		error_set(err, errno, "cannot wait for the startContainer hook %s", hook->path);
		end_hook(pid);
		return -1;
	}
	while (!fd.revents) {
		left_ms = end_ms - now_ms();
		if (left_ms <= 0) {
			end_hook(pid);
			return 0;
		}
		if (poll(&fd, 1, left_ms > INT32_MAX ? INT32_MAX : (int)left_ms) < 0)
			fd.revents = 0;
	}
	return 1;
}

static int run_one(const struct record_app *app, const struct record_hook *hook, const int stdio[3],
		   struct start_failure *why, struct error *err)
{
	_cleanup_fd_ int input = memfd_create("state", MFD_CLOEXEC);
	int status = 0, in_time;
	pid_t pid;

	if (input < 0 || io_write_all(input, app->start_state, strlen(app->start_state)) < 0 ||
	    lseek(input, 0, SEEK_SET) < 0)
		return error_set(err, errno, "cannot tell a hook of the container");
	pid = fork();
	if (pid < 0)
		return error_set(err, errno, "cannot make a process for a hook");
	if (pid == 0)
		become_hook(app, hook, input, stdio);
	in_time = await(pid, hook, err);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (in_time < 0)
		return -1;
	why->step = in_time ? START_STEP_HOOK : START_STEP_HOOK_LATE;
	why->error = in_time ? (uint16_t)status : 0;
	if (!in_time)
		return error_set(err, 0,
				 "the startContainer hook %s did not end within %u seconds and "
				 "was killed",
				 hook->path, hook->timeout_s);
	if (status)
		return error_set(err, 0, "the startContainer hook %s ended with %s %d", hook->path,
				 WIFSIGNALED(status) ? "signal" : "status",
				 WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
	return 0;
}

int start_hooks_run(const struct record_app *app, const int stdio[3], struct start_failure *why,
		    struct error *err)
{
	for (size_t i = 0; i < app->start_hook_count; i++) {
		*why = (struct start_failure){ .step = START_STEP_OTHER };
		if (run_one(app, &app->start_hooks[i], stdio, why, err) == 0)
			continue;
		if (why->step == START_STEP_OTHER)
			why->error = (uint16_t)err->code;
		else
			why->hook = (uint8_t)i;
		return -1;
	}
	return 0;
}
