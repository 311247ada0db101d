/*
 * Added processes. The record comes from the host, over a connection of its own, and is read with a
 * limit. What runs then is an app's process in all but its namespaces, which are an app's already.
 */
#include "guest-init/added.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "guest-init/net.h"
#include "guest-init/platform.h"

enum {
	BYTES_FIRST = 8192, /* times a power of two: RECORD_SIZE_MAX */
	LINGER_MS = 5000,   /* for the output of those that an app took with it */
};

struct added_process {
	uint32_t record_port;
	const struct app *home; /* whose namespaces it gets */
	bool running;		/* app is in use; until then the record is awaited */
	/* Reserved, then connected: for the record, -1 when it is there; for streams, until used */
	int sockets[NACELLE_PORTS_ADDED];
	bool connected;
	size_t poll_at; /* where its entries are; SIZE_MAX: it has none yet */
	uint8_t *bytes;
	size_t len, size;
	struct record_app own;	  /* as the record says */
	struct record_app config; /* with all that is its app's */
	const char **env;
	struct app app;
};

void added_init(struct added *added, struct control *control, const struct app *apps,
		size_t app_count)
{
	*added = (struct added){ .control = control, .apps = apps, .app_count = app_count };
}

static struct added_process *find(const struct added *added, uint32_t id)
{
	uint32_t slot = id - FRAME_ID_ADDED_FIRST;

	return slot < FRAME_ADDED_MAX ? added->slots[slot] : NULL;
}

static int tell_exit(struct added *added, uint32_t id, uint32_t kind, uint32_t code, uint32_t flags,
		     struct error *err)
{
	const struct frame_app_exit exit = { le32_make(id), le32_make(kind), le32_make(code),
					     le32_make(flags) };

	return control_send(added->control, FRAME_APP_EXIT, &exit, sizeof(exit), err);
}

static int tell_started(struct added *added, const struct added_process *p, struct error *err)
{
	const struct frame_app_start start = { le32_make(p->app.index),
					       le32_make((uint32_t)p->app.pid) };

	return control_send(added->control, FRAME_APP_START, &start, sizeof(start), err);
}

static void release(struct added *added, struct added_process *p)
{
	added->slots[p->app.index - FRAME_ID_ADDED_FIRST] = NULL;
	added->count--;
	for (int i = 0; i < NACELLE_PORTS_ADDED; i++)
		if (p->sockets[i] >= 0)
			close(p->sockets[i]);
	if (p->running)
		app_close(&p->app);
	record_free_added(&p->own);
	free(p->bytes);
	free(p->env);
	free(p);
}

static int end(struct added *added, struct added_process *p, uint32_t kind, uint32_t code,
	       struct error *err)
{
	int result = tell_exit(added, p->app.index, kind, code, p->app.flags, err);

	/* A port that was told and not used is not given up before the host awaits nobody there. */
	if (result == 0 && (kind == EXIT_KIND_INIT_FAILURE || !p->running))
		result = control_flush(added->control, err);
	release(added, p);
	return result;
}

/* It could not even be tried. */
static int give_up(struct added *added, struct added_process *p, int code, struct error *err)
{
	return end(added, p, EXIT_KIND_INIT_FAILURE, (uint32_t)(code ? code : EINVAL), err);
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

int added_begin(struct added *added, const struct host_frame *frame, struct error *err)
{
	struct added_process *p;

	if (find(added, frame->id))
		return 0;
	p = frame->app < added->app_count ? calloc(1, sizeof(*p)) : NULL;
	if (!p)
		return tell_exit(added, frame->id, EXIT_KIND_INIT_FAILURE,
				 frame->app < added->app_count ? ENOMEM : ESRCH, 0, err);
	p->record_port = frame->record_port;
	p->home = &added->apps[frame->app];
	p->app.index = frame->id;
	p->app.config = &p->config;
	p->poll_at = SIZE_MAX;
	for (int i = 0; i < NACELLE_PORTS_ADDED; i++)
		p->sockets[i] = -1;
	added->slots[frame->id - FRAME_ID_ADDED_FIRST] = p;
	added->count++;
	return open_connections(added, p) < 0 ? give_up(added, p, errno, err) : 0;
}

int added_signal(struct added *added, uint32_t id, uint32_t signal, struct error *err)
{
	struct added_process *p = find(added, id);

	if (!p)
		return 0;
	/* Whoever asked for it has gone. */
	if (!p->running && signal == SIGHUP)
		return give_up(added, p, ECANCELED, err);
	app_signal(&p->app, signal);
	return 0;
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
		} else {
			fds[used++] = (struct pollfd){ .fd = p->sockets[0],
						       .events = p->connected ? POLLIN : POLLOUT };
		}
	}
	return used;
}

static int make_room(struct added_process *p)
{
	size_t size = p->size ? p->size * 2 : BYTES_FIRST;
	uint8_t *grown;

	if (p->len < p->size)
		return 0;
	if (size > RECORD_SIZE_MAX) {
		errno = EFBIG;
		return -1;
	}
	grown = realloc(p->bytes, size);
	if (!grown)
		return -1;
	p->bytes = grown;
	p->size = size;
	return 0;
}

/* Returns 1 when the record is whole, 0 if more is to come, or -1 with errno set. */
static int read_record(struct added_process *p, short events)
{
	int code = 0;
	socklen_t size = sizeof(code);
	ssize_t n;

	if (!p->connected && events & (POLLERR | POLLHUP) &&
	    getsockopt(p->sockets[0], SOL_SOCKET, SO_ERROR, &code, &size) == 0 && code) {
		errno = code;
		return -1;
	}
	p->connected |= events != 0;
	while (p->connected) {
		if (make_room(p) < 0)
			return -1;
		n = recv(p->sockets[0], p->bytes + p->len, p->size - p->len, 0);
		if (n < 0)
			return errno == EAGAIN || errno == EINTR ? 0 : -1;
		if (n == 0)
			return 1;
		p->len += (size_t)n;
	}
	return 0;
}

static bool is_named(const char *entry, const char *other)
{
	size_t len = strcspn(entry, "=");

	return strncmp(entry, other, len + 1) == 0;
}

/* The app's environment, with the record's entries in place of those of the same name. */
static int merge_environment(struct added_process *p)
{
	const struct record_app *app = p->home->config;
	size_t count = 0;

	p->env = calloc(app->env_count + p->own.env_count + RECORD_ENV_SPARE + 1, sizeof(*p->env));
	if (!p->env)
		return -1;
	for (size_t i = 0; i < app->env_count && !(p->own.own & RECORD_OWN_ENVIRONMENT); i++) {
		bool replaced = false;

		for (size_t j = 0; j < p->own.env_count && !replaced; j++)
			replaced = is_named(p->own.env[j], app->env[i]);
		if (!replaced)
			p->env[count++] = app->env[i];
	}
	for (size_t j = 0; j < p->own.env_count; j++)
		p->env[count++] = p->own.env[j];
	p->config.env = p->env;
	p->config.env_count = count;
	return 0;
}

static void settle_rights(struct added_process *p)
{
	struct record_app *config = &p->config;
	const struct record_app *own = &p->own;

	if (own->own & RECORD_OWN_UMASK)
		config->umask = own->umask;
	if (own->own & RECORD_OWN_GROUPS) {
		config->supplementary_gids = own->supplementary_gids;
		config->supplementary_gid_count = own->supplementary_gid_count;
	}
	if (own->own & RECORD_OWN_CAPABILITIES)
		config->capabilities = own->capabilities;
	if (own->own & RECORD_OWN_RLIMITS) {
		config->rlimits = own->rlimits;
		config->rlimit_count = own->rlimit_count;
	}
	if (own->own & RECORD_OWN_OOM_SCORE)
		config->oom_score_adj = own->oom_score_adj;
	config->no_new_privileges |= own->no_new_privileges;
}

/* All that the record does not say is the app's. -1 with errno set. */
static int settle(struct added_process *p)
{
	struct error why = ERROR_NONE;

	if (record_read_added(p->bytes, p->len, &p->own, &why) < 0) {
		errno = why.code ? why.code : EINVAL;
		return -1;
	}
	p->config = *p->home->config;
	p->config.argv = p->own.argv;
	p->config.init = false;
	if (p->own.user)
		p->config.user = p->own.user;
	if (p->own.workdir)
		p->config.workdir = p->own.workdir;
	settle_rights(p);
	p->config.terminal = p->own.terminal;
	p->config.rows = p->own.rows;
	p->config.columns = p->own.columns;
	for (int i = 0; i < APP_STREAMS; i++)
		p->config.ports[i] = p->own.ports[i] ? p->record_port + p->own.ports[i] : 0;
	return merge_environment(p);
}

/* The pod's networks, which the host has come to know: this process itself does what is to do. */
static int take_networks(struct added *added, struct added_process *p, struct error *err)
{
	static struct record record;
	struct error why = ERROR_NONE;

	if (record_read_networks(p->bytes, p->len, &record, &why) < 0)
		return give_up(added, p, why.code, err);
	/* The pod's record is not at hand here; all of its CPUs are up. */
	record.cpus = (uint32_t)sysconf(_SC_NPROCESSORS_ONLN);
	if (net_configure(&record, &why) < 0)
		return give_up(added, p, why.code, err);
	p->app.pid = getpid();
	return tell_started(added, p, err) < 0 ? -1 : end(added, p, EXIT_KIND_CODE, 0, err);
}

/* The record is awaited, then the app. */
static int step_record(struct added *added, struct added_process *p, short events,
		       struct error *err)
{
	struct error why = ERROR_NONE;
	int streams[APP_STREAMS];
	int got = p->sockets[0] >= 0 ? read_record(p, events) : 0;

	if (got > 0) {
		close(p->sockets[0]);
		p->sockets[0] = -1;
		if (record_holds_networks(p->bytes, p->len))
			return take_networks(added, p, err);
		got = settle(p);
	}
	if (got < 0)
		return give_up(added, p, errno, err);
	if (p->home->state > APP_RUNNING)
		return give_up(added, p, ESRCH, err);
	if (p->sockets[0] >= 0 || p->home->state < APP_RUNNING)
		return 0;
	p->running = true;
	p->poll_at = SIZE_MAX;
	for (int i = 0; i < APP_STREAMS; i++) {
		int *socket = &p->sockets[p->own.ports[i]];

		streams[i] = p->own.ports[i] ? *socket : -1;
		if (p->own.ports[i])
			*socket = -1;
	}
	if (app_join(&p->app, &p->config, p->home, streams, &why) < 0)
		return give_up(added, p, why.code, err);
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
		return step_record(added, p, fds ? fds->revents : 0, err);
	if (!fds)
		return 0;
	if (app_step(&p->app, fds, &why) < 0)
		abandon(p);
	if (starting && p->app.state == APP_RUNNING && tell_started(added, p, err) < 0)
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
	for (size_t i = 0; added->count && i < FRAME_ADDED_MAX; i++) {
		struct added_process *p = added->slots[i];
		struct error why = ERROR_NONE;
		bool starting;

		if (!p || !p->running || p->app.pid != pid || p->app.state >= APP_ENDED)
			continue;
		starting = p->app.state == APP_STARTING;
		app_process_ended(&p->app, wait_status);
		if (starting && !p->app.failed && tell_started(added, p, err) < 0)
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
			result = give_up(added, p, ESRCH, err);
		if (result < 0)
			return -1;
	}
	return 0;
}
