/*
 * virtio-console with one port (virtio 1.2, section 5.3), for the kernel's messages: output only.
 * The guest may write without end; we keep the newest VIRTIO_CONSOLE_BUFFER_BYTES that the
 * reader does not take at once, count what is dropped, and never block.
 */
#ifndef NACELLE_VIRTIO_CONSOLE_H
#define NACELLE_VIRTIO_CONSOLE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "virtio/device.h"

enum {
	VIRTIO_CONSOLE_BUFFER_BYTES = 65536,
	VIRTIO_CONSOLE_CHAIN_MAX = 65536, /* bytes taken of one chain; more are dropped */
};

/* Returns how many of the bytes are written without waiting, 0 for none yet, or -1: none ever. */
typedef ssize_t virtio_console_write_fn(void *ctx, const void *data, size_t len);

struct virtio_console {
	struct virtio_device dev;
	virtio_console_write_fn *write; /* NULL: nobody listens */
	void *write_ctx;
	bool escape;
	uint64_t dropped_bytes; /* guarded by the device's lock, like what follows */
	uint32_t start;		/* of the oldest byte in the buffer */
	uint32_t used;
	uint8_t buffer[VIRTIO_CONSOLE_BUFFER_BYTES];
};

/*
 * write is called with the device's lock held, by vCPU threads, too; NULL drops all output. With
 * escape set, bytes other than printable ASCII, newline and tab appear as \xNN, so
 * that a guest cannot steer a terminal; carriage returns vanish.
 */
void virtio_console_init(struct virtio_console *console, const struct gmem *gmem,
			 virtio_console_write_fn *write, void *write_ctx, bool escape);
void virtio_console_fini(struct virtio_console *console);

/*
 * Writes out what is taken; to be called when there is room again (poll for it with EPOLLOUT |
 * EPOLLET all the time). What has failed is not written to again. Takes the
 * device's lock itself.
 */
void virtio_console_flush(struct virtio_console *console);

/* One more byte of kernel messages, from before the driver was there. Takes the device's lock. */
void virtio_console_put(struct virtio_console *console, uint8_t byte);

#endif
