/*
 * The way of an app's process, in order: root and mounts, working directory, pre-start handler,
 * user, credentials, standard streams, filter of system calls, execve(). It begins with all power
 * and gives up each part as soon as nothing later needs it. A failure is told to guest-init, and to
 * the app's stderr, where the user looks.
 */
#include "guest-init/child.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "guest-init/credentials.h"
#include "guest-init/exec.h"
#include "guest-init/identity.h"
#include "guest-init/inside.h"
#include "guest-init/join.h"
#include "guest-init/mounts.h"
#include "guest-init/platform.h"
#include "guest-init/protocol.h"
#include "guest-init/reaper.h"
#include "guest-init/report.h"
#include "guest-init/seccomp.h"
#include "guest-init/start_hooks.h"
#include "guest-init/terminal.h"
#include "vmm/base/cleanup.h"

static _Noreturn void fail(const struct child *child, enum exit_kind kind, int code,
			   const struct start_failure *why, const struct error *err)
{
	struct report report = {
		.type = REPORT_FAILED, .kind = kind, .code = (uint32_t)code, .why = *why
	};

	memcpy(report.text, err->text, sizeof(report.text));
	if (child->stdio[2] >= 0)
		(void)dprintf(child->stdio[2], "nacelle: %s\n", err->text);
	report_send(child->report, &report, NULL);
	_exit(kind == EXIT_KIND_NOT_STARTED ? code : EXEC_CANNOT);
}

/* What guest-init, or the host, could not do. */
static _Noreturn void fail_ours(const struct child *child, const struct error *err)
{
	const struct start_failure none = { .step = START_STEP_OTHER };

	fail(child, EXIT_KIND_INIT_FAILURE, err->code ? err->code : EINVAL, &none, err);
}

/* What the image or the user's options do not allow. */
static _Noreturn void fail_theirs(const struct child *child, enum start_step step,
				  const struct error *err)
{
	const struct start_failure why = { .step = (uint8_t)step, .error = (uint16_t)err->code };

	fail(child, EXIT_KIND_NOT_STARTED, EXEC_CANNOT, &why, err);
}

static _Noreturn void fail_program(const struct child *child, int code, const struct error *err)
{
	const struct start_failure why = { .step = START_STEP_PROGRAM,
					   .error = (uint16_t)err->code };

	fail(child, EXIT_KIND_NOT_STARTED, code, &why, err);
}

/* What guest-init keeps of the app beyond this process: its mounts. */
static void give_mounts(const struct child *child, struct error *err)
{
	struct report report = { .type = REPORT_MOUNTS };
	_cleanup_fd_ int mounts = open("/proc/self/ns/mnt", O_RDONLY | O_CLOEXEC);

	if (mounts < 0 ||
	    report_send(child->report, &report, (const int[]){ mounts, mounts }) < 0) {
		error_set(err, errno, "cannot hand over the mount namespace");
		fail_ours(child, err);
	}
}

static void give_terminal(struct child *child, struct error *err)
{
	struct report report = { .type = REPORT_TERMINAL };
	int ends[2];

	if (terminal_make(child->app, child->part != CHILD_JOINED, ends, err) < 0)
		fail_ours(child, err);
	if (report_send(child->report, &report, ends) < 0) {
		error_set(err, errno, "cannot hand over the terminal");
		fail_ours(child, err);
	}
	close(ends[0]);
	for (int i = 0; i < 3; i++)
		child->stdio[i] = ends[1];
}

/* A stream without a port is the /dev/null of the app's own root. */
static void fill_streams(struct child *child, struct error *err)
{
	for (int i = 0; i < 3; i++) {
		if (child->stdio[i] == i)
			child->stdio[i] = open("/dev/null", O_RDWR | O_CLOEXEC);
		if (child->stdio[i] < 0) {
			error_set(err, errno, "cannot open /dev/null");
			fail_ours(child, err);
		}
	}
}

/* As runc: made if missing; what only the user may enter is entered as the user. */
static bool enter_workdir(const struct child *child, bool as_user, struct error *err)
{
	const char *path = child->app->workdir;
	int fd, root;

	if (chdir(path) == 0)
		return true;
	if (errno == EACCES && !as_user)
		return false;
	if (errno == ENOENT && !as_user && child->part != CHILD_JOINED) {
		root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
		fd = inside_make(root, path, true, err);
		close(root);
		if (fd < 0)
			fail_theirs(child, START_STEP_WORKDIR, err);
		if (fchdir(fd) == 0) {
			close(fd);
			return true;
		}
	}
	error_set(err, errno, "cannot enter the working directory %s", path);
	fail_theirs(child, START_STEP_WORKDIR, err);
}

/* A pipe or terminal that is root's could not be opened as /dev/stdout by another user. */
static void own_streams(const struct child *child, uint32_t uid, struct error *err)
{
	for (int i = 0; uid != 0 && i < 3; i++) {
		struct stat st;

		if (fstat(child->stdio[i], &st) == 0 && st.st_uid != uid &&
		    (S_ISFIFO(st.st_mode) || child->app->terminal) &&
		    fchown(child->stdio[i], uid, (gid_t)-1) < 0) {
			error_set(err, errno, "cannot hand the standard streams to user %u", uid);
			fail_ours(child, err);
		}
	}
}

/* Only the app has the terminal as its controlling one; handlers come and go. */
static void take_terminal(const struct child *child, struct error *err)
{
	if (child->app->terminal && ioctl(child->stdio[0], TIOCSCTTY, 0) < 0) {
		error_set(err, errno, "cannot take the terminal");
		fail_ours(child, err);
	}
}

/* The last steps, in the process that becomes the program. */
static _Noreturn void become(const struct child *child, const char **argv, struct error *err)
{
	sigset_t none;
	int code;

	for (int i = 0; i < 3; i++) {
		if (dup2(child->stdio[i], i) < 0) {
			error_set(err, errno, "cannot open the standard streams");
			fail_ours(child, err);
		}
	}
	syscall(SYS_close_range, 3U, ~0U, CLOSE_RANGE_CLOEXEC);
	umask(child->app->umask);
	signal(SIGPIPE, SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	if (child->trace) {
		if (child->part == CHILD_FIRST && argv == child->app->argv)
			platform_trace(TRACE_GUEST_EXEC);
		platform_trace_enable(false);
	}
	if (seccomp_load(child->app, err) < 0)
		fail_theirs(child, START_STEP_OTHER, err);
	code = exec_program(argv, child->app->env, err);
	fail_program(child, code, err);
}

/* A handler is root, with what the app's limits leave of a root. */
static _Noreturn void become_handler(struct child *child, const char **argv, struct error *err)
{
	static struct user root = { .home = "/root" };

	identity_complete_environment(child->app, root.home);
	if (credentials_apply(child->app, &root, err) < 0)
		fail_theirs(child, START_STEP_CREDENTIALS, err);
	setsid();
	become(child, argv, err);
}

static void run_pre_start(struct child *child, struct error *err)
{
	struct child handler;
	pid_t pid = -1;
	int status = 0;

	/* It may take its time, and streams of others shall end when PID 1 ends them. */
	if (join_close_others(child) == 0)
		pid = fork();
	if (pid < 0) {
		error_set(err, errno, "cannot make a process for the pre-start handler");
		fail_ours(child, err);
	}
	handler = *child;
	handler.report = -1;
	if (pid == 0)
		become_handler(&handler, child->app->pre_start, err);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (status == 0)
		return;
	error_set(err, 0, "the pre-start handler %s ended with %s %d", child->app->pre_start[0],
		  WIFSIGNALED(status) ? "signal" : "status",
		  WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
	fail_theirs(child, START_STEP_OTHER, err);
}

/* Forks the app off; what remains is the reaper, which keeps nothing open but its status pipe. */
static void leave_reaper(const struct child *child, const struct user *user, struct error *err)
{
	int ready[2];
	char none;
	pid_t app;

	reaper_prepare();
	app = pipe2(ready, O_CLOEXEC) < 0 ? -1 : fork();
	if (app < 0) {
		error_set(err, errno, "cannot make a process for the app");
		fail_ours(child, err);
	}
	if (app == 0) {
		/* Until the reaper has only what the app may have, too. */
		close(ready[1]);
		while (read(ready[0], &none, sizeof(none)) < 0 && errno == EINTR)
			;
		close(ready[0]);
		return;
	}
	if (credentials_finish(child->app, user, err) < 0)
		fail_ours(child, err);
	if (child->trace)
		platform_trace_enable(false);
	dup2(child->status, 0);
	syscall(SYS_close_range, 1U, ~0U, 0);
	reaper_run(app, 0);
}

static void enter_namespaces(struct child *child, struct error *err)
{
	int result = 0;

	if (child->part != CHILD_JOINED && unshare(CLONE_NEWCGROUP) < 0) {
		error_set(err, errno, "cannot make a cgroup namespace");
		fail_ours(child, err);
	}
	if (child->part == CHILD_FIRST && child->app->hostname &&
	    sethostname(child->app->hostname, strlen(child->app->hostname)) < 0) {
		error_set(err, errno, "cannot set the host name \"%s\"", child->app->hostname);
		fail_ours(child, err);
	}
	switch (child->part) {
	case CHILD_FIRST:
		result = mounts_enter_root(child->app, err);
		break;
	case CHILD_AGAIN:
	case CHILD_POST_STOP:
		result = mounts_return(child->mounts, child->app, err);
		break;
	case CHILD_JOINED:
		result = join_app(child, err);
		break;
	}
	if (result < 0)
		fail_ours(child, err);
}

/* Namespaces, root and standard streams: where the app, or its handler, is at home. */
static void settle(struct child *child, struct error *err)
{
	enter_namespaces(child, err);
	if (child->app->oom_score_adj && credentials_oom_score(child->app, err) < 0)
		fail_ours(child, err);
	if (child->part == CHILD_FIRST && child->gives_mounts)
		give_mounts(child, err);
	if (child->app->terminal && child->stdio[0] < 0)
		give_terminal(child, err);
	fill_streams(child, err);
}

static _Noreturn void run_post_stop(struct child *child, struct error *err)
{
	if (chdir(child->app->workdir) < 0 && chdir("/") < 0)
		error_set(err, errno, "cannot enter the root");
	become_handler(child, child->app->post_stop, err);
}

/* Until execve() no process of the app may trace this one, or open what it holds of PID 1's. */
static void guard(const struct child *child, struct error *err)
{
	if (prctl(PR_SET_DUMPABLE, 0) == 0)
		return;
	error_set(err, errno, "cannot guard a process from the app");
	fail_ours(child, err);
}

/*
 * Masks what is to be masked. Returns whether the working directory has been entered: where the
 * process stands may lie under what is masked now, so it is entered anew, and from "/", since
 * /proc/self/cwd would lead back there.
 */
static bool restrict_mounts(struct child *child, bool entered, struct error *err)
{
	if (mounts_restrict(child->app, err) < 0)
		fail_ours(child, err);
	if (chdir("/") < 0) {
		error_set(err, errno, "cannot enter the root");
		fail_ours(child, err);
	}
	return entered && enter_workdir(child, false, err);
}

/*
 * All is done that can fail, and the program is there: its turn comes when the host says so. Until
 * then streams of others shall end when PID 1 ends them.
 */
static void wait_for_start(struct child *child, struct error *err)
{
	const struct report report = { .type = REPORT_HELD };
	int code = exec_check(child->app->argv[0], child->app->env, err);

	if (code)
		fail_program(child, code, err);
	if (join_close_others(child) < 0 || report_send(child->report, &report, NULL) < 0 ||
	    report_await_release(child->report) < 0) {
		error_set(err, errno, "cannot wait for the start");
		fail_ours(child, err);
	}
}

_Noreturn void child_run(struct child *child)
{
	struct error err = ERROR_NONE;
	struct start_failure why;
	struct user user;
	bool entered;

	umask(0);
	guard(child, &err);
	settle(child, &err);
	if (child->part == CHILD_POST_STOP)
		run_post_stop(child, &err);
	entered = enter_workdir(child, false, &err);
	if (child->part == CHILD_FIRST)
		entered = restrict_mounts(child, entered, &err);
	if (child->part != CHILD_JOINED && child->app->pre_start[0])
		run_pre_start(child, &err);
	if (identity_find(child->app->user, &user, &err) < 0)
		fail_theirs(child, START_STEP_USER, &err);
	identity_complete_environment(child->app, user.home);
	own_streams(child, user.uid, &err);
	if (credentials_apply(child->app, &user, &err) < 0)
		fail_theirs(child, START_STEP_CREDENTIALS, &err);
	if (!entered)
		enter_workdir(child, true, &err);
	if (child->status >= 0)
		leave_reaper(child, &user, &err);
	setsid();
	take_terminal(child, &err);
	if (child->part == CHILD_FIRST && child->app->hold)
		wait_for_start(child, &err);
	if (child->part == CHILD_FIRST && start_hooks_run(child->app, child->stdio, &why, &err) < 0)
		fail(child, EXIT_KIND_NOT_STARTED, EXEC_CANNOT, &why, &err);
	become(child, child->app->argv, &err);
}
