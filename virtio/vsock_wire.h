/*
 * What the virtio socket device has on the wire: virtio 1.2, section 5.10.
 */
#ifndef NACELLE_VIRTIO_VSOCK_WIRE_H
#define NACELLE_VIRTIO_VSOCK_WIRE_H

#include <assert.h>
#include <stddef.h>

#include "vmm/base/bytes.h"

enum { VIRTIO_ID_VSOCK = 19, VSOCK_CID_HOST = 2 };

/* 5.10.2 */
enum vsock_queue { VSOCK_QUEUE_RX, VSOCK_QUEUE_TX, VSOCK_QUEUE_EVENT, VSOCK_QUEUES };

/* 5.10.3 */
enum { VIRTIO_VSOCK_F_STREAM = 0 };

/* 5.10.4 */
struct vsock_config {
	le64 guest_cid;
};
static_assert(sizeof(struct vsock_config) == 8, "vsock configuration");

/* 5.10.6 */
struct vsock_header {
	le64 src_cid;
	le64 dst_cid;
	le32 src_port;
	le32 dst_port;
	le32 len; /* bytes of payload that follow */
	le16 type;
	le16 op;
	le32 flags;
	le32 buf_alloc;
	le32 fwd_cnt;
} __attribute__((packed));
static_assert(sizeof(struct vsock_header) == 44, "vsock header");
static_assert(offsetof(struct vsock_header, flags) == 32, "vsock header flags");

enum { VSOCK_TYPE_STREAM = 1 };

enum vsock_op {
	VSOCK_OP_REQUEST = 1,
	VSOCK_OP_RESPONSE = 2,
	VSOCK_OP_RST = 3,
	VSOCK_OP_SHUTDOWN = 4,
	VSOCK_OP_RW = 5,
	VSOCK_OP_CREDIT_UPDATE = 6,
	VSOCK_OP_CREDIT_REQUEST = 7,
};

/* 5.10.6.5: flags of VSOCK_OP_SHUTDOWN; of the sender, who will not ... any more */
enum {
	VSOCK_SHUTDOWN_RECEIVE = 1,
	VSOCK_SHUTDOWN_SEND = 2,
	VSOCK_SHUTDOWN_BOTH = 3,
};

/* 5.10.6.7 */
struct vsock_event {
	le32 id;
};
static_assert(sizeof(struct vsock_event) == 4, "vsock event");
enum { VSOCK_EVENT_TRANSPORT_RESET = 0 };

/* Linux never sends more in one packet, and takes any amount that fits the buffer. */
enum { VSOCK_PAYLOAD_MAX = 64 * 1024 };

#endif
