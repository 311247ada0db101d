/*
 * The links between unix sockets of the host and connections of the guest.
 *
 * Who does what: as in streams.c. The vCPU thread that brings data sends what goes without waiting
 * and buffers the rest; the loop's thread does everything else, and is the only one to close a
 * socket.
 */
#include "vmm/machine/vsock_bridge.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "vmm/base/bytes.h"

enum { LINK_BYTES = 2 * BRIDGE_BUFFER_BYTES };

enum link_state {
	LINK_FREE,
	LINK_LINE,    /* the host's program says where to */
	LINK_ASKING,  /* the guest */
	LINK_DIALING, /* the supervisor connects */
	LINK_OPEN,
	LINK_ENDING, /* the guest's side is gone; what it sent is still on its way */
	LINK_DEAD,   /* to be closed by the loop's thread */
};

/* Bytes on their way, not a ring: refilled when empty. */
struct buffer {
	uint32_t start, end;
	uint8_t *data;
};

struct link {
	struct vsock_bridge *bridge;
	enum link_state state;
	uint32_t ticket; /* of the last dial */
	struct loop_fd member;
	int fd;
	struct vsock_conn *conn;
	struct buffer in;  /* host to guest */
	struct buffer out; /* guest to host */
	bool in_ended;	   /* the host's program sends no more */
	bool out_ended;	   /* nor does the guest */
	uint32_t line_len;
	char line[BRIDGE_LINE_MAX + 1];
};

struct vsock_bridge {
	struct vsock *vsock;
	struct loop *loop;
	struct loop_fd listener;
	struct loop_event reap;
	vsock_bridge_dial_fn *dial;
	void *ctx;
	uint32_t dials; /* that have no answer */
	uint32_t last_ticket;
	uint32_t last_port;
	uint8_t *memory; /* of all buffers; a page is there while it is used */
	struct link links[BRIDGE_LINKS_MAX];
};

static void lock(struct vsock_bridge *bridge)
{
	virtio_device_lock(&bridge->vsock->device);
}

static void unlock(struct vsock_bridge *bridge)
{
	virtio_device_unlock(&bridge->vsock->device);
}

/* For the loop's thread to close; the guest, if it is there, sees a reset. */
static void link_break(struct link *link)
{
	struct vsock_conn *conn = link->conn;

	link->conn = NULL;
	if (conn)
		vsock_conn_reset(conn);
	if (link->state == LINK_DEAD)
		return;
	link->state = LINK_DEAD;
	if (link->fd >= 0)
		loop_fd_modify(&link->member, 0);
	loop_event_raise(&link->bridge->reap);
}

static void set_interest(struct link *link)
{
	uint32_t events = 0;

	if (link->state == LINK_LINE ||
	    (link->state == LINK_OPEN && !link->in_ended && link->in.start == link->in.end))
		events |= EPOLLIN;
	if (link->out.start != link->out.end)
		events |= EPOLLOUT;
	loop_fd_modify(&link->member, events);
}

/* Both directions are over and nothing is on its way. */
static void end_if_done(struct link *link)
{
	if (link->state == LINK_ENDING && link->out.start == link->out.end)
		link_break(link);
}

/* Guest to host. */

/* Returns how many bytes went, or -1 if the socket is broken. */
static ssize_t send_now(const struct link *link, const void *data, size_t len)
{
	ssize_t n = send(link->fd, data, len, MSG_DONTWAIT | MSG_NOSIGNAL);

	return n < 0 && (errno == EAGAIN || errno == EINTR) ? 0 : n;
}

static void out_flush(struct link *link)
{
	struct buffer *out = &link->out;
	ssize_t n;

	if (out->start != out->end) {
		n = send_now(link, out->data + out->start, out->end - out->start);
		if (n < 0) {
			link_break(link);
			return;
		}
		out->start += (uint32_t)n;
		if (n && link->conn)
			vsock_conn_consumed(link->conn, (size_t)n);
	}
	if (out->start != out->end)
		return;
	out->start = out->end = 0;
	if (link->out_ended)
		(void)shutdown(link->fd, SHUT_WR);
	end_if_done(link);
}

static void on_data(void *ctx, struct vsock_conn *conn, const struct iovec *iov, unsigned iov_count,
		    size_t len)
{
	struct link *link = ctx;
	struct buffer *out = &link->out;
	size_t sent = 0;

	(void)len;
	for (unsigned i = 0; i < iov_count; i++) {
		const uint8_t *data = iov[i].iov_base;
		size_t rest = iov[i].iov_len;
		ssize_t n = out->start == out->end ? send_now(link, data, rest) : 0;

		if (n < 0) {
			link_break(link);
			return;
		}
		sent += (size_t)n;
		rest -= (size_t)n;
		if (out->end + rest > BRIDGE_BUFFER_BYTES) {
			memmove(out->data, out->data + out->start, out->end - out->start);
			out->end -= out->start;
			out->start = 0;
		}
		/* The credit is as large as the buffer, and given back for what has been sent. */
		assert(out->end + rest <= BRIDGE_BUFFER_BYTES);
		memcpy(out->data + out->end, data + n, rest);
		out->end += (uint32_t)rest;
	}
	if (sent)
		vsock_conn_consumed(conn, sent);
	set_interest(link);
}

/* Host to guest. */

static void in_pump(struct link *link)
{
	struct buffer *in = &link->in;

	if (!link->conn || link->state != LINK_OPEN)
		return;
	in->start +=
	    (uint32_t)vsock_conn_send(link->conn, in->data + in->start, in->end - in->start);
	if (in->start != in->end)
		return;
	in->start = in->end = 0;
	if (link->in_ended)
		vsock_conn_shutdown(link->conn, VSOCK_SHUTDOWN_SEND);
}

static void in_read(struct link *link)
{
	struct buffer *in = &link->in;
	ssize_t n;

	if (in->start != in->end || link->in_ended)
		return;
	n = recv(link->fd, in->data, BRIDGE_BUFFER_BYTES, MSG_DONTWAIT);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n < 0) {
		link_break(link);
		return;
	}
	in->end = (uint32_t)n;
	link->in_ended = n == 0;
	in_pump(link);
}

static void on_can_send(void *ctx, struct vsock_conn *conn)
{
	struct link *link = ctx;

	(void)conn;
	in_pump(link);
	if (link->state == LINK_OPEN)
		set_interest(link);
}

/* The guest's events. */

static void on_connected(void *ctx, struct vsock_conn *conn)
{
	struct link *link = ctx;
	char text[32];
	int len = snprintf(text, sizeof(text), "OK %u\n", conn->host_port);

	link->state = LINK_OPEN;
	if (send_now(link, text, (size_t)len) != len)
		link_break(link);
	else
		set_interest(link);
}

static void on_shutdown(void *ctx, struct vsock_conn *conn, unsigned directions)
{
	struct link *link = ctx;

	(void)conn;
	if (directions & VSOCK_SHUTDOWN_RECEIVE) {
		link->in_ended = true;
		link->in.start = link->in.end = 0;
		(void)shutdown(link->fd, SHUT_RD);
	}
	if (directions & VSOCK_SHUTDOWN_SEND)
		link->out_ended = true;
	out_flush(link);
	if (link->state == LINK_OPEN)
		set_interest(link);
}

static void on_closed(void *ctx, struct vsock_conn *conn)
{
	struct link *link = ctx;

	(void)conn;
	link->conn = NULL;
	if (link->state != LINK_OPEN) {
		link_break(link);
		return;
	}
	link->state = LINK_ENDING;
	set_interest(link);
	end_if_done(link);
}

static const struct vsock_conn_ops link_ops = {
	.connected = on_connected,
	.data = on_data,
	.can_send = on_can_send,
	.shutdown = on_shutdown,
	.closed = on_closed,
};

/* The table. */

static void link_free(struct link *link)
{
	(void)madvise(link->in.data, LINK_BYTES, MADV_DONTNEED);
	*link = (struct link){ .fd = -1 };
}

static struct link *link_new(struct vsock_bridge *bridge)
{
	for (unsigned i = 0; i < BRIDGE_LINKS_MAX; i++) {
		struct link *link = &bridge->links[i];

		if (link->state != LINK_FREE)
			continue;
		*link = (struct link){ .bridge = bridge, .fd = -1 };
		link->in.data = bridge->memory + i * (size_t)LINK_BYTES;
		link->out.data = link->in.data + BRIDGE_BUFFER_BYTES;
		return link;
	}
	return NULL;
}

static void reap(struct loop_event *event)
{
	struct vsock_bridge *bridge = container_of(event, struct vsock_bridge, reap);

	for (unsigned i = 0; i < BRIDGE_LINKS_MAX; i++) {
		struct link *link = &bridge->links[i];
		int fd = -1;

		lock(bridge);
		if (link->state == LINK_DEAD) {
			fd = link->fd;
			if (fd >= 0)
				loop_fd_remove(&link->member);
			link_free(link);
		}
		unlock(bridge);
		if (fd >= 0)
			close(fd);
	}
}

/* Into the guest. */

static bool parse_port(const char *line, uint32_t *port)
{
	static const char word[] = "CONNECT ";
	uint64_t value = 0;
	const char *digit = line + sizeof(word) - 1;

	if (strncmp(line, word, sizeof(word) - 1) || *digit == '\n')
		return false;
	for (; *digit >= '0' && *digit <= '9' && value <= UINT32_MAX; digit++)
		value = value * 10 + (uint64_t)(*digit - '0');
	*port = (uint32_t)value;
	return *digit == '\n' && value < UINT32_MAX; /* which is "any port" */
}

static void ask_guest(struct link *link)
{
	const struct vsock_accept as = { .ops = &link_ops,
					 .ctx = link,
					 .buf_alloc = BRIDGE_BUFFER_BYTES };
	struct vsock_bridge *bridge = link->bridge;
	uint32_t port;

	if (!parse_port(link->line, &port)) {
		link_break(link);
		return;
	}
	link->state = LINK_ASKING;
	bridge->last_port = (bridge->last_port + 1) % BRIDGE_PORT_FIRST;
	link->conn = vsock_connect(bridge->vsock, port, BRIDGE_PORT_FIRST + bridge->last_port, &as);
	if (!link->conn)
		link_break(link);
	else
		set_interest(link);
}

/* Takes no byte that stands behind the line: those are the guest's. */
static void read_line(struct link *link)
{
	size_t room = BRIDGE_LINE_MAX - link->line_len;
	char *at = link->line + link->line_len;
	ssize_t n = recv(link->fd, at, room, MSG_DONTWAIT | MSG_PEEK);
	const char *end;

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	end = n > 0 ? memchr(at, '\n', (size_t)n) : NULL;
	if (n > 0)
		n = recv(link->fd, at, end ? (size_t)(end - at) + 1 : (size_t)n, MSG_DONTWAIT);
	if (n <= 0) {
		link_break(link);
		return;
	}
	link->line_len += (uint32_t)n;
	if (end)
		ask_guest(link);
	else if (link->line_len == BRIDGE_LINE_MAX)
		link_break(link);
}

static void on_ready(struct loop_fd *member, uint32_t events)
{
	struct link *link = container_of(member, struct link, member);
	struct vsock_bridge *bridge = link->bridge;

	lock(bridge);
	if (link->state == LINK_LINE) {
		read_line(link);
	} else if (link->state == LINK_OPEN || link->state == LINK_ENDING) {
		out_flush(link);
		if (link->state == LINK_OPEN && (events & (EPOLLIN | EPOLLHUP | EPOLLERR)))
			in_read(link);
		if (link->state == LINK_OPEN || link->state == LINK_ENDING)
			set_interest(link);
	}
	unlock(bridge);
}

/* Gives the link its socket. Returns false, with the socket closed, if that cannot be. */
static bool link_attach(struct link *link, int fd)
{
	struct error err = ERROR_NONE;

	if (loop_fd_add(link->bridge->loop, &link->member, fd, 0, on_ready, &err) < 0) {
		close(fd);
		return false;
	}
	link->fd = fd;
	return true;
}

static void on_listener(struct loop_fd *member, uint32_t events)
{
	struct vsock_bridge *bridge = container_of(member, struct vsock_bridge, listener);
	int fd = accept4(member->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	struct link *link;

	(void)events;
	if (fd < 0)
		return;
	lock(bridge);
	link = link_new(bridge);
	if (!link) {
		close(fd);
	} else if (!link_attach(link, fd)) {
		link_free(link);
	} else {
		link->state = LINK_LINE;
		set_interest(link);
	}
	unlock(bridge);
}

/* Out of the guest. */

bool vsock_bridge_accept(void *ctx, uint32_t host_port, struct vsock_conn *conn,
			 struct vsock_accept *accept)
{
	struct vsock_bridge *bridge = ctx;
	struct link *link;

	if (bridge->dials == BRIDGE_DIALS_MAX)
		return false;
	link = link_new(bridge);
	if (!link)
		return false;
	bridge->dials++;
	link->state = LINK_DIALING;
	link->ticket = ++bridge->last_ticket;
	link->conn = conn;
	*accept = (struct vsock_accept){
		.ops = &link_ops, .ctx = link, .buf_alloc = BRIDGE_BUFFER_BYTES, .later = true
	};
	bridge->dial(bridge->ctx, host_port, link->ticket);
	return true;
}

void vsock_bridge_answer(struct vsock_bridge *bridge, uint32_t ticket, int fd)
{
	struct link *link = NULL;

	lock(bridge);
	assert(bridge->dials);
	bridge->dials--;
	/* The guest may have given up. */
	for (unsigned i = 0; i < BRIDGE_LINKS_MAX && !link; i++)
		if (bridge->links[i].state == LINK_DIALING && bridge->links[i].ticket == ticket)
			link = &bridge->links[i];
	if (!link && fd >= 0) {
		close(fd);
	} else if (link && (fd < 0 || !link_attach(link, fd))) {
		link_break(link);
	} else if (link) {
		link->state = LINK_OPEN;
		vsock_conn_accept(link->conn);
		set_interest(link);
	}
	unlock(bridge);
}

int vsock_bridge_init(struct vsock_bridge **bridge, int listener, struct vsock *vsock,
		      struct loop *loop, vsock_bridge_dial_fn *dial, void *ctx, struct error *err)
{
	struct vsock_bridge *b = calloc(1, sizeof(*b));

	if (!b)
		return error_set(err, errno, "cannot allocate the vsock bridge");
	b->vsock = vsock;
	b->loop = loop;
	b->dial = dial;
	b->ctx = ctx;
	/* Now, and not by malloc() later: a vCPU's thread may not make memory. */
	b->memory = mmap(NULL, (size_t)BRIDGE_LINKS_MAX * LINK_BYTES, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (b->memory == MAP_FAILED) {
		error_set(err, errno, "cannot allocate the vsock bridge");
		free(b);
		return -1;
	}
	if (loop_event_add(loop, &b->reap, reap, err) < 0 ||
	    loop_fd_add(loop, &b->listener, listener, EPOLLIN, on_listener, err) < 0) {
		loop_event_remove(&b->reap);
		(void)munmap(b->memory, (size_t)BRIDGE_LINKS_MAX * LINK_BYTES);
		free(b);
		return -1;
	}
	*bridge = b;
	return 0;
}

void vsock_bridge_fini(struct vsock_bridge *bridge)
{
	for (unsigned i = 0; i < BRIDGE_LINKS_MAX; i++) {
		struct link *link = &bridge->links[i];

		if (link->state == LINK_FREE)
			continue;
		if (link->fd >= 0) {
			loop_fd_remove(&link->member);
			close(link->fd);
		}
		link_free(link);
	}
	loop_fd_remove(&bridge->listener);
	close(bridge->listener.fd);
	loop_event_remove(&bridge->reap);
	(void)munmap(bridge->memory, (size_t)BRIDGE_LINKS_MAX * LINK_BYTES);
	free(bridge);
}
