/*
 * The bytes of a link, both ways. They are opaque, and bounded by the link's buffers: the guest's
 * credit is one, and the host's program waits while the other is full.
 */
#include "vmm/machine/vsock_link.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

void vsock_link_break(struct vsock_link *link)
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

void vsock_link_watch(struct vsock_link *link)
{
	uint32_t events = 0;

	/* Nothing is read yet, but a program that has gone is not kept until the guest answers. */
	if (link->state == LINK_ASKING)
		events = EPOLLHUP;
	if (link->state == LINK_LINE ||
	    (link->state == LINK_OPEN && !link->in_ended && link->in.start == link->in.end))
		events |= EPOLLIN;
	if (link->out.start != link->out.end)
		events |= EPOLLOUT;
	loop_fd_modify(&link->member, events);
}

/* Both directions are over and nothing is on its way. */
static void end_if_done(struct vsock_link *link)
{
	if (link->state == LINK_ENDING && link->out.start == link->out.end)
		vsock_link_break(link);
}

/* Guest to host. */

/* Returns how many bytes went, or -1 if the socket is broken. */
static ssize_t send_now(const struct vsock_link *link, const void *data, size_t len)
{
	ssize_t n = send(link->fd, data, len, MSG_DONTWAIT | MSG_NOSIGNAL);

	return n < 0 && (errno == EAGAIN || errno == EINTR) ? 0 : n;
}

void vsock_link_flush(struct vsock_link *link)
{
	struct vsock_buffer *out = &link->out;
	ssize_t n;

	if (out->start != out->end) {
		n = send_now(link, out->data + out->start, out->end - out->start);
		if (n < 0) {
			vsock_link_break(link);
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
	struct vsock_link *link = ctx;
	struct vsock_buffer *out = &link->out;
	size_t sent = 0;

	(void)len;
	for (unsigned i = 0; i < iov_count; i++) {
		const uint8_t *data = iov[i].iov_base;
		size_t rest = iov[i].iov_len;
		ssize_t n = out->start == out->end ? send_now(link, data, rest) : 0;

		if (n < 0) {
			vsock_link_break(link);
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
	vsock_link_watch(link);
}

/* Host to guest. */

static void in_pump(struct vsock_link *link)
{
	struct vsock_buffer *in = &link->in;

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

void vsock_link_read(struct vsock_link *link)
{
	struct vsock_buffer *in = &link->in;
	ssize_t n;

	if (in->start != in->end || link->in_ended)
		return;
	n = recv(link->fd, in->data, BRIDGE_BUFFER_BYTES, MSG_DONTWAIT);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n < 0) {
		vsock_link_break(link);
		return;
	}
	in->end = (uint32_t)n;
	link->in_ended = n == 0;
	in_pump(link);
}

static void on_can_send(void *ctx, struct vsock_conn *conn)
{
	struct vsock_link *link = ctx;

	(void)conn;
	in_pump(link);
	if (link->state == LINK_OPEN)
		vsock_link_watch(link);
}

/* The guest's events. */

static void on_connected(void *ctx, struct vsock_conn *conn)
{
	struct vsock_link *link = ctx;
	char text[32];
	int len = snprintf(text, sizeof(text), "OK %u\n", conn->host_port);

	link->state = LINK_OPEN;
	if (send_now(link, text, (size_t)len) != len)
		vsock_link_break(link);
	else
		vsock_link_watch(link);
}

static void on_shutdown(void *ctx, struct vsock_conn *conn, unsigned directions)
{
	struct vsock_link *link = ctx;

	(void)conn;
	if (directions & VSOCK_SHUTDOWN_RECEIVE) {
		link->in_ended = true;
		link->in.start = link->in.end = 0;
		(void)shutdown(link->fd, SHUT_RD);
	}
	if (directions & VSOCK_SHUTDOWN_SEND)
		link->out_ended = true;
	vsock_link_flush(link);
	if (link->state == LINK_OPEN)
		vsock_link_watch(link);
}

static void on_closed(void *ctx, struct vsock_conn *conn)
{
	struct vsock_link *link = ctx;

	(void)conn;
	link->conn = NULL;
	if (link->state != LINK_OPEN) {
		vsock_link_break(link);
		return;
	}
	link->state = LINK_ENDING;
	vsock_link_watch(link);
	end_if_done(link);
}

const struct vsock_conn_ops vsock_link_ops = {
	.connected = on_connected,
	.data = on_data,
	.can_send = on_can_send,
	.shutdown = on_shutdown,
	.closed = on_closed,
};
