/*
 * Apps from PID 1's side. Nothing here waits for an app or for the host.
 */
#include "guest-init/app_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "guest-init/cgroup.h"
#include "guest-init/child.h"
#include "guest-init/log.h"
#include "guest-init/mounts.h"
#include "guest-init/platform.h"
#include "guest-init/report.h"
#include "guest-init/system.h"
#include "guest-init/terminal.h"
#include "vmm/base/cleanup.h"

static void close_end(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

/* Whether there may be another process after the first. */
static bool comes_back(const struct app *app)
{
	return !app->joined &&
	       (app->config->restart != RECORD_RESTART_NO || app->config->post_stop[0]);
}

void app_init(struct app *app, struct record_app *config, uint32_t index, bool trace)
{
	app->config = config;
	app->index = app->group = index;
	app->trace = trace;
	app->report = app->status = app->mounts = -1;
	app->terminal_socket = app->terminal_slave = -1;
	for (int i = 0; i < APP_STREAMS; i++) {
		app->ends[i] = app->reserved[i] = -1;
		stream_open(&app->streams[i], -1, -1, -1);
	}
}

/* Begins the connection of a stream and returns its socket. */
static int connect_stream(struct app *app, int index, struct error *err)
{
	_cleanup_fd_ int socket = app->reserved[index];

	app->reserved[index] = -1;
	if (socket < 0)
		return platform_connect(app->config->ports[index], err);
	if (platform_connect_from(socket, app->config->ports[index], err) < 0)
		return -1;
	return steal_fd(&socket);
}

/* A pipe whose end for guest-init does not block; the first stream's is read by the app. */
static int make_pipe(struct app *app, int index, struct error *err)
{
	_cleanup_fd_ int socket = connect_stream(app, index, err);
	bool input = index == 0;
	int ends[2], ours;

	if (socket < 0)
		return -1;
	if (pipe2(ends, O_CLOEXEC) < 0)
		return error_set(err, errno, "cannot make a pipe");
	ours = ends[input];
	app->ends[index] = ends[!input];
	if (fcntl(ours, F_SETFL, O_NONBLOCK) < 0)
		return error_set(err, errno, "cannot set up a pipe");
	stream_open(&app->streams[index], steal_fd(&socket), input ? ours : -1, input ? -1 : ours);
	return 0;
}

int app_connect(struct app *app, struct error *err)
{
	const struct record_app *config = app->config;

	if (config->terminal) {
		if (config->ports[0])
			app->terminal_socket = connect_stream(app, 0, err);
		return config->ports[0] && app->terminal_socket < 0 ? -1 : 0;
	}
	for (int i = 0; i < APP_STREAMS; i++) {
		if (config->ports[i] && make_pipe(app, i, err) < 0)
			return -1;
	}
	return 0;
}

/* The end of the first process has hung the terminal up; whoever opens it anew may use it. */
static void reopen_terminal(struct app *app)
{
	int master = app->streams[0].source;
	int slave = master < 0 ? -1 : terminal_open_slave(master);

	close_end(&app->terminal_slave);
	app->terminal_slave = slave;
}

/*
 * Streams without a port get guest-init's own descriptors 0 to 2, which are /dev/null; so do those
 * of a terminal whose host has gone.
 */
static void fill_child_streams(struct app *app, struct child *child)
{
	bool terminal = app->config->terminal;
	bool first = child->part == CHILD_FIRST || child->part == CHILD_JOINED;

	if (terminal && !first)
		reopen_terminal(app);
	for (int i = 0; i < APP_STREAMS; i++) {
		int end = terminal ? app->terminal_slave : app->ends[i];

		child->stdio[i] = end >= 0 || (terminal && first) ? end : i;
	}
}

/* The new process is in the cgroup from its first instruction: no migration, no waiting. */
static pid_t clone_into_cgroup(uint32_t index, uint64_t namespaces, struct error *err)
{
	struct clone_args args = { .flags = namespaces | CLONE_INTO_CGROUP,
				   .exit_signal = SIGCHLD };
	_cleanup_fd_ int cgroup = cgroup_open(DIR_CGROUP, index, err);
	pid_t pid;

	if (cgroup < 0)
		return -1;
	args.cgroup = (unsigned)cgroup;
	pid = (pid_t)syscall(SYS_clone3, &args, sizeof(args));
	if (pid < 0)
		return error_set(err, errno, "cannot make a process for the app");
	return pid;
}

static void close_child_ends(struct app *app, struct child *child)
{
	for (int i = 0; !comes_back(app) && i < APP_STREAMS; i++)
		close_end(&app->ends[i]);
	close_end(&child->report);
	close_end(&child->status);
}

/*
 * A PID namespace is for the children that a process has from then on, so PID 1 itself changes to
 * the app's for as long as the clone takes. All else the child joins by itself.
 */
static pid_t clone_beside(uint32_t index, int home_fd, struct error *err)
{
	_cleanup_fd_ int own_fd = (int)syscall(SYS_pidfd_open, getpid(), 0);
	pid_t pid;

	if (own_fd < 0 || syscall(SYS_setns, home_fd, CLONE_NEWPID) < 0)
		return error_set(err, errno, "cannot enter the app's namespace of processes");
	pid = clone_into_cgroup(index, 0, err);
	if (pid != 0 && syscall(SYS_setns, own_fd, CLONE_NEWPID) < 0)
		return error_set(err, errno, "cannot leave the app's namespace of processes");
	return pid;
}

/* Only the first process has mounts to make. */
static pid_t clone_child(const struct app *app, const struct child *child, struct error *err)
{
	uint64_t namespaces = CLONE_NEWPID;

	if (child->part == CHILD_JOINED)
		return clone_beside(app->group, child->home, err);
	if (child->part == CHILD_FIRST)
		namespaces |= CLONE_NEWNS | (app->config->own_ipc ? CLONE_NEWIPC : 0) |
			      (app->config->hostname ? CLONE_NEWUTS : 0);
	return clone_into_cgroup(app->group, namespaces, err);
}

/* Makes the pipes by which the process speaks, and the process. */
static int start_child(struct app *app, struct child *child, struct error *err)
{
	int report[2], status[2] = { -1, -1 };

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, report) < 0 ||
	    (app->config->init && child->part <= CHILD_AGAIN &&
	     pipe2(status, O_CLOEXEC | O_NONBLOCK) < 0))
		return error_set(err, errno, "cannot make a pipe");
	app->report = report[0];
	app->status = status[0];
	child->report = report[1];
	child->status = status[1];
	fill_child_streams(app, child);
	app->pid = clone_child(app, child, err);
	if (app->pid == 0)
		child_run(child);
	close_child_ends(app, child);
	if (app->pid < 0) {
		close_end(&app->report);
		return -1;
	}
	app_end_held(app);
	return 0;
}

int app_start(struct app *app, struct error *err)
{
	struct child child = { .app = app->config,
			       .part = app->mounts < 0 ? CHILD_FIRST : CHILD_AGAIN,
			       .mounts = app->mounts,
			       .home = -1,
			       .gives_mounts = comes_back(app),
			       .trace = app->trace };

	if (child.part == CHILD_FIRST && cgroup_make(DIR_CGROUP, app->group, app->config, err) < 0)
		return -1;
	app->state = APP_STARTING;
	app->failed = app->held = false;
	app->ended_by = 0;
	app->flags = 0;
	return start_child(app, &child, err);
}

bool app_has_post_stop(const struct app *app)
{
	return app->config->post_stop[0] && app->mounts >= 0;
}

int app_start_post_stop(struct app *app, struct error *err)
{
	struct child child = { .app = app->config,
			       .part = CHILD_POST_STOP,
			       .mounts = app->mounts,
			       .home = -1,
			       .trace = app->trace };

	app->state = APP_CLEANING;
	return start_child(app, &child, err);
}

void app_init_member(struct app *app, struct record_app *config, const int sockets[APP_STREAMS])
{
	uint32_t group = app->group;

	app_init(app, config, app->index, false);
	app->group = group;
	for (int i = 0; i < APP_STREAMS; i++)
		app->reserved[i] = sockets[i];
}

int app_join(struct app *app, struct record_app *config, const struct app *home,
	     const int sockets[APP_STREAMS], struct error *err)
{
	_cleanup_fd_ int home_fd = (int)syscall(SYS_pidfd_open, home->pid, 0);
	struct child child = { .app = config, .part = CHILD_JOINED, .mounts = -1, .home = home_fd };

	app_init_member(app, config, sockets);
	app->state = APP_STARTING;
	app->joined = true;
	app->group = home->group;
	if (home_fd < 0)
		return error_set(err, errno, "cannot find the app's process");
	return app_connect(app, err) < 0 ? -1 : start_child(app, &child, err);
}

void app_wants(const struct app *app, struct pollfd *fds)
{
	fds[0] = (struct pollfd){ .fd = app->report, .events = POLLIN };
	for (int i = 0; i < APP_STREAMS; i++)
		stream_wants(&app->streams[i], &fds[1 + i * STREAM_POLLFDS]);
}

/* Its process has said the last, and nothing of its program: it is dead. */
static bool has_died_early(const struct app *app)
{
	return app->failed || app->held || app->ended_by ||
	       (app->config->hold && !app->joined && !app->held_told);
}

/* Takes what the app's process has said so far. */
static void read_reports(struct app *app)
{
	struct report report;
	int fds[2], got;

	while (app->report >= 0 && (got = report_receive(app->report, &report, fds)) != -1) {
		if (got == 0) {
			close_end(&app->report);
			if (app->state != APP_STARTING || has_died_early(app))
				break;
			app->state = APP_RUNNING;
			app_send_held_signals(app);
		} else if (report.type == REPORT_TERMINAL) {
			stream_open(&app->streams[0], steal_fd(&app->terminal_socket), fds[0],
				    fds[0]);
			app->terminal_slave = fds[1];
		} else if (report.type == REPORT_MOUNTS) {
			close_end(&fds[1]);
			app->mounts = fds[0];
		} else if (report.type == REPORT_HELD) {
			app->held = app->config->hold;
			app_end_held(app);
		} else if (app->state == APP_STARTING) {
			app->failed = true;
			app->kind = (enum exit_kind)report.kind;
			app->code = report.code;
			app->why = report.why;
			if (app->kind == EXIT_KIND_INIT_FAILURE)
				log_error(report.text);
		}
	}
}

int app_step(struct app *app, const struct pollfd *fds, struct error *err)
{
	if (fds[0].revents)
		read_reports(app);
	for (int i = 0; i < APP_STREAMS; i++) {
		if (stream_step(&app->streams[i], &fds[1 + i * STREAM_POLLFDS]) < 0)
			return error_set(err, errno, "cannot connect a stream of app %s",
					 app->config->name);
	}
	return 0;
}

static void decode_status(struct app *app, int wait_status)
{
	int inner;

	/* An app may have reached the reaper's pipe: what no process ends with is not believed. */
	if (app->status >= 0 && read(app->status, &inner, sizeof(inner)) == sizeof(inner) &&
	    (WIFEXITED(inner) || (WIFSIGNALED(inner) && WTERMSIG(inner) < NSIG)))
		wait_status = inner;
	if (WIFSIGNALED(wait_status)) {
		app->kind = EXIT_KIND_SIGNAL;
		app->code = (uint32_t)WTERMSIG(wait_status);
		if (app->code == SIGKILL && app->ended_by)
			app->code = (uint32_t)app->ended_by;
		app->flags = WCOREDUMP(wait_status) ? EXIT_FLAG_CORE : 0;
	} else {
		app->kind = EXIT_KIND_CODE;
		app->code = (uint32_t)WEXITSTATUS(wait_status);
	}
}

/* A SIGKILL that nobody has asked for; or one of a child's, whose status a shell passes on. */
static bool was_killed(const struct app *app)
{
	if (app->ended_by)
		return false;
	if (app->kind == EXIT_KIND_SIGNAL)
		return app->code == SIGKILL;
	return app->kind == EXIT_KIND_CODE && app->code == 128 + SIGKILL;
}

/*
 * That may be the OOM killer's work. What was added takes no part: it ends with its app, before it,
 * and would take the app's kill for its own.
 */
static void find_oom(struct app *app)
{
	struct error ignored = ERROR_NONE;

	if (app->joined || !was_killed(app))
		return;
	(void)system_proc(&ignored);
	if (cgroup_take_oom_kill(DIR_CGROUP, app->group, "/proc/vmstat", &app->oom_kills))
		app->flags |= EXIT_FLAG_OOM;
}

void app_process_ended(struct app *app, int wait_status)
{
	read_reports(app);
	if (app->state != APP_CLEANING && !app->failed) {
		decode_status(app, wait_status);
		find_oom(app);
	}
	close_end(&app->report);
	close_end(&app->status);
	app->held_signals = 0;
}

struct frame_app_exit app_exit_frame(const struct app *app)
{
	struct frame_app_exit frame = { .app = le32_make(app->index),
					.kind = le32_make(app->kind),
					.code = le32_make(app->code),
					.flags = le32_make(app->flags) };

	if (app->kind == EXIT_KIND_NOT_STARTED) {
		frame.step = app->why.step;
		frame.hook = app->why.hook;
		frame.error = le16_make(app->why.error);
	}
	return frame;
}

int app_end(struct app *app, struct error *err)
{
	const struct pollfd none[STREAM_POLLFDS] = { 0 };
	int result = 0;

	app->state = APP_ENDED;
	close_end(&app->terminal_socket);
	for (int i = 0; i < APP_STREAMS; i++) {
		close_end(&app->ends[i]);
		stream_app_ended(&app->streams[i]);
		if (stream_step(&app->streams[i], none) < 0 && result == 0)
			result = error_set(err, errno, "cannot connect a stream of app %s",
					   app->config->name);
	}
	return result;
}

bool app_finish(struct app *app)
{
	if (app->state != APP_ENDED)
		return false;
	for (int i = 0; i < APP_STREAMS; i++) {
		if (!stream_is_done(&app->streams[i]))
			return false;
	}
	app->state = APP_DONE;
	return true;
}

void app_close(struct app *app)
{
	for (int i = 0; i < APP_STREAMS; i++) {
		stream_close(&app->streams[i]);
		close_end(&app->ends[i]);
		close_end(&app->reserved[i]);
	}
	close_end(&app->terminal_slave);
	close_end(&app->terminal_socket);
	close_end(&app->mounts);
}

void app_release(struct app *app)
{
	/* What has been killed, or has gone, stays held to its end: it never starts. */
	if (!app->held || app->ended_by || app->report < 0)
		return;
	(void)report_release(app->report);
	app->held = false;
}

void app_resize(struct app *app, uint16_t rows, uint16_t columns)
{
	if (app->terminal_slave >= 0)
		terminal_resize(app->terminal_slave, rows, columns);
	app->config->rows = rows;
	app->config->columns = columns;
}
