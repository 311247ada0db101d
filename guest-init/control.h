/*
 * The control connection: frames out through a buffer, frames in through a callback.
 */
#ifndef NACELLE_GUEST_INIT_CONTROL_H
#define NACELLE_GUEST_INIT_CONTROL_H

#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "guest-init/frames.h"
#include "vmm/base/error.h"

enum { CONTROL_OUT_MAX = 4096 };

struct control {
	int fd; /* -1: there is none */
	bool connected;
	uint8_t in[FRAME_FROM_HOST_MAX];
	size_t in_len;
	uint8_t out[CONTROL_OUT_MAX];
	size_t out_len;
};

/* Begins the connection; HELLO is the first frame that waits to be sent. -1 with err filled. */
int control_open(struct control *control, struct error *err);

/* Adds a frame to what is to be sent. Waits for the host if the buffer is full. */
int control_send(struct control *control, enum frame_type type, const void *payload, size_t len,
		 struct error *err);

/* Fills one entry for poll(). */
void control_wants(const struct control *control, struct pollfd *fd);

/*
 * Sends and receives what is possible without waiting. Calls `handle` for each frame that has come.
 * Returns 0; -1 with err filled if the connection is broken or the host's frames are not frames.
 */
int control_step(struct control *control, const struct pollfd *fd,
		 void (*handle)(void *context, const struct host_frame *frame), void *context,
		 struct error *err);

/* Waits until everything is sent. -1 with err filled if that cannot be done. */
int control_flush(struct control *control, struct error *err);

#endif
