/*
 * The loop of the metadata service.
 *
 * All memory that it will ever use is static: an app that opens connections, or speaks slowly,
 * takes a place of a fixed number and loses it again, to time or to whoever comes later.
 */
#include "guest-init/metadata/server.h"

#include <errno.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "guest-init/metadata/answer.h"
#include "guest-init/metadata/request.h"

enum { HEAD_TEXT_MAX = 256 };

enum state {
	FREE,
	READING,
	ANSWERING,
	LEAVING, /* all is said; what still comes is thrown away, lest its end be a reset */
};

struct connection {
	int fd;
	enum state state;
	uint64_t begun_ms;
	uint64_t number; /* in the order of their coming */
	size_t used;	 /* of data */
	struct request request;
	bool has_head;
	char head[HEAD_TEXT_MAX]; /* of the answer */
	size_t head_len;
	struct answer answer;
	size_t sent; /* of head and body */
	char data[REQUEST_SIZE_MAX];
};

struct server {
	int listener;
	const struct documents *documents;
	struct identity *identity;
	uint64_t come; /* connections so far */
	struct connection connections[SERVER_CONNECTIONS];
};

static uint64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static void end(struct connection *connection)
{
	close(connection->fd);
	connection->state = FREE;
}

static void begin_answer(struct connection *connection)
{
	const struct answer *answer = &connection->answer;
	int n = snprintf(connection->head, sizeof(connection->head),
			 "HTTP/1.1 %d %s\r\nContent-Type: %s\r\nContent-Length: %zu\r\n"
			 "Connection: close\r\n\r\n",
			 answer->status, answer_reason(answer->status),
			 answer->is_json ? "application/json" : "text/plain; charset=us-ascii",
			 answer->len);

	connection->head_len = (size_t)n;
	connection->sent = 0;
	connection->state = ANSWERING;
}

static void answer(const struct server *server, struct connection *connection)
{
	struct request *request = &connection->request;

	if (!connection->has_head) {
		int status = request_read(request, connection->data, connection->used);

		if (status == 0)
			return;
		connection->has_head = status == 200;
		if (status != 200) {
			answer_refuse(&connection->answer, status);
			begin_answer(connection);
			return;
		}
	}
	if (connection->used < request->head_len + request->body_len)
		return;
	answer_make(&connection->answer, server->documents, server->identity, request,
		    connection->data + request->head_len);
	begin_answer(connection);
}

/* There is room as long as it reads: a request that fills the buffer is complete, or refused. */
static void receive(const struct server *server, struct connection *connection)
{
	ssize_t n = recv(connection->fd, connection->data + connection->used,
			 sizeof(connection->data) - connection->used, 0);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		end(connection);
		return;
	}
	connection->used += (size_t)n;
	answer(server, connection);
}

static void transmit(struct connection *connection)
{
	const size_t head_len = connection->head_len, len = head_len + connection->answer.len;
	bool in_head = connection->sent < head_len;
	const char *at = in_head ? connection->head + connection->sent
				 : connection->answer.body + (connection->sent - head_len);
	size_t left = in_head ? head_len - connection->sent : len - connection->sent;
	ssize_t n = send(connection->fd, at, left, MSG_NOSIGNAL | (in_head ? MSG_MORE : 0));

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n < 0) {
		end(connection);
		return;
	}
	connection->sent += (size_t)n;
	if (connection->sent < len)
		return;
	shutdown(connection->fd, SHUT_WR);
	connection->state = LEAVING;
}

static void leave(struct connection *connection)
{
	ssize_t n = recv(connection->fd, connection->data, sizeof(connection->data), 0);

	if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
		end(connection);
}

/* A free place, or that of whoever has been there for longest. */
static struct connection *take_place(struct server *server)
{
	struct connection *oldest = &server->connections[0];

	for (size_t i = 0; i < SERVER_CONNECTIONS; i++) {
		struct connection *connection = &server->connections[i];

		if (connection->state == FREE)
			return connection;
		if (connection->number < oldest->number)
			oldest = connection;
	}
	end(oldest);
	return oldest;
}

static void welcome(struct server *server)
{
	int fd = accept4(server->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	struct connection *connection;

	if (fd < 0)
		return;
	connection = take_place(server);
	connection->fd = fd;
	connection->state = READING;
	connection->begun_ms = now_ms();
	connection->number = server->come++;
	connection->used = 0;
	connection->has_head = false;
}

static void step(struct server *server, struct connection *connection, short revents)
{
	if (connection->state == READING && revents)
		receive(server, connection);
	else if (connection->state == LEAVING && revents)
		leave(connection);
	/* Also at once: what has just been read can mostly be answered. */
	if (connection->state == ANSWERING)
		transmit(connection);
}

/* What to wait for, and until when; what has had its time goes. */
static int prepare(struct server *server, struct pollfd *fds)
{
	uint64_t now = now_ms(), first = UINT64_MAX;

	for (size_t i = 0; i < SERVER_CONNECTIONS; i++) {
		struct connection *connection = &server->connections[i];

		if (connection->state != FREE && now - connection->begun_ms >= SERVER_TIME_MS)
			end(connection);
		fds[i] =
		    (struct pollfd){ .fd = connection->state == FREE ? -1 : connection->fd,
				     .events = connection->state == ANSWERING ? POLLOUT : POLLIN };
		if (connection->state != FREE && connection->begun_ms < first)
			first = connection->begun_ms;
	}
	return first == UINT64_MAX ? -1 : (int)(first + SERVER_TIME_MS - now);
}

_Noreturn void server_run(int listener, const struct documents *documents,
			  struct identity *identity)
{
	static struct server server;
	struct pollfd fds[SERVER_CONNECTIONS + 1];

	server.listener = listener;
	server.documents = documents;
	server.identity = identity;
	for (;;) {
		int timeout_ms = prepare(&server, fds);

		fds[SERVER_CONNECTIONS] = (struct pollfd){ .fd = listener, .events = POLLIN };
		if (poll(fds, SERVER_CONNECTIONS + 1, timeout_ms) < 0 && errno != EINTR)
			_exit(EXIT_FAILURE);
		for (size_t i = 0; i < SERVER_CONNECTIONS; i++)
			step(&server, &server.connections[i], fds[i].revents);
		if (fds[SERVER_CONNECTIONS].revents)
			welcome(&server);
	}
}
