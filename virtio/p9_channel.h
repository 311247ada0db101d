/*
 * The channel between a virtio-9p device and its server, two processes: slots in shared memory for
 * the messages, and records over a socket that say which slot is whose.
 *
 * A slot belongs to the device until it sends a record with its number, then to the server until
 * that sends one back. The machine copies a request into a slot once, and the reply out of it once,
 * so that the server never maps guest memory. Neither side trusts the other: records are checked,
 * what is in a slot is copied before it is looked at, and the memory cannot shrink (it is sealed).
 */
#ifndef NACELLE_VIRTIO_P9_CHANNEL_H
#define NACELLE_VIRTIO_P9_CHANNEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "virtio/p9_wire.h"
#include "vmm/base/error.h"

enum {
	P9_SLOTS = 64, /* messages in flight */

	/* A slot: a request and a reply, each so placed that its bulk data is aligned. */
	P9_SLOT_AREA_BYTES = P9_MSIZE_MAX + 4096,
	P9_SLOT_BYTES = 2 * P9_SLOT_AREA_BYTES,
	P9_SLOT_ALIGN = 64,
	P9_SLOT_REQUEST = P9_SLOT_ALIGN - P9_WRITE_BYTES,
	P9_SLOT_REPLY = P9_SLOT_AREA_BYTES + P9_SLOT_ALIGN - P9_READ_BYTES,

	P9_CHANNEL_BYTES = P9_SLOTS * P9_SLOT_BYTES,
};

/*
 * Before each request lies a word by which the device may wait for the reply, instead of being told
 * by a record: sparing both sides a wake-up of the device's loop. It is P9_WAIT_NONE; P9_WAIT_BEGUN
 * once the device waits (futex(2)); the server then says P9_WAIT_DONE, with the reply's length
 * beside it, and wakes the device; or the device, which has waited enough, takes it back to NONE.
 */
struct p9_wait {
	uint32_t word; /* atomic */
	uint32_t len;  /* as in a record; of the server's, before the word */
};
enum { P9_WAIT_NONE, P9_WAIT_BEGUN, P9_WAIT_DONE };
_Static_assert(sizeof(struct p9_wait) <= P9_SLOT_REQUEST, "it fits in front of the request");

/*
 * A packet on the socket is 1 to P9_SLOTS of these. From the device: len is the request's, and
 * reply_max what the reply may have. From the server: len is the reply's, 0 if the message broke
 * the protocol.
 */
struct p9_record {
	uint32_t slot;
	uint32_t len;
	uint32_t reply_max;
	uint32_t reserved;
};
_Static_assert(sizeof(struct p9_record) == 16, "both sides are one build, but say so");

/*
 * Beside the device, whoever has its end of the socket too may bring shares and take them away, by
 * a packet of its own, in order with the records. A new share's descriptor comes with it
 * (SCM_RIGHTS). With a removal comes one that the server closes when it has let go of the shares,
 * which is its answer. The device itself cannot pass descriptors on: its list of system calls has
 * no sendmsg().
 */
enum p9_share_flags {
	P9_SHARE_READ_ONLY = 1,
	P9_SHARE_RECURSIVE = 2,
	P9_SHARE_REMOVE = 4, /* all whose names begin with name */
};
enum { P9_SHARE_PACKET_NAME = 32 };
#define P9_SLOT_SHARE UINT32_MAX
struct p9_share_packet {
	uint32_t slot;			 /* P9_SLOT_SHARE */
	uint32_t flags;			 /* enum p9_share_flags */
	char name[P9_SHARE_PACKET_NAME]; /* NUL-terminated */
};
_Static_assert(sizeof(struct p9_share_packet) == 40, "no number of records");

struct p9_channel_fds {
	int memory_fd;	   /* sealed; takes memory only where it was written */
	int device_socket; /* SOCK_SEQPACKET, both close on exec */
	int server_socket;
};

/* Makes a channel, whose descriptors are the caller's. Returns 0, or -1 with err filled. */
int p9_channel_create(struct p9_channel_fds *fds, struct error *err)
    __attribute__((warn_unused_result));

/*
 * Maps all P9_CHANNEL_BYTES of the memory, or returns NULL with err filled if it is smaller or not
 * sealed. The descriptor is not needed any more.
 */
uint8_t *p9_channel_map(int memory_fd, struct error *err);
void p9_channel_unmap(uint8_t *slots); /* NULL is fine */

static inline uint8_t *p9_slot_request(uint8_t *slots, uint32_t slot)
{
	return slots + (size_t)slot * P9_SLOT_BYTES + P9_SLOT_REQUEST;
}

static inline struct p9_wait *p9_slot_wait(uint8_t *slots, uint32_t slot)
{
	return (struct p9_wait *)(void *)(slots + (size_t)slot * P9_SLOT_BYTES);
}

/*
 * The device: waits for the reply in a slot whose word has begun, for at most timeout_ns. Returns
 * whether it is there; if not, it comes as a record.
 */
bool p9_wait_for(struct p9_wait *wait, uint32_t timeout_ns);

/* The server: gives the reply's length to a device that waits. Returns whether one did. */
bool p9_wait_done(struct p9_wait *wait, uint32_t len);

static inline uint8_t *p9_slot_reply(uint8_t *slots, uint32_t slot)
{
	return slots + (size_t)slot * P9_SLOT_BYTES + P9_SLOT_REPLY;
}

#endif
