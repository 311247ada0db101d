/*
 * virtio-9p (virtio 1.2 reserves device ID 9; the layout is that of Linux's virtio_9p.h): the
 * guest's end of a 9p file server in another process.
 *
 * The device looks at no 9p message. It copies a request from its chain into a slot of the channel
 * (p9_channel.h), tells the server, and copies the reply back. For the reply to a single request it
 * waits a moment, on the vCPU that asked, which would have nothing else to do. Chains wait in the
 * ring while all slots are taken. A request that cannot be a message, or one of which the server
 * says that it breaks the protocol, makes the device broken; so does the end of the server.
 */
#ifndef NACELLE_VIRTIO_P9_H
#define NACELLE_VIRTIO_P9_H

#include <stdbool.h>
#include <stdint.h>

#include "virtio/device.h"
#include "virtio/p9_channel.h"
#include "vmm/base/error.h"

enum {
	VIRTIO_P9_MOUNT_TAG = 0, /* the feature bit; always offered */
	VIRTIO_P9_TAG_MAX = 64,	 /* bytes */
};

enum virtio_p9_slot_state {
	VIRTIO_P9_FREE,
	VIRTIO_P9_BUSY,	    /* the server has it, and the chain is held */
	VIRTIO_P9_ORPHANED, /* the server has it, and the driver has reset the device since */
};

struct virtio_p9_slot {
	enum virtio_p9_slot_state state;
	struct virtq_chain chain; /* while busy; reply_max is what it has room for */
	uint32_t reply_max;
};

struct virtio_p9 {
	struct virtio_device dev;
	uint8_t config[2 + VIRTIO_P9_TAG_MAX]; /* tag_len, tag */
	int socket;			       /* not owned */
	uint8_t *slots_memory;		       /* of the channel; mapped here */

	/* Guarded by the device's lock. */
	struct virtio_p9_slot slots[P9_SLOTS];
	uint8_t free[P9_SLOTS]; /* a stack, so that few slots' memory is in use */
	unsigned free_count;
	bool waiting;	    /* the ring has chains that found no slot */
	unsigned impatient; /* so many requests are not waited for: one was slow */
	bool gone;	    /* the server */
};

/*
 * Makes the device. The tag is what the guest names when it mounts: 1 to VIRTIO_P9_TAG_MAX bytes.
 * The device's socket of the channel must be open for as long as the device lives; memory_fd is
 * needed only here. Returns 0, or -1 with err filled.
 */
int virtio_p9_init(struct virtio_p9 *p9, const struct gmem *gmem, const char *tag, int socket,
		   int memory_fd, struct error *err) __attribute__((warn_unused_result));
void virtio_p9_fini(struct virtio_p9 *p9);

/*
 * Takes the replies that are there; to be called when the socket is readable. Takes the device's
 * lock itself and never blocks. Returns 0; -1 once the server is gone: the socket is then to be
 * watched no more, and what the guest has in flight is lost.
 */
int virtio_p9_ready(struct virtio_p9 *p9);

#endif
