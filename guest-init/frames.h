/*
 * The frames of protocol.h, to and from bytes.
 */
#ifndef NACELLE_GUEST_INIT_FRAMES_H
#define NACELLE_GUEST_INIT_FRAMES_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "guest-init/protocol.h"

/* The longest frame that a host sends to this version. */
enum { FRAME_FROM_HOST_MAX = sizeof(struct frame_header) + sizeof(struct frame_add) };

struct host_frame {
	enum frame_type type; /* one of those to the guest */
	uint32_t app;	      /* SIGNAL, WINSIZE, ADD and START */
	uint32_t signal;
	uint16_t rows, columns;
	uint32_t id, record_port; /* ADD: the id is within its range */
	uint32_t timeout_ms;	  /* STOP */
};

/*
 * Reads the frame at the beginning of the len bytes. Returns how many bytes it took, 0 if it is not
 * complete yet, -1 if it is not a frame that a host may send.
 */
ssize_t frame_parse(const void *data, size_t len, struct host_frame *frame);

/* Writes header and payload at out, which has room for both. Returns the bytes written. */
size_t frame_write(void *out, enum frame_type type, const void *payload, size_t len);

#endif
