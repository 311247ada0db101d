/*
 * A stream of bytes that is read window by window, without copying: the shape that blob, inflater,
 * hash and tar reader plug into each other with.
 *
 * A stream lends a window (at, left); the reader moves at and left forward as it consumes. When the
 * window is empty, stream_fill() asks the stream for the next one, which replaces the old.
 */
#ifndef NACELLE_IMAGES_STREAM_H
#define NACELLE_IMAGES_STREAM_H

#include <stddef.h>
#include <stdint.h>

#include "vmm/base/error.h"

/* The largest window that any stream here lends, and the size of the buffers behind them. */
enum { STREAM_WINDOW_MAX = 256 * 1024 };

struct stream {
	const uint8_t *at;
	size_t left;
	/* Lends the next window: 1, 0 at the end, -1 with err filled. Called with left == 0. */
	int (*fill)(struct stream *stream, struct error *err);
};

/* Makes sure that the window holds at least one byte: 1, 0 at the end, -1 with err filled. */
static inline int stream_fill(struct stream *stream, struct error *err)
{
	return stream->left ? 1 : stream->fill(stream, err);
}

static inline void stream_consume(struct stream *stream, size_t len)
{
	stream->at += len;
	stream->left -= len;
}

/* Copies up to len bytes, less only at the end. Returns the count in *got and 0, or -1. */
int stream_read(struct stream *stream, void *data, size_t len, size_t *got, struct error *err);

/*
 * The bytes of a descriptor that is read from front to back: exactly size_bytes of them, no more
 * are ever read. An earlier end is an error.
 */
struct fd_stream {
	struct stream stream;
	int fd;
	uint64_t left_bytes;
	uint8_t *buffer; /* borrowed, STREAM_WINDOW_MAX bytes */
};

void fd_stream_init(struct fd_stream *stream, int fd, uint64_t size_bytes, uint8_t *buffer);

/* The bytes of a buffer, in one window. */
struct memory_stream {
	struct stream stream;
};

void memory_stream_init(struct memory_stream *stream, const void *data, size_t len);

#endif
