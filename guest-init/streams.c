/*
 * The relay of an app's bytes. It trusts neither side to read or to end: nothing here waits, and
 * memory is bounded by the two buffers.
 */
#include "guest-init/streams.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

/* How many buffers one step moves before other streams have their turn. */
enum { STEP_ROUNDS = 16 };

static void close_end(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

static bool is_terminal(const struct stream *s)
{
	return s->sink >= 0 && s->sink == s->source;
}

/* Nobody reads any more what the host sends. */
static void close_sink(struct stream *s)
{
	if (s->sink < 0)
		return;
	if (is_terminal(s))
		s->sink = -1;
	else
		close_end(&s->sink);
	s->to_app.start = s->to_app.end = 0;
	s->to_app.ended = true;
	/* A host that could still send is told, unless it will hear of the app's end anyway. */
	if (s->connected && s->source < 0 && !s->host_ended && !s->app_ended)
		shutdown(s->socket, SHUT_RD);
}

static void close_source(struct stream *s)
{
	if (is_terminal(s))
		s->source = -1;
	else
		close_end(&s->source);
	s->to_host.ended = true;
}

/* The host has gone away: a pipe's writer gets SIGPIPE, a terminal hangs up. */
static void host_gone(struct stream *s)
{
	close_sink(s);
	close_source(s);
	close_end(&s->socket);
	s->to_host.start = s->to_host.end = 0;
	s->shut = true;
}

void stream_open(struct stream *s, int socket, int sink, int source)
{
	s->socket = socket;
	s->sink = sink;
	s->source = source;
	s->to_app.ended = sink < 0;
	s->to_host.ended = s->shut = source < 0;
}

void stream_wants(const struct stream *s, struct pollfd fds[STREAM_POLLFDS])
{
	bool output = s->to_host.start < s->to_host.end;
	bool input = s->to_app.start < s->to_app.end;

	fds[0] = (struct pollfd){ .fd = s->socket };
	fds[1] = (struct pollfd){ .fd = s->sink };
	fds[2] = (struct pollfd){ .fd = output || s->to_host.ended ? -1 : s->source };
	if (!s->connected) {
		fds[0].events = POLLOUT;
		fds[2].fd = -1;
	} else {
		fds[0].events = (short)((output ? POLLOUT : 0) |
					(s->sink >= 0 && !input && !s->to_app.ended ? POLLIN : 0) |
					(s->host_ended ? 0 : POLLRDHUP));
	}
	/* An ended socket would make poll() return at once, for ever. */
	if (s->connected && !fds[0].events)
		fds[0].fd = -1;
	fds[1].events = input ? POLLOUT : 0;
	fds[2].events = POLLIN;
}

static bool would_block(void)
{
	return errno == EAGAIN || errno == EINTR;
}

/* Returns true as long as another round may move more. */
static bool output_round(struct stream *s)
{
	struct flow *flow = &s->to_host;
	ssize_t n;

	if (flow->start < flow->end) {
		n = send(s->socket, flow->data + flow->start, flow->end - flow->start,
			 MSG_NOSIGNAL);
		if (n < 0 && would_block())
			return false;
		if (n < 0)
			host_gone(s);
		else
			flow->start += (size_t)n;
		/* Less than a buffer: the source is empty for now, and poll() will say when not. */
		return n > 0 && (flow->start < flow->end || flow->end == FLOW_SIZE || s->app_ended);
	}
	if (flow->ended)
		return false;
	flow->start = flow->end = 0;
	n = read(s->source, flow->data, FLOW_SIZE);
	if (n > 0)
		flow->end = (size_t)n;
	/* A terminal says EIO while no process has it open, which may pass. */
	else if (n == 0 || (!would_block() && errno != EIO) || (s->app_ended && errno != EINTR))
		close_source(s);
	return n > 0;
}

static bool input_round(struct stream *s)
{
	struct flow *flow = &s->to_app;
	ssize_t n;

	if (flow->start < flow->end) {
		n = write(s->sink, flow->data + flow->start, flow->end - flow->start);
		if (n < 0 && would_block())
			return false;
		if (n < 0)
			close_sink(s);
		else
			flow->start += (size_t)n;
		return n > 0;
	}
	if (flow->ended)
		return false;
	flow->start = flow->end = 0;
	n = recv(s->socket, flow->data, FLOW_SIZE, 0);
	s->host_ended |= n == 0;
	if (n > 0)
		flow->end = (size_t)n;
	else if (n == 0 && is_terminal(s))
		flow->ended = true;
	else if (n == 0 || !would_block())
		close_sink(s);
	return n > 0;
}

/* An empty send fails if and only if the host does not read any more. */
static bool host_reads(const struct stream *s)
{
	return send(s->socket, "", 0, MSG_NOSIGNAL | MSG_DONTWAIT) == 0 || would_block();
}

/* A connection that was made and is closed again already is no failure to connect. */
static int check_connected(struct stream *s, const struct pollfd *fd)
{
	int code = 0;
	socklen_t len = sizeof(code);

	if (!fd->revents)
		return 0;
	if (fd->revents & (POLLERR | POLLHUP) &&
	    getsockopt(s->socket, SOL_SOCKET, SO_ERROR, &code, &len) == 0 && code != 0) {
		errno = code;
		return -1;
	}
	s->connected = true;
	return 0;
}

int stream_step(struct stream *s, const struct pollfd fds[STREAM_POLLFDS])
{
	short on_socket = s->socket >= 0 && fds[0].fd == s->socket ? fds[0].revents : 0;

	if (s->socket >= 0 && !s->connected)
		return check_connected(s, &fds[0]);
	if (on_socket & (POLLRDHUP | POLLHUP | POLLERR)) {
		s->host_ended = true;
		/* A host that wants no output of an app that reads its input is no end. */
		if (!s->shut && !host_reads(s))
			host_gone(s);
	}
	if (s->sink >= 0 && fds[1].revents & POLLERR && !is_terminal(s))
		close_sink(s);
	if (on_socket & (POLLIN | POLLRDHUP | POLLHUP) || fds[1].revents & POLLOUT) {
		for (int i = 0; s->sink >= 0 && i < STEP_ROUNDS && input_round(s); i++)
			;
	}
	if (on_socket & POLLOUT || fds[2].revents || s->app_ended) {
		for (int i = 0; s->socket >= 0 && i < STEP_ROUNDS && output_round(s); i++)
			;
	}
	if (!s->shut && s->to_host.ended && s->to_host.start == s->to_host.end) {
		s->shut = true;
		if (s->socket >= 0)
			shutdown(s->socket, SHUT_WR);
	}
	return 0;
}

void stream_app_ended(struct stream *s)
{
	s->app_ended = true;
	if (!is_terminal(s))
		close_sink(s);
	else
		s->to_app.ended = true;
}

bool stream_is_done(const struct stream *s)
{
	return s->socket < 0 || s->shut;
}

void stream_close(struct stream *s)
{
	close_sink(s);
	close_source(s);
	close_end(&s->socket);
}
