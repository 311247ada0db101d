/*
 * The records of added processes: from the host's connection into what is to run. The host is
 * trusted, but sizes have limits.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "guest-init/added_internal.h"

enum { BYTES_FIRST = 8192 }; /* times a power of two: RECORD_SIZE_MAX */

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

int added_socket_error(int socket)
{
	int code = 0;
	socklen_t size = sizeof(code);

	return getsockopt(socket, SOL_SOCKET, SO_ERROR, &code, &size) < 0 ? errno : code;
}

int added_read_record(struct added_process *p, short events)
{
	int code = 0;
	ssize_t n;

	if (!p->connected && events & (POLLERR | POLLHUP))
		code = added_socket_error(p->sockets[0]);
	if (code) {
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

int added_settle(struct added_process *p)
{
	struct error why = ERROR_NONE;

	if (record_read_added(p->bytes, p->len, &p->own, &why) < 0) {
		errno = why.code ? why.code : EINVAL;
		return -1;
	}
	p->config = *p->home->config;
	p->config.argv = p->own.argv;
	p->config.init = false;
	/* What is its home's may be gone before it is. */
	p->config.name = "added";
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
