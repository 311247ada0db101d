/*
 * Added processes. The record comes from the host, over a connection of its own, and is read with a
 * limit. What runs then is an app's process in all but its namespaces, which are an app's already.
 */
#include "guest-init/added_internal.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "guest-init/platform.h"

enum { LINGER_MS = 5000 }; /* for the output of those that an app took with it */

void added_init(struct added *added, struct control *control, struct app *apps, size_t app_count)
{
	*added = (struct added){ .control = control,
				 .apps = apps,
				 .app_count = app_count,
				 .next_group = FRAME_ID_ADDED_FIRST };
}

static struct added_process *find(const struct added *added, uint32_t id)
{
	uint32_t slot = id - FRAME_ID_ADDED_FIRST;

	return slot < FRAME_ADDED_MAX ? added->slots[slot] : NULL;
}

static int tell_exit(struct added *added, const struct frame_app_exit *exit, struct error *err)
{
	return control_send(added->control, FRAME_APP_EXIT, exit, sizeof(*exit), err);
}

static int tell_started(struct added *added, const struct added_process *p, struct error *err)
{
	const struct frame_app_start start = { le32_make(p->app.index),
					       le32_make((uint32_t)p->app.pid) };

	return control_send(added->control, FRAME_APP_START, &start, sizeof(start), err);
}

static int tell_held(struct added *added, struct added_process *p, struct error *err)
{
	const struct frame_app_start held = { le32_make(p->app.index),
					      le32_make((uint32_t)p->app.pid) };

	if (!p->app.held || p->app.held_told)
		return 0;
	p->app.held_told = true;
	return control_send(added->control, FRAME_APP_HELD, &held, sizeof(held), err);
}

static void release(struct added *added, struct added_process *p)
{
	if (p->member)
		member_remove(p);
	added->slots[p->app.index - FRAME_ID_ADDED_FIRST] = NULL;
	added->count--;
	if (added->changing == p)
		added->changing = NULL;
	for (int i = 0; i < NACELLE_PORTS_ADDED; i++)
		if (p->sockets[i] >= 0)
			close(p->sockets[i]);
	if (p->freezing >= 0)
		close(p->freezing);
	if (p->running)
		app_close(&p->app);
	record_free_added(&p->own);
	free(p->answer.text);
	free(p->bytes);
	free(p->env);
	free(p);
}

/*
 * A member is about to go. Processes that ran in it have gone before it, though their output may
 * still be on its way; those that were to run there will not.
 */
static int evict(struct added *added, const struct added_process *member, struct error *err)
{
	for (size_t i = 0; i < FRAME_ADDED_MAX; i++) {
		struct added_process *p = added->slots[i];

		if (!p || p->home != &member->app)
			continue;
		p->home = NULL;
		if (!p->running && added_give_up(added, p, ESRCH, err) < 0)
			return -1;
	}
	return 0;
}

static int end(struct added *added, struct added_process *p, enum exit_kind kind, uint32_t code,
	       struct error *err)
{
	int result = p->member ? evict(added, p, err) : 0;
	struct frame_app_exit exit;

	p->app.kind = kind;
	p->app.code = code;
	exit = app_exit_frame(&p->app);
	if (result == 0)
		result = tell_exit(added, &exit, err);
	/* A port that was told and not used is not given up before the host awaits nobody there. */
	if (result == 0 && (kind == EXIT_KIND_INIT_FAILURE || !p->running))
		result = control_flush(added->control, err);
	release(added, p);
	return result;
}

int added_give_up(struct added *added, struct added_process *p, int code, struct error *err)
{
	return end(added, p, EXIT_KIND_INIT_FAILURE, (uint32_t)(code ? code : EINVAL), err);
}

int added_end_done(struct added *added, struct added_process *p, struct error *err)
{
	p->app.pid = getpid();
	return tell_started(added, p, err) < 0 ? -1 : end(added, p, EXIT_KIND_CODE, 0, err);
}

/* Says where the connections will come from, and begins the record's. -1 with errno set. */
static int open_connections(struct added *added, struct added_process *p)
{
	struct frame_add_ports told = { .id = le32_make(p->app.index) };
	struct error why = ERROR_NONE;
	int result = 0;

	for (int i = 0; i < NACELLE_PORTS_ADDED && result == 0; i++) {
		uint32_t port = 0;

		p->sockets[i] = platform_reserve(&port, &why);
		told.ports[i] = le32_make(port);
		result = p->sockets[i] < 0 ? -1 : 0;
	}
	if (result == 0)
		result = control_send(added->control, FRAME_ADD_PORTS, &told, sizeof(told), &why);
	/* A connection that overtook the frame would be refused. */
	if (result == 0)
		result = control_flush(added->control, &why);
	if (result == 0)
		result = platform_connect_from(p->sockets[0], p->record_port, &why);
	errno = why.code;
	return result;
}

/* The app of the pod, or the member, of this id; or NULL. */
static struct app *find_home(const struct added *added, uint32_t id)
{
	struct added_process *p = id < added->app_count ? NULL : find(added, id);

	if (id < added->app_count)
		return &added->apps[id];
	return p && p->member ? &p->app : NULL;
}

int added_begin(struct added *added, const struct host_frame *frame, struct error *err)
{
	struct app *home = find_home(added, frame->app);
	bool member = frame->app == FRAME_ALL_APPS && !added->closed;
	struct added_process *p;

	if (find(added, frame->id))
		return 0;
	p = home || member ? calloc(1, sizeof(*p)) : NULL;
	if (!p)
		return tell_exit(added,
				 &(const struct frame_app_exit){
				     .app = le32_make(frame->id),
				     .kind = le32_make(EXIT_KIND_INIT_FAILURE),
				     .code = le32_make(home || member ? ENOMEM : ESRCH),
				 },
				 err);
	p->record_port = frame->record_port;
	p->number = ++added->begun;
	p->home = home;
	p->member = member;
	p->app.index = frame->id;
	p->app.group = member ? added->next_group++ : frame->id;
	p->app.config = &p->config;
	p->poll_at = SIZE_MAX;
	p->freezing = -1;
	for (int i = 0; i < NACELLE_PORTS_ADDED; i++)
		p->sockets[i] = -1;
	added->slots[frame->id - FRAME_ID_ADDED_FIRST] = p;
	added->count++;
	return open_connections(added, p) < 0 ? added_give_up(added, p, errno, err) : 0;
}

int added_signal(struct added *added, uint32_t id, uint32_t signal, struct error *err)
{
	struct added_process *p = find(added, id);

	if (!p)
		return 0;
	/* Whoever asked for it has gone. */
	if (!p->running && signal == SIGHUP)
		return added_give_up(added, p, ECANCELED, err);
	app_signal(&p->app, signal);
	return 0;
}

void added_release(struct added *added, uint32_t id)
{
	struct added_process *p = find(added, id);

	if (p && p->running)
		app_release(&p->app);
}

void added_resize(struct added *added, uint32_t id, uint16_t rows, uint16_t columns)
{
	struct added_process *p = find(added, id);

	if (p && p->running)
		app_resize(&p->app, rows, columns);
}

size_t added_wants(struct added *added, struct pollfd *fds)
{
	size_t used = 0;

	for (size_t i = 0; added->count && i < FRAME_ADDED_MAX; i++) {
		struct added_process *p = added->slots[i];

		if (!p)
			continue;
		p->poll_at = used;
		if (p->running) {
			app_wants(&p->app, fds + used);
			used += APP_POLLFDS;
		} else if (p->answer.text) {
			fds[used++] = (struct pollfd){ .fd = *p->answers_to, .events = POLLOUT };
		} else if (p->freezing >= 0) {
			fds[used++] = (struct pollfd){ .fd = p->freezing, .events = POLLPRI };
		} else {
			fds[used++] = (struct pollfd){ .fd = p->sockets[0],
						       .events = p->connected ? POLLIN : POLLOUT };
		}
	}
	return used;
}

int added_step_record(struct added *added, struct added_process *p, short events, struct error *err)
{
	struct error why = ERROR_NONE;
	struct record_app asked;
	int streams[APP_STREAMS];
	int got, question;

	if (added_is_asked(p))
		return added_step_question(added, p, events, err);
	got = p->sockets[0] >= 0 ? added_read_record(p, events) : 0;
	if (got > 0) {
		close(p->sockets[0]);
		p->sockets[0] = -1;
		question = p->member ? RECORD_QUESTION_NONE
				     : record_read_question(p->bytes, p->len, &asked, &why);
		if (question < 0)
			return added_give_up(added, p, why.code, err);
		if (question != RECORD_QUESTION_NONE)
			return added_take_question(added, p, question, &asked, err);
		if (record_holds_networks(p->bytes, p->len))
			return added_take_networks(added, p, err);
		got = p->member ? member_settle(p) : added_settle(p);
	}
	if (got < 0)
		return added_give_up(added, p, errno, err);
	if (!p->member && p->home->state > APP_RUNNING)
		return added_give_up(added, p, ESRCH, err);
	/*
	 * One that is held has its namespaces already. In one that stands still a new process would
	 * keep all that PID 1 has.
	 */
	if (p->sockets[0] >= 0 ||
	    (!p->member && (p->home->frozen || (p->home->state < APP_RUNNING && !p->home->held))))
		return 0;
	p->running = true;
	p->poll_at = SIZE_MAX;
	for (int i = 0; i < APP_STREAMS; i++) {
		int *socket = &p->sockets[p->own.ports[i]];

		streams[i] = p->own.ports[i] ? *socket : -1;
		if (p->own.ports[i])
			*socket = -1;
	}
	if ((p->member ? member_start(p, streams, &why)
		       : app_join(&p->app, &p->config, p->home, streams, &why)) < 0)
		return added_give_up(added, p, why.code, err);
	added->had_members |= p->member;
	return 0;
}

/* The host's side has gone: nobody will hear of it any more. */
static void abandon(struct added_process *p)
{
	if (p->app.state < APP_ENDED)
		kill(p->app.pid, SIGKILL);
	for (int i = 0; i < APP_STREAMS; i++)
		stream_close(&p->app.streams[i]);
}

static int step(struct added *added, struct added_process *p, const struct pollfd *fds,
		struct error *err)
{
	bool starting = p->app.state == APP_STARTING;
	struct error why = ERROR_NONE;

	if (!p->running)
		return added_step_record(added, p, fds ? fds->revents : 0, err);
	if (!fds)
		return 0;
	if (app_step(&p->app, fds, &why) < 0)
		abandon(p);
	if (tell_held(added, p, err) < 0 ||
	    (starting && p->app.state == APP_RUNNING && tell_started(added, p, err) < 0))
		return -1;
	return app_finish(&p->app) ? end(added, p, p->app.kind, p->app.code, err) : 0;
}

int added_step(struct added *added, const struct pollfd *fds, struct error *err)
{
	for (size_t i = 0; added->count && i < FRAME_ADDED_MAX; i++) {
		struct added_process *p = added->slots[i];

		if (p && step(added, p, p->poll_at == SIZE_MAX ? NULL : fds + p->poll_at, err) < 0)
			return -1;
	}
	return 0;
}

int added_reap(struct added *added, pid_t pid, int wait_status, struct error *err)
{
	if (pid == added->changer)
		return added_end_change(added, wait_status, err);
	for (size_t i = 0; added->count && i < FRAME_ADDED_MAX; i++) {
		struct added_process *p = added->slots[i];
		struct error why = ERROR_NONE;
		bool starting;

		if (!p || !p->running || p->app.pid != pid || p->app.state >= APP_ENDED)
			continue;
		starting = p->app.state == APP_STARTING;
		app_process_ended(&p->app, wait_status);
		if (tell_held(added, p, err) < 0 ||
		    (starting && p->app.state == APP_RUNNING && tell_started(added, p, err) < 0))
			return -1;
		if (app_end(&p->app, &why) < 0)
			abandon(p);
		return app_finish(&p->app) ? end(added, p, p->app.kind, p->app.code, err) : 0;
	}
	return 0;
}

static int64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* The first member from slot *at on that has a process, or NULL; *at is then behind it. */
static struct added_process *next_member(const struct added *added, size_t *at)
{
	while (added->count && *at < FRAME_ADDED_MAX) {
		struct added_process *p = added->slots[(*at)++];

		if (p && p->member && p->running && p->app.state < APP_ENDED)
			return p;
	}
	return NULL;
}

bool added_has_members(const struct added *added)
{
	return next_member(added, &(size_t){ 0 });
}

/* No member comes any more; those that have no process yet get none. */
static int refuse_members(struct added *added, struct error *err)
{
	added->closed = true;
	for (size_t i = 0; added->count && i < FRAME_ADDED_MAX; i++) {
		struct added_process *p = added->slots[i];

		if (p && p->member && !p->running && added_give_up(added, p, ESRCH, err) < 0)
			return -1;
	}
	return 0;
}

int added_stop(struct added *added, struct error *err)
{
	struct added_process *p;

	for (size_t at = 0; (p = next_member(added, &at));)
		app_signal(&p->app, p->config.stop_signal);
	return refuse_members(added, err);
}

void added_kill(struct added *added)
{
	struct added_process *p;

	for (size_t at = 0; (p = next_member(added, &at));)
		app_kill(&p->app);
}

/* It is held, or will be. */
static bool waits_for_start(const struct app *app)
{
	return app->state == APP_STARTING && app->config->hold && (app->held || !app->held_told);
}

int added_close(struct added *added, struct error *err)
{
	struct added_process *p;

	for (size_t at = 0; (p = next_member(added, &at));)
		if (waits_for_start(&p->app))
			app_signal(&p->app, SIGKILL);
	return refuse_members(added, err);
}

int added_finish(struct added *added, int *poll_ms, struct error *err)
{
	int64_t now = added->count ? now_ms() : 0;

	*poll_ms = 0;
	if (!added->end_ms)
		added->end_ms = now + LINGER_MS;
	if (added->count && now < added->end_ms) {
		*poll_ms = (int)(added->end_ms - now);
		return 0;
	}
	for (size_t i = 0; added->count && i < FRAME_ADDED_MAX; i++) {
		struct added_process *p = added->slots[i];
		int result = 0;

		if (p && p->running && p->app.state == APP_ENDED)
			result = end(added, p, p->app.kind, p->app.code, err);
		else if (p && p->running && p->app.state == APP_RUNNING)
			result = end(added, p, EXIT_KIND_SIGNAL, SIGKILL, err);
		else if (p)
			result = added_give_up(added, p, ESRCH, err);
		if (result < 0)
			return -1;
	}
	return 0;
}
