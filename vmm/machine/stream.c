/*
 * One app stream: what moves bytes between a connection and descriptors.
 *
 * Both ends of a stream are untrusted and opaque. The guest cannot have more under way than
 * STREAM_OUT_BYTES, because vsock enforces the credit, and credit is returned only for what has
 * been written.
 *
 * Who does what: the vCPU thread that brings data writes what goes without waiting and buffers the
 * rest; the loop's thread writes the buffer when the descriptor is ready, reads, and is the only
 * one to close a descriptor (stream_reap()), so it may use one without the lock while it reads.
 */
#include "vmm/machine/stream.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "guest-init/protocol.h"
#include "vmm/base/bytes.h"

static bool usable(const struct channel *c)
{
	return c->fd >= 0 && !c->closing;
}

static void set_interest(struct channel *c, uint32_t events)
{
	if (usable(c))
		loop_fd_modify(&c->member, events);
}

/* Drops what is in the ring and lets the loop's thread close the descriptor. */
static void channel_close(struct channel *c)
{
	c->count = 0;
	c->ended = true;
	if (!usable(c))
		return;
	loop_fd_modify(&c->member, 0);
	c->closing = true;
	loop_event_raise(&c->stream->streams->reap);
}

static void channel_reap(struct channel *c)
{
	int fd = -1;

	streams_lock(c->stream->streams);
	if (c->closing) {
		loop_fd_remove(&c->member);
		fd = c->fd;
		c->fd = -1;
		c->closing = false;
	}
	streams_unlock(c->stream->streams);
	if (fd >= 0)
		close(fd);
}

void stream_reap(struct stream *stream)
{
	channel_reap(&stream->in);
	channel_reap(&stream->out);
}

void stream_break(struct stream *stream)
{
	struct vsock_conn *conn = stream->conn;

	stream->conn = NULL;
	if (conn)
		vsock_conn_reset(conn);
	channel_close(&stream->in);
	channel_close(&stream->out);
}

/* The longest run of bytes in the ring. */
static uint32_t ring_run(const struct channel *c)
{
	uint32_t to_end = c->size - c->first;

	return c->count < to_end ? c->count : to_end;
}

static void ring_take(struct channel *c, uint32_t len)
{
	c->first = (c->first + len) % c->size;
	c->count -= len;
	if (!c->count)
		c->first = 0;
}

static void ring_put(struct channel *c, const uint8_t *data, size_t len)
{
	assert(len <= c->size - c->count);
	while (len) {
		uint32_t at = (c->first + c->count) % c->size;
		uint32_t part = c->size - at;

		if (part > len)
			part = (uint32_t)len;
		memcpy(c->ring + at, data, part);
		c->count += part;
		data += part;
		len -= part;
	}
}

/* Guest to host. */

/* Writes from the ring. Returns false if the stream broke. */
static bool out_flush(struct stream *stream)
{
	struct channel *out = &stream->out;

	while (out->count) {
		uint32_t run = ring_run(out);
		ssize_t n = stream_fd_write(out->fd, out->kind, out->ring + out->first, run);

		if (n < 0) {
			stream_break(stream);
			return false;
		}
		ring_take(out, (uint32_t)n);
		if (n && stream->conn)
			vsock_conn_consumed(stream->conn, (size_t)n);
		if ((uint32_t)n < run)
			break;
	}
	return true;
}

static void on_out_ready(struct loop_fd *member, uint32_t events)
{
	struct channel *out = container_of(member, struct channel, member);
	struct streams *streams = out->stream->streams;

	(void)events;
	streams_lock(streams);
	if (usable(out) && out_flush(out->stream) && !out->count) {
		set_interest(out, 0);
		if (out->ended)
			channel_close(out);
	}
	streams_unlock(streams);
}

static void on_data(void *ctx, struct vsock_conn *conn, const struct iovec *iov, unsigned iov_count,
		    size_t len)
{
	struct stream *stream = ctx;
	struct channel *out = &stream->out;
	size_t written = 0;
	bool waits = out->count > 0;

	(void)len;
	if (stream->streams->draining)
		return;
	if (!usable(out) || out->ended) {
		stream_break(stream);
		return;
	}
	for (unsigned i = 0; i < iov_count; i++) {
		const uint8_t *data = iov[i].iov_base;
		ssize_t n = 0;

		if (!waits)
			n = stream_fd_write(out->fd, out->kind, data, iov[i].iov_len);
		if (n < 0) {
			stream_break(stream);
			return;
		}
		written += (size_t)n;
		waits = waits || (size_t)n < iov[i].iov_len;
		ring_put(out, data + n, iov[i].iov_len - (size_t)n);
	}
	if (written)
		vsock_conn_consumed(conn, written);
	if (out->count)
		set_interest(out, EPOLLOUT);
}

/* Host to guest. */

static void in_pump(struct stream *stream)
{
	struct channel *in = &stream->in;

	if (!stream->conn)
		return;
	while (in->count) {
		uint32_t run = ring_run(in);
		size_t n = vsock_conn_send(stream->conn, in->ring + in->first, run);

		ring_take(in, (uint32_t)n);
		if (n < run)
			break;
	}
	if (in->count) {
		set_interest(in, 0);
	} else if (in->ended) {
		vsock_conn_shutdown(stream->conn, VSOCK_SHUTDOWN_SEND);
		channel_close(in);
	} else {
		set_interest(in, EPOLLIN);
	}
}

static void on_in_ready(struct loop_fd *member, uint32_t events)
{
	struct channel *in = container_of(member, struct channel, member);
	struct streams *streams = in->stream->streams;
	bool wanted;
	ssize_t n;
	int error;

	(void)events;
	streams_lock(streams);
	wanted = usable(in) && in->stream->conn && !in->count && !in->ended;
	streams_unlock(streams);
	if (!wanted)
		return;
	/* With the ring empty nobody else looks at it, and only this thread closes. */
	n = stream_fd_read(in->fd, in->kind, in->ring, in->size);
	error = errno;
	streams_lock(streams);
	if (usable(in) && in->stream->conn && (n >= 0 || error != EAGAIN)) {
		in->first = 0;
		in->count = n > 0 ? (uint32_t)n : 0;
		in->ended = n <= 0;
		in_pump(in->stream);
	}
	streams_unlock(streams);
}

static void on_can_send(void *ctx, struct vsock_conn *conn)
{
	(void)conn;
	in_pump(ctx);
}

/* Connections. */

/* The guest will send no more: what has come is written, then the descriptor closed. */
static void out_end(struct channel *out)
{
	out->ended = true;
	if (!out->count)
		channel_close(out);
}

static void on_shutdown(void *ctx, struct vsock_conn *conn, unsigned directions)
{
	struct stream *stream = ctx;

	(void)conn;
	if (directions & VSOCK_SHUTDOWN_RECEIVE)
		channel_close(&stream->in);
	if (directions & VSOCK_SHUTDOWN_SEND)
		out_end(&stream->out);
}

static void on_closed(void *ctx, struct vsock_conn *conn)
{
	struct stream *stream = ctx;

	(void)conn;
	stream->conn = NULL;
	channel_close(&stream->in);
	out_end(&stream->out);
}

void stream_connect(struct stream *stream, struct vsock_conn *conn, struct vsock_accept *accept)
{
	static const struct vsock_conn_ops ops = {
		.data = on_data,
		.can_send = on_can_send,
		.shutdown = on_shutdown,
		.closed = on_closed,
	};

	stream->used = true;
	stream->conn = conn;
	/* Linux calls a socket connected (POLLOUT) only once it could send something. */
	*accept = (struct vsock_accept){
		.ops = &ops,
		.ctx = stream,
		.buf_alloc = stream->out.exists ? STREAM_OUT_BYTES : STREAM_CREDIT_MIN,
	};
	if (stream->in.exists)
		in_pump(stream);
}

void stream_end(struct stream *stream)
{
	stream->used = true;
	channel_close(&stream->in);
	out_end(&stream->out);
}

static int channel_open(struct stream *stream, struct channel *c, const struct stream_fd *from,
			uint32_t size, loop_fd_fn *fn, struct error *err)
{
	c->exists = true;
	c->size = size;
	c->ended = from->fd < 0;
	if (from->fd < 0)
		return 0;
	c->ring = malloc(size);
	if (!c->ring)
		return error_set(err, errno, "cannot allocate a stream's buffer");
	if (loop_fd_add(stream->streams->loop, &c->member, from->fd, 0, fn, err) < 0)
		return error_prefix(err, "stream %u", stream->port);
	c->fd = from->fd;
	c->kind = from->kind;
	if (c->kind == STREAM_FD_UNKNOWN || c->member.always_fd >= 0)
		c->kind =
		    stream_fd_kind(c->fd, from->private_nonblocking, c->member.always_fd >= 0);
	return 0;
}

int stream_open(struct stream *stream, const struct stream_config *config, struct error *err)
{
	assert(config->port >= NACELLE_PORT_STREAM_FIRST);
	assert(config->directions && !(config->directions & ~(unsigned)(STREAM_IN | STREAM_OUT)));
	stream->port = config->port;
	stream->in.stream = stream->out.stream = stream;
	stream->in.fd = stream->out.fd = -1;
	if ((config->directions & STREAM_IN) &&
	    channel_open(stream, &stream->in, &config->in, STREAM_IN_BYTES, on_in_ready, err) < 0)
		return -1;
	if ((config->directions & STREAM_OUT) &&
	    channel_open(stream, &stream->out, &config->out, STREAM_OUT_BYTES, on_out_ready, err) <
		0)
		return -1;
	return 0;
}

static void channel_free(struct channel *c, bool close_fd)
{
	loop_fd_remove(&c->member);
	if (close_fd && c->fd >= 0)
		close(c->fd);
	free(c->ring);
}

void stream_free(struct stream *stream, bool close_fds)
{
	channel_free(&stream->in, close_fds);
	channel_free(&stream->out, close_fds);
}
