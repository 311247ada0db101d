/*
 * The loop of PID 1: one poll() over the control connection, SIGCHLD and all apps.
 *
 * poll() and not epoll: the set is small and changes with every step, and a pod that prints one
 * line needs no call to register anything.
 */
#include "guest-init/pod.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "guest-init/added.h"
#include "guest-init/app.h"
#include "guest-init/clock.h"
#include "guest-init/metadata.h"
#include "guest-init/platform.h"
#include "guest-init/policy.h"
#include "guest-init/system.h"

struct pod {
	const struct record *record;
	struct control *control;
	struct app *apps;
	size_t app_count;
	size_t begun; /* of the apps, in their order */
	size_t left;  /* apps that are not done */
	int sigchld;  /* signalfd */
	struct pollfd *fds;
	struct added added;
	struct error *err; /* filled by handle_frame(), if the host cannot be told */
	bool broken;
	bool trace;
	bool failed;	     /* exit is that of the first app that failed */
	bool stopping;	     /* no app is started any more */
	bool stop_sent;	     /* each has had its stop signal */
	bool killed;	     /* one has had SIGKILL: members do not outlive the apps */
	uint64_t kill_at_ms; /* what is still there then is killed; 0: nothing is */
	struct frame_pod_exit exit;
};

/* Entries of the poll set: these, then APP_POLLFDS for each app, then those of added processes. */
enum { POLL_CONTROL, POLL_SIGCHLD, POLL_APPS };

static uint64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* Who has no patience with an app has none with those that would outlive it. */
static void kill_members(struct pod *pod)
{
	pod->killed = true;
	if (!pod->left)
		added_kill(&pod->added);
}

/* Of an app that is between two processes, or has had none. */
static void stop_idle(struct pod *pod, struct app *app)
{
	struct error ignored = ERROR_NONE;

	if (app->state == APP_WAITING) {
		app->state = APP_DONE;
		pod->left--;
		app_close(app);
	} else if (app->state == APP_PAUSED) {
		(void)app_end(app, &ignored);
	}
}

/*
 * The orderly end of all apps and members. `excused`: another app has failed, and what ends by its
 * stop signal has not.
 */
static int stop_all(struct pod *pod, uint32_t timeout_ms, bool excused, struct error *err)
{
	uint64_t kill_at = now_ms() + timeout_ms;

	if (timeout_ms != FRAME_STOP_PATIENT && (!pod->kill_at_ms || kill_at < pod->kill_at_ms))
		pod->kill_at_ms = kill_at;
	if (pod->stop_sent)
		return 0;
	pod->stopping = pod->stop_sent = true;
	for (size_t i = 0; i < pod->app_count; i++) {
		struct app *app = &pod->apps[i];

		app->excused = excused;
		stop_idle(pod, app);
		app_signal(app, app->config->stop_signal);
	}
	return added_stop(&pod->added, err);
}

/* A user who ends a pod by hand does not want it back. */
static bool ends_restarts(uint32_t signal)
{
	return signal == SIGINT || signal == SIGQUIT || signal == SIGTERM;
}

static void signal_app(struct pod *pod, uint32_t index, uint32_t signal)
{
	app_signal(&pod->apps[index], signal);
	if (signal == SIGKILL)
		kill_members(pod);
}

static void signal_pod(struct pod *pod, uint32_t signal)
{
	for (uint32_t i = 0; i < pod->app_count; i++)
		signal_app(pod, i, signal);
	if (!ends_restarts(signal))
		return;
	pod->stopping = true;
	for (size_t i = 0; i < pod->app_count; i++)
		stop_idle(pod, &pod->apps[i]);
}

static void handle_added(struct pod *pod, const struct host_frame *frame)
{
	if (frame->type == FRAME_SIGNAL)
		pod->broken |= added_signal(&pod->added, frame->app, frame->signal, pod->err) < 0;
	else if (frame->type == FRAME_START)
		added_release(&pod->added, frame->app);
	else if (frame->type == FRAME_WINSIZE)
		added_resize(&pod->added, frame->app, frame->rows, frame->columns);
}

static void handle_frame(void *context, const struct host_frame *frame)
{
	struct pod *pod = context;

	if (frame->type == FRAME_STOP)
		pod->broken |= stop_all(pod, frame->timeout_ms, false, pod->err) < 0;
	else if (frame->type == FRAME_CLOCK)
		clock_set();
	else if (frame->type == FRAME_ADD)
		pod->broken |= added_begin(&pod->added, frame, pod->err) < 0;
	else if (frame->type == FRAME_SIGNAL && frame->app == FRAME_ALL_APPS)
		signal_pod(pod, frame->signal);
	else if (frame->app >= FRAME_ID_ADDED_FIRST)
		handle_added(pod, frame);
	else if (frame->app >= pod->app_count)
		return;
	else if (frame->type == FRAME_SIGNAL)
		signal_app(pod, frame->app, frame->signal);
	else if (frame->type == FRAME_WINSIZE)
		app_resize(&pod->apps[frame->app], frame->rows, frame->columns);
	else if (frame->type == FRAME_START)
		app_release(&pod->apps[frame->app]);
}

static int tell_pid(struct pod *pod, const struct app *app, enum frame_type type, struct error *err)
{
	const struct frame_app_start start = { le32_make(app->index),
					       le32_make((uint32_t)app->pid) };

	return control_send(pod->control, type, &start, sizeof(start), err);
}

static int tell_started(struct pod *pod, const struct app *app, struct error *err)
{
	return tell_pid(pod, app, FRAME_APP_START, err);
}

static int tell_held(struct pod *pod, struct app *app, struct error *err)
{
	if (!app->held || app->held_told)
		return 0;
	app->held_told = true;
	return tell_pid(pod, app, FRAME_APP_HELD, err);
}

static int tell_ended(struct pod *pod, const struct app *app, enum frame_type type,
		      struct error *err)
{
	const struct frame_app_exit exit = app_exit_frame(app);

	return control_send(pod->control, type, &exit, sizeof(exit), err);
}

/* An app is done: the pod's own status, and the end of the others if it failed. */
static int finish_app(struct pod *pod, struct app *app, struct error *err)
{
	bool failed;

	if (app->excused && policy_obeyed(app->config->stop_signal, app->kind, app->code)) {
		app->kind = EXIT_KIND_CODE;
		app->code = 0;
	}
	failed = policy_is_failure(app->kind, app->code);
	/* What the pod's last one had need not be closed: each connection would be one more packet.
	 */
	if (--pod->left || added_has_members(&pod->added))
		app_close(app);
	if (!pod->failed) {
		pod->exit = (struct frame_pod_exit){ le32_make(app->kind), le32_make(app->code) };
		pod->failed = failed;
		if (failed && pod->left &&
		    stop_all(pod, pod->record->stop_timeout_ms, true, err) < 0)
			return -1;
	}
	return tell_ended(pod, app, FRAME_APP_EXIT, err);
}

/* Its process is gone, and its handler too: what now? */
static int settle_app(struct pod *pod, struct app *app, struct error *err)
{
	uint64_t now;

	if (pod->stopping || app->mounts < 0 ||
	    !policy_restarts(app->config->restart, app->kind, app->code))
		return app_end(app, err);
	now = now_ms();
	app->last_delay_ms = policy_delay_ms(app->last_delay_ms, now - app->started_ms);
	app->deadline_ms = now + app->last_delay_ms;
	app->state = APP_PAUSED;
	return 0;
}

static int reap_app(struct pod *pod, struct app *app, int status, struct error *err)
{
	enum app_state was = app->state;

	app_process_ended(app, status);
	if (tell_held(pod, app, err) < 0 ||
	    (was == APP_STARTING && app->state == APP_RUNNING && tell_started(pod, app, err) < 0))
		return -1;
	app->pid = 0;
	if (was == APP_CLEANING || !app_has_post_stop(app))
		return settle_app(pod, app, err);
	app->deadline_ms = now_ms() + pod->record->stop_timeout_ms;
	return app_start_post_stop(app, err);
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
			if (pod->apps[i].pid != pid)
				continue;
			if (reap_app(pod, &pod->apps[i], status, err) < 0)
				return -1;
			break;
		}
		metadata_reap(pid, status);
		if (added_reap(&pod->added, pid, status, err) < 0)
			return -1;
	}
	return 0;
}

static int start_app(struct app *app, struct error *err)
{
	if (app->config->restart != RECORD_RESTART_NO)
		app->started_ms = now_ms();
	return app_start(app, err);
}

/* Whether the next app may start: the one before runs, or has run and is no failure. */
static bool has_begun(const struct app *app)
{
	return app->state == APP_RUNNING || app->state == APP_PAUSED ||
	       (app->state > APP_RUNNING && !policy_is_failure(app->kind, app->code));
}

static int begin_apps(struct pod *pod, struct error *err)
{
	while (!pod->stopping && pod->begun < pod->app_count &&
	       (!pod->begun || has_begun(&pod->apps[pod->begun - 1]))) {
		if (start_app(&pod->apps[pod->begun++], err) < 0)
			return -1;
	}
	return 0;
}

static int step_app(struct pod *pod, struct app *app, const struct pollfd *fds, struct error *err)
{
	bool starting = app->state == APP_STARTING;

	if (app_step(app, fds, err) < 0 || tell_held(pod, app, err) < 0)
		return -1;
	if (starting && app->state == APP_RUNNING && tell_started(pod, app, err) < 0)
		return -1;
	return app_finish(app) ? finish_app(pod, app, err) : 0;
}

/* Milliseconds until something is due; -1 if nothing is. */
static int next_due(const struct pod *pod)
{
	uint64_t due = pod->kill_at_ms, now;

	if (clock_due_ms() && (!due || clock_due_ms() < due))
		due = clock_due_ms();
	for (size_t i = 0; i < pod->app_count; i++) {
		const struct app *app = &pod->apps[i];

		if ((app->state == APP_PAUSED || app->state == APP_CLEANING) &&
		    (!due || app->deadline_ms < due))
			due = app->deadline_ms;
	}
	if (!due)
		return -1;
	now = now_ms();
	if (due <= now)
		return 0;
	return due - now < INT_MAX ? (int)(due - now) : INT_MAX;
}

/* What is due: the end of a grace period, of a handler's time, of a pause; a look at the clock. */
static int step_time(struct pod *pod, struct error *err)
{
	uint64_t now = now_ms();
	bool kill_apps = pod->kill_at_ms && pod->kill_at_ms <= now;

	if (clock_due_ms() && clock_due_ms() <= now) {
		clock_keep();
		system_calm();
	}
	if (kill_apps) {
		pod->kill_at_ms = 0;
		kill_members(pod);
	}
	for (size_t i = 0; i < pod->app_count; i++) {
		struct app *app = &pod->apps[i];
		bool due = app->deadline_ms <= now;

		if ((kill_apps && app->state != APP_CLEANING) ||
		    (due && app->state == APP_CLEANING)) {
			app->deadline_ms = UINT64_MAX;
			app_kill(app);
		} else if (due && app->state == APP_PAUSED) {
			if (tell_ended(pod, app, FRAME_APP_RESTART, err) < 0 ||
			    start_app(app, err) < 0)
				return -1;
		}
	}
	return 0;
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

/* The same with what is due by then. */
static int serve_on_time(struct pod *pod, struct error *err)
{
	int timeout_ms = next_due(pod);

	if (serve_once(pod, timeout_ms, err) < 0)
		return -1;
	return timeout_ms >= 0 ? step_time(pod, err) : 0;
}

static int serve(struct pod *pod, struct error *err)
{
	int timeout_ms;

	pod->fds[POLL_SIGCHLD] = (struct pollfd){ .fd = pod->sigchld, .events = POLLIN };
	while (pod->left)
		if (begin_apps(pod, err) < 0 || serve_on_time(pod, err) < 0)
			return -1;
	if (added_close(&pod->added, err) < 0)
		return -1;
	if (pod->killed)
		added_kill(&pod->added);
	while (added_has_members(&pod->added))
		if (serve_on_time(pod, err) < 0)
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
	struct pod pod = { .record = record,
			   .control = control,
			   .apps = apps,
			   .app_count = record->app_count,
			   .left = record->app_count,
			   .fds = fds,
			   .trace = record->trace };

	if (!apps || !fds)
		return error_set(err, ENOMEM, "cannot serve the apps");
	for (size_t i = 0; i < record->app_count; i++) {
		app_init(&apps[i], &record->apps[i], (uint32_t)i, record->trace);
		if (app_connect(&apps[i], err) < 0)
			return -1;
	}
	added_init(&pod.added, control, apps, record->app_count);
	if (watch_children(&pod, err) < 0 || serve(&pod, err) < 0) {
		kill(-1, SIGKILL);
		return -1;
	}
	/* What they wrote to, the pod's record does not know. */
	if (pod.added.had_members)
		sync();
	*exit = pod.exit;
	return 0;
}
