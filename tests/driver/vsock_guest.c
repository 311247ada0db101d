/*
 * The guest's end of the socket device, for tests. See vsock_guest.h.
 */
#include "tests/driver/vsock_guest.h"

#include <stdlib.h>
#include <string.h>

enum { TX_SLOTS = 64, TX_BYTES = 8192 };

void vguest_init(struct vguest *g, vsock_accept_fn *accept, void *ctx)
{
	memset(g, 0, sizeof(*g));
	g->vsock = calloc(1, sizeof(*g->vsock));
	if (!g->vsock)
		abort();
	driver_init(&g->d, VGUEST_RAM_BYTES);
	vsock_init(g->vsock, &g->d.gmem, VSOCK_CID_GUEST, accept, ctx);
	driver_attach(&g->d, &g->vsock->device);
	driver_start(&g->d, ~(uint64_t)0);
	g->rx_gpa = driver_alloc(&g->d, (uint64_t)VSOCK_RX_SIZE * VGUEST_RX_BYTES, 16);
	g->tx_gpa = driver_alloc(&g->d, (uint64_t)TX_SLOTS * TX_BYTES, 16);
}

void vguest_fini(struct vguest *g)
{
	vsock_fini(g->vsock);
	driver_fini(&g->d);
	free(g->vsock);
}

void vguest_post(struct vguest *g, unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		uint64_t slot = g->d.queues[VSOCK_QUEUE_RX].next_desc;
		struct driver_buf buf = {
			.len = VGUEST_RX_BYTES,
			.writable = true,
			.gpa = g->rx_gpa + slot * VGUEST_RX_BYTES,
		};

		driver_add(&g->d, VSOCK_QUEUE_RX, &buf, 1, 0);
	}
	/* The index is out before the device's wish is read (2.7.13.4.1). */
	__atomic_fetch_add(&g->barrier, 1, __ATOMIC_SEQ_CST);
	driver_kick_if_wanted(&g->d, VSOCK_QUEUE_RX);
}

void vguest_add(struct vguest *g, const struct vguest_packet *p)
{
	struct vsock_header header = {
		.src_cid = le64_make(p->src_cid ? p->src_cid : VSOCK_CID_GUEST),
		.dst_cid = le64_make(p->dst_cid ? p->dst_cid : VSOCK_CID_HOST),
		.src_port = le32_make(p->guest_port),
		.dst_port = le32_make(p->host_port),
		.len = le32_make(p->header_len ? p->header_len : p->len),
		.type = le16_make(p->type ? p->type : VSOCK_TYPE_STREAM),
		.op = le16_make(p->op),
		.flags = le32_make(p->flags),
		.buf_alloc = le32_make(p->buf_alloc),
		.fwd_cnt = le32_make(p->fwd_cnt),
	};
	uint64_t slot = g->d.queues[VSOCK_QUEUE_TX].next_desc / 2 % TX_SLOTS;
	uint64_t gpa = g->tx_gpa + slot * TX_BYTES;
	struct driver_buf bufs[2] = {
		{ .len = sizeof(header), .gpa = gpa },
		{ .len = p->len, .gpa = gpa + sizeof(header) },
	};

	memcpy(driver_at(&g->d, gpa, sizeof(header)), &header, sizeof(header));
	if (p->len)
		memcpy(driver_at(&g->d, bufs[1].gpa, p->len), p->data, p->len);
	driver_add(&g->d, VSOCK_QUEUE_TX, bufs, 2, 0);
}

void vguest_send(struct vguest *g, const struct vguest_packet *packet)
{
	vguest_add(g, packet);
	driver_kick(&g->d, VSOCK_QUEUE_TX);
}

unsigned vguest_unsent(struct vguest *g)
{
	return (uint16_t)(g->d.queues[VSOCK_QUEUE_TX].avail_idx -
			  driver_device_used_idx(&g->d, VSOCK_QUEUE_TX));
}

bool vguest_receive(struct vguest *g, struct vsock_header *header)
{
	struct driver_used used;
	uint64_t gpa;

	if (!driver_collect(&g->d, VSOCK_QUEUE_RX, &used))
		return false;
	if (used.id >= VSOCK_RX_SIZE || used.len < sizeof(*header) || used.len > VGUEST_RX_BYTES)
		abort();
	gpa = g->rx_gpa + (uint64_t)used.id * VGUEST_RX_BYTES;
	memcpy(header, driver_at(&g->d, gpa, used.len), sizeof(*header));
	memcpy(g->payload, driver_at(&g->d, gpa + sizeof(*header), used.len - sizeof(*header)),
	       used.len - sizeof(*header));
	if (le32_get(header->len) != used.len - sizeof(*header))
		abort();
	return true;
}
