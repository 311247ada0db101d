/*
 * The guest's end of the socket device, for tests: packets out, packets in, receive buffers one by
 * one, on top of driver.h. It keeps no connections; whoever sends a packet says what is in it.
 */
#ifndef NACELLE_TESTS_VSOCK_GUEST_H
#define NACELLE_TESTS_VSOCK_GUEST_H

#include "tests/driver/driver.h"
#include "virtio/vsock.h"

enum {
	VGUEST_RAM_BYTES = 1024 * 1024,
	VGUEST_RX_BYTES = 4096, /* of each receive buffer */
};

struct vguest {
	struct driver d;
	struct vsock *vsock; /* allocated */
	uint64_t rx_gpa;
	uint64_t tx_gpa;
	uint64_t event_gpa;
	unsigned barrier;
	uint8_t payload[VGUEST_RX_BYTES]; /* of the packet last received */
};

/* Fields that are 0 get the usual value; len bytes of data follow the header. */
struct vguest_packet {
	uint64_t src_cid, dst_cid;
	uint32_t guest_port, host_port;
	uint16_t type, op;
	uint32_t flags;
	uint32_t buf_alloc, fwd_cnt;
	const void *data;
	uint32_t len;
	uint32_t header_len; /* what the header says instead of len */
};

void vguest_init(struct vguest *g, vsock_accept_fn *accept, void *ctx);
void vguest_fini(struct vguest *g);

/* Makes count receive buffers available; kicks if the device asked for it. */
void vguest_post(struct vguest *g, unsigned count);

/* Adds a packet of two buffers; the second without a kick, for batches. */
void vguest_send(struct vguest *g, const struct vguest_packet *packet);
void vguest_add(struct vguest *g, const struct vguest_packet *packet);
/* How many of the packets sent have not been used by the device. */
unsigned vguest_unsent(struct vguest *g);

/* Takes the next packet that has come, its payload in g->payload. Returns false if there is none.
 */
bool vguest_receive(struct vguest *g, struct vsock_header *header);

#endif
