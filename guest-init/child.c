/*
 * The way of an app's process, in order: root and mounts, user, credentials, working directory,
 * standard streams, filter of system calls, execve(). It begins with all power and gives up each
 * part as soon as nothing later needs it. A failure is told to guest-init, and to the app's stderr,
 * where the user looks.
 */
#include "guest-init/child.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/close_range.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "guest-init/credentials.h"
#include "guest-init/exec.h"
#include "guest-init/inside.h"
#include "guest-init/join.h"
#include "guest-init/mounts.h"
#include "guest-init/platform.h"
#include "guest-init/protocol.h"
#include "guest-init/reaper.h"
#include "guest-init/report.h"
#include "guest-init/seccomp.h"
#include "guest-init/terminal.h"
#include "guest-init/users.h"
#include "vmm/base/cleanup.h"

#define DEFAULT_PATH "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

enum {
	USER_FILE_MAX = 4 * 1024 * 1024,
	USER_SPEC_SIZE = 1024, /* of a specification whose paths have become numbers */
};

static _Noreturn void fail(const struct child *child, enum exit_kind kind, int code,
			   const struct error *err)
{
	struct report report = { .type = REPORT_FAILED, .kind = kind, .code = (uint32_t)code };

	memcpy(report.text, err->text, sizeof(report.text));
	if (child->stdio[2] >= 0)
		(void)dprintf(child->stdio[2], "nacelle: %s\n", err->text);
	report_send(child->report, &report, NULL);
	_exit(EXEC_CANNOT);
}

/* What guest-init, or the host, could not do. */
static _Noreturn void fail_ours(const struct child *child, const struct error *err)
{
	fail(child, EXIT_KIND_INIT_FAILURE, err->code ? err->code : EINVAL, err);
}

/* What the image or the user's options do not allow. */
static _Noreturn void fail_theirs(const struct child *child, const struct error *err)
{
	fail(child, EXIT_KIND_NOT_STARTED, EXEC_CANNOT, err);
}

static void give_terminal(struct child *child, struct error *err)
{
	struct report report = { .type = REPORT_TERMINAL };
	int ends[2];

	if (terminal_make(child->app, !child->joined, ends, err) < 0)
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

static struct text read_user_file(const struct child *child, int root, const char *path,
				  struct error *err)
{
	struct text text = { NULL, 0 };
	char *data = NULL;

	if (inside_read(root, path, USER_FILE_MAX, &data, &text.len) < 0) {
		if (errno == ENOENT || errno == ENOTDIR)
			return text;
		error_set(err, errno, "cannot read the image's %s", path);
		fail_theirs(child, err);
	}
	text.at = data;
	return text;
}

/*
 * One half of a user's specification. appc (aci.md, "user, group"): a path stands for the owner, or
 * the group, of what is there; a link that is there is not followed.
 */
static int format_half(char *out, size_t size, const char *half, size_t len, bool is_group,
		       struct error *err)
{
	char path[PATH_MAX];
	struct stat st;
	int n;

	if (half[0] != '/') {
		n = snprintf(out, size, "%.*s", (int)len, half);
		return n >= 0 && (size_t)n < size ? n : error_set(err, ENAMETOOLONG, "user");
	}
	if (len >= sizeof(path))
		return error_set(err, ENAMETOOLONG, "user");
	memcpy(path, half, len);
	path[len] = '\0';
	if (lstat(path, &st) < 0)
		return error_set(err, errno, "cannot find the owner of the image's %s", path);
	return snprintf(out, size, "%u", is_group ? st.st_gid : st.st_uid);
}

/* The specification without paths, as names or numbers. */
static int replace_paths(const char *spec, char out[USER_SPEC_SIZE], struct error *err)
{
	size_t len = strcspn(spec, ":");
	int at = format_half(out, USER_SPEC_SIZE - 1, spec, len, false, err);

	if (at < 0)
		return -1;
	if (!spec[len])
		return 0;
	out[at++] = ':';
	return format_half(out + at, (size_t)(USER_SPEC_SIZE - at), spec + len + 1,
			   strlen(spec + len + 1), true, err) < 0
		   ? -1
		   : 0;
}

static void find_user(const struct child *child, struct user *user, struct error *err)
{
	char replaced[USER_SPEC_SIZE];
	const char *spec = child->app->user ? child->app->user : "0:0";
	const char *group = strchr(spec, ':');
	_cleanup_fd_ int root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	struct text passwd = read_user_file(child, root, "/etc/passwd", err);
	struct text groups = { NULL, 0 };

	if (spec[0] == '/' || (group && group[1] == '/')) {
		if (replace_paths(spec, replaced, err) < 0)
			fail_theirs(child, err);
		spec = replaced;
		group = strchr(spec, ':');
	}
	/* A numeric group needs no look at the list. */
	if (!group || group[1 + strspn(group + 1, "0123456789")])
		groups = read_user_file(child, root, "/etc/group", err);
	if (user_resolve(spec, passwd, groups, user, err) < 0)
		fail_theirs(child, err);
}

static bool has_variable(const struct record_app *app, const char *name)
{
	size_t len = strlen(name);

	for (size_t i = 0; i < app->env_count; i++) {
		if (!strncmp(app->env[i], name, len) && app->env[i][len] == '=')
			return true;
	}
	return false;
}

static void complete_environment(struct record_app *app, const char *home)
{
	static char home_variable[sizeof("HOME=") + USER_HOME_MAX];

	if (!has_variable(app, "PATH"))
		app->env[app->env_count++] = DEFAULT_PATH;
	if (!has_variable(app, "HOME")) {
		(void)snprintf(home_variable, sizeof(home_variable), "HOME=%s", home);
		app->env[app->env_count++] = home_variable;
	}
	if (app->terminal && !has_variable(app, "TERM"))
		app->env[app->env_count++] = "TERM=xterm";
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
	if (errno == ENOENT && !as_user && !child->joined) {
		root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
		fd = inside_make(root, path, true, err);
		close(root);
		if (fd < 0)
			fail_theirs(child, err);
		if (fchdir(fd) == 0) {
			close(fd);
			return true;
		}
	}
	error_set(err, errno, "cannot enter the working directory %s", path);
	fail_theirs(child, err);
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

/* The last steps, in the process that becomes the app. */
static _Noreturn void become_app(const struct child *child, struct error *err)
{
	sigset_t none;
	int code;

	setsid();
	if (child->app->terminal && ioctl(child->stdio[0], TIOCSCTTY, 0) < 0) {
		error_set(err, errno, "cannot take the terminal");
		fail_ours(child, err);
	}
	for (int i = 0; i < 3; i++) {
		if (dup2(child->stdio[i], i) < 0) {
			error_set(err, errno, "cannot open the standard streams");
			fail_ours(child, err);
		}
	}
	syscall(SYS_close_range, 3U, ~0U, CLOSE_RANGE_CLOEXEC);
	umask(022);
	signal(SIGPIPE, SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	if (child->trace) {
		platform_trace(TRACE_GUEST_EXEC);
		platform_trace_enable(false);
	}
	if (seccomp_load(child->app, err) < 0)
		fail_theirs(child, err);
	code = exec_program(child->app->argv, child->app->env, err);
	fail(child, EXIT_KIND_NOT_STARTED, code, err);
}

/* Forks the app off; what remains is the reaper, which keeps nothing open but its status pipe. */
static void leave_reaper(const struct child *child, const struct user *user, struct error *err)
{
	pid_t app;

	reaper_prepare();
	app = fork();
	if (app < 0) {
		error_set(err, errno, "cannot make a process for the app");
		fail_ours(child, err);
	}
	if (app == 0)
		return;
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
	if (child->joined) {
		if (join_app(child, err) < 0)
			fail_ours(child, err);
		return;
	}
	if (unshare(CLONE_NEWCGROUP) < 0) {
		error_set(err, errno, "cannot make a cgroup namespace");
		fail_ours(child, err);
	}
	if (mounts_enter_root(child->app, err) < 0)
		fail_ours(child, err);
}

_Noreturn void child_run(struct child *child)
{
	struct error err = ERROR_NONE;
	struct user user;
	bool entered;

	umask(0);
	child->joined = child->home >= 0;
	enter_namespaces(child, &err);
	if (child->app->terminal)
		give_terminal(child, &err);
	fill_streams(child, &err);
	find_user(child, &user, &err);
	complete_environment(child->app, user.home);
	own_streams(child, user.uid, &err);
	entered = enter_workdir(child, false, &err);
	if (!child->joined && mounts_restrict(child->app, &err) < 0)
		fail_ours(child, &err);
	if (credentials_apply(child->app, &user, &err) < 0)
		fail_theirs(child, &err);
	if (!entered)
		enter_workdir(child, true, &err);
	if (child->status >= 0)
		leave_reaper(child, &user, &err);
	become_app(child, &err);
}
