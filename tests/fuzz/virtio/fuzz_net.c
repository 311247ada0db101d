/*
 * Any driver against virtio-net, and a back end with frames of any length and header that is full,
 * empty or broken at odd moments. What reaches the back end keeps the promises of net.h; what is
 * received is asked for only while the device listens. A kick sends nothing behind a large frame,
 * and leaves no frame behind without asking for the loop.
 */
#include <errno.h>
#include <linux/virtio_net.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/driver/script.h"
#include "virtio/net.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { HEADER = sizeof(struct virtio_net_header), RECEIVES_MAX = 100000 };
enum { SEVERAL_PAIRS = 0xa5 }; /* as the last byte of the input */
enum { GSO_UDP_L4 = 5 };

static struct {
	struct driver *d;
	struct virtio_net net;
	struct virtio_net_header header; /* of frames that come in */
	size_t frame_bytes;
	unsigned waiting, receives;
	int send_errno, receive_errno;
	bool readable[2], writable[2]; /* of each pair */
	bool kicked;		       /* by op_frame(), just now */
	bool sent_large;	       /* since then */
} host;

static const uint8_t mac[VIRTIO_NET_MAC_BYTES] = { 2, 0, 0, 0, 0, 1 };

static void require(bool good, const char *what)
{
	if (good)
		return;
	(void)fprintf(stderr, "net: %s\n", what);
	abort();
}

static void check_sent(const struct virtio_net_header *h, size_t frame_bytes)
{
	require(frame_bytes >= VIRTIO_NET_FRAME_MIN && frame_bytes <= VIRTIO_NET_FRAME_MAX,
		"a frame of a length that cannot be");
	require(!(h->flags & ~VIRTIO_NET_HDR_F_NEEDS_CSUM), "a flag that nobody knows");
	if (h->flags)
		require(le16_get(h->csum_start) + le16_get(h->csum_offset) + 2U <= frame_bytes,
			"a checksum outside of the frame");
	if (h->gso_type == VIRTIO_NET_HDR_GSO_NONE)
		return;
	require(h->gso_type == VIRTIO_NET_HDR_GSO_TCPV4 ||
		    h->gso_type == VIRTIO_NET_HDR_GSO_TCPV6 ||
		    (h->gso_type == GSO_UDP_L4 && host.net.pair_count > 1),
		"an unknown kind of segment");
	require(h->flags && le16_get(h->gso_size) && le16_get(h->hdr_len) <= frame_bytes,
		"segments that cannot be");
}

static ssize_t net_send(void *ctx, const struct iovec *iov, unsigned count)
{
	size_t frame_bytes = 0;

	(void)ctx;
	if (host.send_errno) {
		errno = host.send_errno;
		return -1;
	}
	require(count >= 2 && iov[0].iov_len == HEADER, "no header");
	for (unsigned i = 1; i < count; i++)
		frame_bytes += iov[i].iov_len;
	check_sent(iov[0].iov_base, frame_bytes);
	require(!memcmp((const uint8_t *)iov[1].iov_base + 6, mac, 6), "somebody else's frame");
	require(!host.kicked || !host.sent_large, "a stream sent by a kick");
	host.sent_large = HEADER + frame_bytes > VIRTIO_NET_BULK_BYTES;
	return (ssize_t)(frame_bytes + HEADER);
}

static ssize_t net_receive(void *ctx, const struct iovec *iov, unsigned count)
{
	size_t left = host.frame_bytes;

	(void)ctx;
	require(++host.receives < RECEIVES_MAX, "it asks for ever");
	errno = host.receive_errno ? host.receive_errno : EAGAIN;
	if (host.receive_errno || !host.waiting)
		return -1;
	host.waiting--;
	memcpy(iov[0].iov_base, &host.header, HEADER);
	for (unsigned i = 1; i < count && left; i++) {
		size_t part = iov[i].iov_len < left ? iov[i].iov_len : left;

		memset(iov[i].iov_base, 0x11, part);
		left -= part;
	}
	require(!left, "no room for a frame");
	return (ssize_t)(host.frame_bytes + HEADER);
}

static void net_set_offloads(void *ctx, unsigned offloads)
{
	(void)ctx;
	(void)offloads;
}

static void net_watch(void *ctx, unsigned pair, bool readable, bool writable)
{
	(void)ctx;
	host.readable[pair] = readable;
	host.writable[pair] = writable;
}

static void kick_transmit(void)
{
	const struct virtqueue *q = &host.net.dev.queues[VIRTIO_NET_QUEUE_TRANSMIT];

	host.kicked = true;
	host.sent_large = false;
	driver_kick(host.d, VIRTIO_NET_QUEUE_TRANSMIT);
	host.kicked = false;
	if (virtio_device_running(&host.net.dev) && q->ready && !host.writable[0])
		require(q->next_avail == host.d->queues[VIRTIO_NET_QUEUE_TRANSMIT].avail_idx,
			"a frame is left behind");
}

/* A frame from the guest that is good but for what the input says. */
static void op_frame(struct cursor *in)
{
	struct virtio_net_header header = { .flags = cursor_u8(in), .gso_type = cursor_u8(in) };
	uint8_t ethernet[VIRTIO_NET_FRAME_MIN] = { 0 };
	uint8_t shape = cursor_u8(in);
	struct driver_buf bufs[3] = { { .data = &header, .len = HEADER },
				      { .data = ethernet, .len = sizeof(ethernet) },
				      { .len = cursor_le16(in) } };
	const struct driver_queue *q = &host.d->queues[VIRTIO_NET_QUEUE_TRANSMIT];

	header.hdr_len = le16_make(cursor_u8(in));
	header.gso_size = le16_make(cursor_le16(in));
	header.csum_start = le16_make(cursor_le16(in));
	header.csum_offset = le16_make(cursor_u8(in));
	memcpy(ethernet + 6, mac, sizeof(mac));
	ethernet[11] ^= shape & 1;
	if (shape & 12)
		memcpy(ethernet + 12, shape & 4 ? "\x08\0" : "\x86\xdd", 2);
	if (q->size < 3 || host.d->next_gpa + 131072 > DRIVER_RAM_GPA + host.d->ram_len)
		return;
	driver_add(host.d, VIRTIO_NET_QUEUE_TRANSMIT, bufs, 3, shape & 2 ? DRIVER_INDIRECT : 0);
	if (!(shape & 16))
		kick_transmit();
}

static void op_post(struct cursor *in)
{
	uint8_t count = cursor_u8(in);
	struct driver_buf buf = { .len = cursor_le16(in) % 4097, .writable = true };

	for (unsigned i = 0; i < count; i++) {
		if (!host.d->queues[VIRTIO_NET_QUEUE_RECEIVE].size ||
		    host.d->next_gpa + 8192 > DRIVER_RAM_GPA + host.d->ram_len)
			return;
		buf.gpa = 0;
		driver_add(host.d, VIRTIO_NET_QUEUE_RECEIVE, &buf, 1, 0);
	}
	if (count)
		driver_kick_if_wanted(host.d, VIRTIO_NET_QUEUE_RECEIVE);
}

/* A request in the control queue, with or without room for an answer. */
static void op_control(struct cursor *in)
{
	unsigned queue = host.net.dev.queue_count - 1;
	uint8_t shape = cursor_u8(in), request[8];
	struct driver_buf bufs[] = { { .data = request, .len = shape & 7 },
				     { .len = 1, .writable = true } };

	for (unsigned i = 0; i < sizeof(request); i++)
		request[i] = cursor_u8(in);
	if (host.net.pair_count < 2 || !host.d->queues[queue].size)
		return;
	driver_add(host.d, queue, bufs, shape & 8 ? 1 : 2, 0);
	driver_kick(host.d, queue);
}

static void own_op(void *ctx, unsigned op, struct cursor *in)
{
	static const int errors[] = { 0, EAGAIN, EIO, EINVAL };
	unsigned receives = host.receives;
	unsigned pair = host.net.pair_count > 1 && (op & 4);
	bool readable = host.readable[pair];

	(void)ctx;
	switch (op) {
	case 0:
		op_frame(in);
		return;
	case 1:
		op_post(in);
		return;
	case 2:
		host.header.flags = cursor_u8(in);
		host.header.gso_type = cursor_u8(in);
		return;
	case 3:
		host.frame_bytes = cursor_le16(in);
		if (host.frame_bytes == UINT16_MAX)
			host.frame_bytes = VIRTIO_NET_FRAME_MAX;
		host.waiting = cursor_u8(in);
		return;
	case 4:
		host.send_errno = errors[cursor_u8(in) % ARRAY_SIZE(errors)];
		return;
	case 5:
		host.receive_errno = errors[cursor_u8(in) % ARRAY_SIZE(errors)];
		return;
	case 6:
		if (host.net.pair_count > 1) {
			op_control(in);
			return;
		}
		__attribute__((fallthrough));
	default:
		virtio_net_ready(&host.net, pair, op & 1, op & 2);
		require(readable || host.receives == receives, "received without listening");
		require(host.receives - receives <= VIRTIO_NET_BATCH, "more than a batch");
		return;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct virtio_net_backend backend = {
		.send = net_send,
		.receive = net_receive,
		.set_offloads = net_set_offloads,
		.offloads = true,
	};
	struct virtio_net_params params = { .backend = &backend, .watch = net_watch, .mtu = 1500 };
	struct driver d;

	if (size && data[size - 1] == SEVERAL_PAIRS) {
		params.pairs = 2;
		params.segments_udp = true;
	}
	memset(&host, 0, sizeof(host));
	memcpy(params.mac, mac, sizeof(mac));
	host.d = &d;
	driver_init(&d, 1024 * KIB);
	virtio_net_init(&host.net, &d.gmem, &params);
	driver_attach(&d, &host.net.dev);
	script_run(&d, data, size, own_op, NULL);
	driver_write(&d, 0x070, 0);
	for (unsigned pair = 0; pair < 2; pair++)
		require(!host.readable[pair] && !host.writable[pair],
			"something is watched after a reset");
	virtio_net_fini(&host.net);
	driver_fini(&d);
	return 0;
}
