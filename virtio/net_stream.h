/*
 * The back end of virtio-net that is a stream socket with a process such as passt(1) at its other
 * end: each frame behind its length, 32 bits, big-endian. There are no offloads.
 *
 * The other process is not trusted to keep to that: a length that no frame has, or the end of the
 * stream, and the back end is gone.
 */
#ifndef NACELLE_VIRTIO_NET_STREAM_H
#define NACELLE_VIRTIO_NET_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "virtio/net.h"

enum { VIRTIO_NET_STREAM_LENGTH_BYTES = 4 };

struct virtio_net_stream {
	int fd; /* not owned, non-blocking; the process ignores SIGPIPE */

	/* What has come of the next frame: its length, then as much of the frame. */
	size_t in_bytes;
	uint8_t in_length[VIRTIO_NET_STREAM_LENGTH_BYTES];
	uint8_t in[VIRTIO_NET_FRAME_MAX];

	/* What the socket has not taken of the last frame. */
	size_t out_start, out_end;
	uint8_t out[VIRTIO_NET_STREAM_LENGTH_BYTES + VIRTIO_NET_FRAME_MAX];
};

/* ctx is a struct virtio_net_stream. */
extern const struct virtio_net_backend virtio_net_stream;

void virtio_net_stream_init(struct virtio_net_stream *stream, int fd);

#endif
