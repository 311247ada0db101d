/*
 * The loop of PID 1: one poll() over the control connection, SIGCHLD and all apps.
 *
 * poll() and not epoll: the set is small and changes with every step, and a pod that prints one
 * line needs no call to register anything.
 */
#include "guest-init/pod.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "guest-init/added.h"
#include "guest-init/app.h"
#include "guest-init/platform.h"

struct pod {
	struct control *control;
	struct app *apps;
	size_t app_count;
	size_t left; /* apps that are not done */
	int sigchld; /* signalfd */
	struct pollfd *fds;
	struct added added;
	struct error *err; /* filled by handle_frame(), if the host cannot be told */
	bool broken;
	bool trace;
	bool failed; /* exit is that of the first app that failed */
	struct frame_pod_exit exit;
};

/* Entries of the poll set: these, then APP_POLLFDS for each app, then those of added processes. */
enum { POLL_CONTROL, POLL_SIGCHLD, POLL_APPS };

static void signal_all(struct pod *pod, uint32_t signal)
{
	for (size_t i = 0; i < pod->app_count; i++)
		app_signal(&pod->apps[i], signal);
}

static void handle_added(struct pod *pod, const struct host_frame *frame)
{
	if (frame->type == FRAME_SIGNAL)
		pod->broken |= added_signal(&pod->added, frame->app, frame->signal, pod->err) < 0;
	else if (frame->type == FRAME_WINSIZE)
		added_resize(&pod->added, frame->app, frame->rows, frame->columns);
}

static void handle_frame(void *context, const struct host_frame *frame)
{
	struct pod *pod = context;

	if (frame->type == FRAME_STOP)
		signal_all(pod, SIGTERM);
	else if (frame->type == FRAME_ADD)
		pod->broken |= added_begin(&pod->added, frame, pod->err) < 0;
	else if (frame->type == FRAME_SIGNAL && frame->app == FRAME_ALL_APPS)
		signal_all(pod, frame->signal);
	else if (frame->app >= FRAME_ID_ADDED_FIRST)
		handle_added(pod, frame);
	else if (frame->app >= pod->app_count)
		return;
	else if (frame->type == FRAME_SIGNAL)
		app_signal(&pod->apps[frame->app], frame->signal);
	else if (frame->type == FRAME_WINSIZE)
		app_resize(&pod->apps[frame->app], frame->rows, frame->columns);
}

static int tell_started(struct pod *pod, const struct app *app, struct error *err)
{
	const struct frame_app_start start = { le32_make(app->index),
					       le32_make((uint32_t)app->pid) };

	return control_send(pod->control, FRAME_APP_START, &start, sizeof(start), err);
}

/* An app is done: the pod's own status, and the end of the others if it failed. */
static int tell_exit(struct pod *pod, struct app *app, struct error *err)
{
	const struct frame_app_exit exit = { le32_make(app->index), le32_make(app->kind),
					     le32_make(app->code), le32_make(app->flags) };
	bool failed = app->kind != EXIT_KIND_CODE || app->code != 0;

	/* What the last app had need not be closed: each connection would be one more packet. */
	if (--pod->left)
		app_close(app);
	if (!pod->failed) {
		pod->exit = (struct frame_pod_exit){ le32_make(app->kind), le32_make(app->code) };
		pod->failed = failed;
		if (failed)
			signal_all(pod, SIGTERM);
	}
	return control_send(pod->control, FRAME_APP_EXIT, &exit, sizeof(exit), err);
}

static int reap_app(struct pod *pod, struct app *app, int status, struct error *err)
{
	bool starting = app->state == APP_STARTING;

	if (app_process_ended(app, status, err) < 0)
		return -1;
	return starting && !app->failed ? tell_started(pod, app, err) : 0;
}

/* Takes all that have ended, apps and orphans alike. */
static int reap(struct pod *pod, struct error *err)
{
	struct signalfd_siginfo ignored;
	int status;
	pid_t pid;

	if (read(pod->sigchld, &ignored, sizeof(ignored)) < 0 && errno != EAGAIN)
		return error_set(err, errno, "cannot read signals");
	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		for (size_t i = 0; i < pod->app_count; i++) {
			struct app *app = &pod->apps[i];

			if (app->pid == pid && app->state < APP_ENDED &&
			    reap_app(pod, app, status, err) < 0)
				return -1;
		}
		if (added_reap(&pod->added, pid, status, err) < 0)
			return -1;
	}
	return 0;
}

static int step_app(struct pod *pod, struct app *app, const struct pollfd *fds, struct error *err)
{
	bool starting = app->state == APP_STARTING;

	if (app_step(app, fds, err) < 0)
		return -1;
	if (starting && app->state == APP_RUNNING && tell_started(pod, app, err) < 0)
		return -1;
	return app_finish(app) ? tell_exit(pod, app, err) : 0;
}

static int step_control(struct pod *pod, struct error *err)
{
	bool connected = pod->control->connected;

	pod->err = err;
	if (control_step(pod->control, &pod->fds[POLL_CONTROL], handle_frame, pod, err) < 0 ||
	    pod->broken)
		return -1;
	if (pod->trace && !connected && pod->control->connected)
		platform_trace(TRACE_GUEST_CONTROL);
	return 0;
}

/* One poll(), and all that can be done after it. */
static int serve_once(struct pod *pod, int timeout_ms, struct error *err)
{
	struct pollfd *fds = &pod->fds[POLL_APPS];
	struct pollfd *added = fds + pod->app_count * APP_POLLFDS;
	size_t count;

	control_wants(pod->control, &pod->fds[POLL_CONTROL]);
	for (size_t i = 0; i < pod->app_count; i++)
		app_wants(&pod->apps[i], fds + i * APP_POLLFDS);
	count = POLL_APPS + pod->app_count * APP_POLLFDS + added_wants(&pod->added, added);
	if (poll(pod->fds, count, timeout_ms) < 0)
		return error_set(err, errno, "cannot poll");
	if (step_control(pod, err) < 0)
		return -1;
	if (pod->fds[POLL_SIGCHLD].revents && reap(pod, err) < 0)
		return -1;
	for (size_t i = 0; i < pod->app_count; i++) {
		if (step_app(pod, &pod->apps[i], fds + i * APP_POLLFDS, err) < 0)
			return -1;
	}
	return added_step(&pod->added, added, err);
}

static int serve(struct pod *pod, struct error *err)
{
	int timeout_ms = -1;

	pod->fds[POLL_SIGCHLD] = (struct pollfd){ .fd = pod->sigchld, .events = POLLIN };
	while (pod->left)
		if (serve_once(pod, timeout_ms, err) < 0)
			return -1;
	for (;;) {
		if (added_finish(&pod->added, &timeout_ms, err) < 0)
			return -1;
		if (!timeout_ms)
			return 0;
		if (serve_once(pod, timeout_ms, err) < 0)
			return -1;
	}
}

static int start_all(struct pod *pod, const struct record *record, struct error *err)
{
	for (size_t i = 0; i < record->app_count; i++) {
		if (app_start(&pod->apps[i], &record->apps[i], (uint32_t)i, record->trace, err) < 0)
			return -1;
		pod->app_count = ++pod->left;
	}
	return 0;
}

/* A blocked SIGCHLD is read from a descriptor, so that busy streams cannot starve it. */
static int watch_children(struct pod *pod, struct error *err)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	sigprocmask(SIG_BLOCK, &set, NULL);
	signal(SIGPIPE, SIG_IGN);
	pod->sigchld = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (pod->sigchld < 0)
		return error_set(err, errno, "cannot watch for the apps' ends");
	return 0;
}

int pod_run(const struct record *record, struct control *control, struct frame_pod_exit *exit,
	    struct error *err)
{
	/* These live as long as PID 1 does. */
	struct app *apps = calloc(record->app_count, sizeof(*apps));
	struct pollfd *fds =
	    calloc(POLL_APPS + record->app_count * APP_POLLFDS + ADDED_POLLFDS_MAX, sizeof(*fds));
	struct pod pod = { .control = control, .apps = apps, .fds = fds, .trace = record->trace };

	if (!apps || !fds)
		return error_set(err, ENOMEM, "cannot serve the apps");
	added_init(&pod.added, control, apps, record->app_count);
	if (watch_children(&pod, err) < 0 || start_all(&pod, record, err) < 0 ||
	    serve(&pod, err) < 0) {
		kill(-1, SIGKILL);
		return -1;
	}
	*exit = pod.exit;
	return 0;
}
