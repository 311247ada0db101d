/*
 * Frames over a stream socket. Nothing is read ahead, so the socket is readable as long as there is
 * something to receive.
 */
#include "virtio/net_stream.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "vmm/base/bytes.h"

enum { LENGTH_BYTES = VIRTIO_NET_STREAM_LENGTH_BYTES };

void virtio_net_stream_init(struct virtio_net_stream *stream, int fd)
{
	stream->fd = fd;
	stream->in_bytes = 0;
	stream->out_start = stream->out_end = 0;
}

/* Writes what is left of the last frame. Returns 0; -1 with errno. */
static int flush(struct virtio_net_stream *stream)
{
	while (stream->out_start < stream->out_end) {
		ssize_t n = write(stream->fd, stream->out + stream->out_start,
				  stream->out_end - stream->out_start);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -1;
		stream->out_start += (size_t)n;
	}
	stream->out_start = stream->out_end = 0;
	return 0;
}

/* Keeps what lies behind the first `sent` bytes of the pieces. */
static void keep_rest(struct virtio_net_stream *stream, const struct iovec *iov, unsigned count,
		      size_t sent)
{
	for (unsigned i = 0; i < count; i++) {
		const uint8_t *at = iov[i].iov_base;
		size_t len = iov[i].iov_len;
		size_t skip = sent < len ? sent : len;

		sent -= skip;
		gmem_fetch(stream->out + stream->out_end, at + skip, len - skip);
		stream->out_end += len - skip;
	}
}

/*
 * A frame that the socket takes in part is given again by the device, which is told that it has to
 * wait: when the rest is out, so is the frame.
 */
static ssize_t stream_send(void *ctx, const struct iovec *iov, unsigned count)
{
	struct virtio_net_stream *stream = ctx;
	struct iovec pieces[2 + VIRTQ_SIZE_MAX];
	uint8_t length[LENGTH_BYTES];
	size_t total = 0;
	ssize_t n;

	if (stream->out_end)
		return flush(stream) < 0 ? -1 : (ssize_t)sizeof(struct virtio_net_header);
	assert(count <= ARRAY_SIZE(pieces));
	for (unsigned i = 1; i < count; i++) {
		pieces[i] = iov[i];
		total += iov[i].iov_len;
	}
	assert(total <= VIRTIO_NET_FRAME_MAX);
	for (unsigned i = 0; i < LENGTH_BYTES; i++)
		length[i] = (uint8_t)(total >> (8 * (LENGTH_BYTES - 1 - i)));
	pieces[0] = (struct iovec){ .iov_base = length, .iov_len = sizeof(length) };
	do
		n = writev(stream->fd, pieces, (int)count);
	while (n < 0 && errno == EINTR);
	if (n < 0 || (size_t)n == sizeof(length) + total)
		return n;
	keep_rest(stream, pieces, count, (size_t)n);
	errno = EAGAIN;
	return -1;
}

/* Reads until `wanted` bytes of the length and the frame have come. Returns 0; -1 with errno. */
static int fill(struct virtio_net_stream *stream, size_t wanted)
{
	while (stream->in_bytes < wanted) {
		uint8_t *to = stream->in_bytes < LENGTH_BYTES
				  ? stream->in_length + stream->in_bytes
				  : stream->in + (stream->in_bytes - LENGTH_BYTES);
		ssize_t n = read(stream->fd, to, wanted - stream->in_bytes);

		if (n < 0 && errno == EINTR)
			continue;
		if (n == 0)
			errno = ECONNRESET;
		if (n <= 0)
			return -1;
		stream->in_bytes += (size_t)n;
	}
	return 0;
}

static ssize_t stream_receive(void *ctx, const struct iovec *iov, unsigned count)
{
	struct virtio_net_stream *stream = ctx;
	size_t length = 0, at = 0;

	if (fill(stream, LENGTH_BYTES) < 0)
		return -1;
	for (unsigned i = 0; i < LENGTH_BYTES; i++)
		length = length << 8 | stream->in_length[i];
	if (length < VIRTIO_NET_FRAME_MIN || length > VIRTIO_NET_FRAME_MAX) {
		errno = EBADMSG;
		return -1;
	}
	if (fill(stream, LENGTH_BYTES + length) < 0)
		return -1;
	stream->in_bytes = 0;
	memset(iov[0].iov_base, 0, sizeof(struct virtio_net_header));
	for (unsigned i = 1; i < count && at < length; i++) {
		size_t part = iov[i].iov_len < length - at ? iov[i].iov_len : length - at;

		memcpy(iov[i].iov_base, stream->in + at, part);
		at += part;
	}
	return (ssize_t)(sizeof(struct virtio_net_header) + at);
}

static void stream_set_offloads(void *ctx, unsigned offloads)
{
	(void)ctx;
	(void)offloads;
}

const struct virtio_net_backend virtio_net_stream = {
	.send = stream_send,
	.receive = stream_receive,
	.set_offloads = stream_set_offloads,
	.offloads = false,
};
