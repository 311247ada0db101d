/*
 * virtio-net, the network device (virtio 1.2, section 5.1): up to four pairs of queues, checksum,
 * TCP and UDP segmentation offload both ways, mergeable receive buffers.
 *
 * Two sides write what goes through here. The guest: rings, buffers, the header in front of each
 * frame that it sends. The peer on the network: the frames that come in, at any rate. Neither is
 * trusted, and neither may make this device grow, spin or wait:
 * - A header from the guest, and the start of the frame behind it, are copied once. A frame that
 *   asks for what was not negotiated, whose checksum or segmentation fields point outside of it,
 *   whose length is not that of a frame, whose source is not the device's own address, or that goes
 *   to a loopback or unspecified IP address, is dropped and counted. What reaches the back end is a
 *   header of ours and bytes at whose rest nobody here looks.
 * - Frames are taken from the back end only while the guest has receive buffers, at most a batch at
 *   a time. Without buffers nobody listens to the back end: the guest that posts none costs
 * nothing.
 * - At most one frame of a pair is kept here, in a buffer of fixed size.
 *
 * Each pair has a descriptor of the back end. What comes in by one whose pair the driver does not
 * use goes into the first pair's queue.
 *
 * A kick sends what it finds, up to the first large frame; what comes behind that is a stream, and
 * the loop's to send. So is everything while the back end is full.
 *
 * Frames that come in go straight into as many of the guest's buffers as the last one needed; what
 * does not fit there is copied.
 */
#ifndef NACELLE_VIRTIO_NET_H
#define NACELLE_VIRTIO_NET_H

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/uio.h>

#include "virtio/device.h"

enum {
	VIRTIO_NET_MAC_BYTES = 6,
	VIRTIO_NET_FRAME_MIN = 14,    /* an Ethernet header */
	VIRTIO_NET_TAG_BYTES = 4,     /* of a VLAN, beyond the MTU */
	VIRTIO_NET_FRAME_MAX = 65550, /* 65,536 bytes and that header (5.1.6.3.1) */
	VIRTIO_NET_SEGMENT_MIN = 8,   /* the least gso_size that a TCP of Linux makes */
	VIRTIO_NET_QUEUE_SIZE = 256,
	VIRTIO_NET_CONTROL_SIZE = 64,
	VIRTIO_NET_PAIRS_MAX = 4,
	VIRTIO_NET_BATCH = 64,	      /* frames taken from the back end at a time */
	VIRTIO_NET_BULK_BYTES = 4096, /* a frame that has more may be one of a stream */
};

/* Those of the first pair; the next one's follow, and the control queue is the last. */
enum { VIRTIO_NET_QUEUE_RECEIVE, VIRTIO_NET_QUEUE_TRANSMIT, VIRTIO_NET_PAIR_QUEUES };
static_assert(VIRTIO_NET_PAIRS_MAX * VIRTIO_NET_PAIR_QUEUES + 1 <= VIRTIO_QUEUES_MAX, "they fit");

/* 5.1.6: in front of every frame, in either direction. */
struct virtio_net_header {
	uint8_t flags;
	uint8_t gso_type;
	le16 hdr_len;
	le16 gso_size;
	le16 csum_start;
	le16 csum_offset;
	le16 num_buffers;
};
static_assert(sizeof(struct virtio_net_header) == 12, "header of a frame");

/* What the driver has agreed to receive. */
enum {
	VIRTIO_NET_OFFLOAD_CHECKSUM = 1,
	VIRTIO_NET_OFFLOAD_TSO4 = 2,
	VIRTIO_NET_OFFLOAD_TSO6 = 4,
	VIRTIO_NET_OFFLOAD_USO4 = 8,
	VIRTIO_NET_OFFLOAD_USO6 = 16,
};

/*
 * Where frames go and come from. Called with the device's lock held; none may block. iov[0] is the
 * header, sizeof(struct virtio_net_header) bytes of ours; the rest is the frame.
 */
struct virtio_net_backend {
	/*
	 * Sends one frame. Returns what is not negative; -1 with errno: after EAGAIN the same frame
	 * is given again when watch() has said that there is room.
	 */
	ssize_t (*send)(void *ctx, const struct iovec *iov, unsigned count);
	/* Receives one frame. Returns its length with the header; -1 with errno: EAGAIN, none. */
	ssize_t (*receive)(void *ctx, const struct iovec *iov, unsigned count);
	/*
	 * What may come in from now on, by any pair, VIRTIO_NET_OFFLOAD_*, when it changes; at
	 * first 0. ctx is the first pair's.
	 */
	void (*set_offloads)(void *ctx, unsigned offloads);
	bool offloads; /* it understands the header: checksums and segmentation are offered */
};

/*
 * A tap device: ctx points to its descriptor (IFF_TAP, IFF_NO_PI, IFF_VNET_HDR, a header of 12
 * bytes, non-blocking), which it does not own.
 */
extern const struct virtio_net_backend virtio_net_tap;

/* TUN_F_USO4 and 6 of Linux 6.2: a tap whose TUNSETOFFLOAD takes them segments UDP. */
enum { VIRTIO_NET_TAP_USO4 = 0x20, VIRTIO_NET_TAP_USO6 = 0x40 };

/*
 * Asks that virtio_net_ready() be called when the back end of a pair is readable, or writable,
 * until the next call. Called with the device's lock held, by any thread.
 */
typedef void virtio_net_watch_fn(void *ctx, unsigned pair, bool readable, bool writable);

struct virtio_net_params {
	const struct virtio_net_backend *backend;
	void *backend_ctx[VIRTIO_NET_PAIRS_MAX]; /* of each pair */
	unsigned pairs;				 /* 0 is 1 */
	bool segments_udp;			 /* the back end, if it has offloads at all */
	virtio_net_watch_fn *watch;
	void *watch_ctx;
	uint8_t mac[VIRTIO_NET_MAC_BYTES];
	uint16_t mtu; /* bytes behind the Ethernet header */
};

/* 5.1.4, the fields that the features offered here make valid. */
struct virtio_net_config_wire {
	uint8_t mac[VIRTIO_NET_MAC_BYTES];
	le16 status;
	le16 max_virtqueue_pairs;
	le16 mtu;
};
static_assert(sizeof(struct virtio_net_config_wire) == 12, "configuration space");

/* Guarded by the device's lock. */
struct virtio_net_pair {
	void *backend_ctx;
	bool listening;	  /* frames are wanted: the driver runs and has receive buffers */
	bool handed_over; /* the loop sends: the back end is full, or there is much to send */
	bool bulk;	  /* the last frame that was sent is a large one */
	bool gone;	  /* the back end has failed for good */

	size_t expected_bytes; /* the last frame's */

	/* A frame that waits for more receive buffers than there were. */
	size_t kept_bytes; /* 0: none */
	struct virtio_net_header kept_header;
	uint8_t frame[VIRTIO_NET_FRAME_MAX];
};

struct virtio_net {
	struct virtio_device dev;
	const struct virtio_net_backend *backend;
	virtio_net_watch_fn *watch;
	void *watch_ctx;
	struct virtio_net_config_wire config;
	unsigned pair_count;

	/* Guarded by the device's lock. */
	unsigned active;   /* pairs that the driver uses */
	unsigned offloads; /* as last told to the back end */
	uint64_t received, sent;
	uint64_t dropped_in;  /* not acceptable to the guest */
	uint64_t dropped_out; /* not acceptable to us, or to the back end */
	struct virtio_net_pair pairs[VIRTIO_NET_PAIRS_MAX];
};

void virtio_net_init(struct virtio_net *net, const struct gmem *gmem,
		     const struct virtio_net_params *params);
void virtio_net_fini(struct virtio_net *net);

/* Another MAC address and MTU from now on, for device and driver. Takes the device's lock itself.
 */
void virtio_net_set_link(struct virtio_net *net, const uint8_t mac[VIRTIO_NET_MAC_BYTES],
			 uint16_t mtu);

/*
 * A pair's back end is readable or writable, as watch() asked for. Takes the device's lock itself.
 */
void virtio_net_ready(struct virtio_net *net, unsigned pair, bool readable, bool writable);

#endif
