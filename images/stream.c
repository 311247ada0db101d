/*
 * Streams over a descriptor and over memory.
 */
#include "images/stream.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

int stream_read(struct stream *stream, void *data, size_t len, size_t *got, struct error *err)
{
	uint8_t *at = data;

	*got = 0;
	while (*got < len) {
		size_t take = len - *got;
		int more = stream_fill(stream, err);

		if (more < 0)
			return -1;
		if (more == 0)
			break;
		if (take > stream->left)
			take = stream->left;
		memcpy(at + *got, stream->at, take);
		stream_consume(stream, take);
		*got += take;
	}
	return 0;
}

static int fd_stream_fill(struct stream *stream, struct error *err)
{
	struct fd_stream *self = (struct fd_stream *)stream;
	size_t want = STREAM_WINDOW_MAX;
	ssize_t n;

	if (self->left_bytes == 0)
		return 0;
	if (want > self->left_bytes)
		want = (size_t)self->left_bytes;
	do
		n = read(self->fd, self->buffer, want);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return error_set(err, errno, "cannot read a blob");
	if (n == 0)
		return error_set(err, 0, "a blob ends before its size");
	self->left_bytes -= (uint64_t)n;
	stream->at = self->buffer;
	stream->left = (size_t)n;
	return 1;
}

void fd_stream_init(struct fd_stream *stream, int fd, uint64_t size_bytes, uint8_t *buffer)
{
	*stream = (struct fd_stream){
		.stream.fill = fd_stream_fill, .fd = fd, .left_bytes = size_bytes, .buffer = buffer
	};
}

static int memory_stream_fill(struct stream *stream, struct error *err)
{
	(void)stream;
	(void)err;
	return 0;
}

void memory_stream_init(struct memory_stream *stream, const void *data, size_t len)
{
	*stream = (struct memory_stream){
		.stream = { .at = data, .left = len, .fill = memory_stream_fill }
	};
}
