/*
 * virtio-net against a back end that is a list of frames.
 */
#include "tests/unit/virtio/test.h"

#include <errno.h>
#include <linux/virtio_config.h>
#include <linux/virtio_net.h>
#include <string.h>

#include "tests/driver/driver.h"
#include "virtio/net.h"

enum { RX = VIRTIO_NET_QUEUE_RECEIVE, TX = VIRTIO_NET_QUEUE_TRANSMIT };
enum { HEADER = sizeof(struct virtio_net_header), MTU = 1500 };

static const uint8_t mac[VIRTIO_NET_MAC_BYTES] = { 2, 0, 0, 0, 0, 1 };

/* Frames of one length wait, each with this header and bytes that count up from `first`. */
struct incoming {
	unsigned count;
	size_t frame_bytes;
	struct virtio_net_header header;
	uint8_t first;
};

struct fixture {
	struct driver d;
	struct virtio_net net;
	struct incoming in;
	unsigned receives;
	int receive_errno, send_errno;
	unsigned sends, refills;
	struct virtio_net_header sent_header;
	size_t sent_bytes; /* of the last frame */
	uint8_t sent[VIRTIO_NET_FRAME_MAX];
	unsigned offloads, offload_changes;
	bool readable, writable; /* of the first pair */
	bool readable_more[VIRTIO_NET_PAIRS_MAX];
	int *came_by; /* the context of the pair that was received from last */
};

static struct fixture f; /* with its frame it is large */

/* Gives a frame in one piece to the driver's queue, without a kick. */
static void queue_frame(void)
{
	static uint8_t frame[HEADER + 60];
	struct driver_buf buf = { .data = frame, .len = sizeof(frame) };

	memcpy(frame + HEADER + 6, mac, sizeof(mac));
	driver_add(&f.d, TX, &buf, 1, 0);
}

static unsigned collect_all(unsigned queue)
{
	struct driver_used used;
	unsigned count = 0;

	while (driver_collect(&f.d, queue, &used))
		count++;
	return count;
}

static ssize_t fake_send(void *ctx, const struct iovec *iov, unsigned count)
{
	(void)ctx;
	if (f.send_errno) {
		errno = f.send_errno;
		return -1;
	}
	f.sends++;
	if (f.refills) {
		f.refills--;
		collect_all(TX);
		queue_frame();
	}
	assert_int_equal(iov[0].iov_len, HEADER);
	memcpy(&f.sent_header, iov[0].iov_base, HEADER);
	f.sent_bytes = 0;
	for (unsigned i = 1; i < count; i++) {
		assert_true(f.sent_bytes + iov[i].iov_len <= sizeof(f.sent));
		memcpy(f.sent + f.sent_bytes, iov[i].iov_base, iov[i].iov_len);
		f.sent_bytes += iov[i].iov_len;
	}
	return (ssize_t)f.sent_bytes + HEADER;
}

static ssize_t fake_receive(void *ctx, const struct iovec *iov, unsigned count)
{
	size_t at = 0;

	f.came_by = ctx;
	f.receives++;
	if (!f.in.count || f.receive_errno) {
		errno = f.receive_errno ? f.receive_errno : EAGAIN;
		return -1;
	}
	f.in.count--;
	assert_int_equal(iov[0].iov_len, HEADER);
	memcpy(iov[0].iov_base, &f.in.header, HEADER);
	for (unsigned i = 1; i < count; i++) {
		uint8_t *to = iov[i].iov_base;

		for (size_t k = 0; k < iov[i].iov_len && at < f.in.frame_bytes; k++)
			to[k] = (uint8_t)(f.in.first + at++);
	}
	assert_int_equal(at, f.in.frame_bytes);
	return (ssize_t)at + HEADER;
}

static void fake_set_offloads(void *ctx, unsigned offloads)
{
	(void)ctx;
	f.offloads = offloads;
	f.offload_changes++;
}

static void fake_watch(void *ctx, unsigned pair, bool readable, bool writable)
{
	(void)ctx;
	f.readable_more[pair] = readable;
	if (pair)
		return;
	f.readable = readable;
	f.writable = writable;
}

static const struct virtio_net_backend fake = {
	.send = fake_send,
	.receive = fake_receive,
	.set_offloads = fake_set_offloads,
	.offloads = true,
};

static int contexts[VIRTIO_NET_PAIRS_MAX];

static void begin_pairs(uint64_t features, unsigned pairs, bool segments_udp)
{
	struct virtio_net_params params = { .backend = &fake,
					    .pairs = pairs,
					    .segments_udp = segments_udp,
					    .watch = fake_watch,
					    .mtu = MTU };

	for (unsigned i = 0; i < pairs; i++)
		params.backend_ctx[i] = &contexts[i];
	memset(&f, 0, sizeof(f));
	memcpy(params.mac, mac, sizeof(mac));
	driver_init(&f.d, 8 << 20);
	virtio_net_init(&f.net, &f.d.gmem, &params);
	driver_attach(&f.d, &f.net.dev);
	assert_int_equal(driver_start(&f.d, features), 15);
}

static void begin_with(uint64_t features)
{
	begin_pairs(features, 1, false);
}

static int begin(void **state)
{
	(void)state;
	begin_with(~0ULL);
	return 0;
}

static int end(void **state)
{
	(void)state;
	virtio_net_fini(&f.net);
	driver_fini(&f.d);
	return 0;
}

static void restart(uint64_t features)
{
	end(NULL);
	begin_with(features);
}

static void come_in(unsigned count, size_t frame_bytes)
{
	f.in.count = count;
	f.in.frame_bytes = frame_bytes;
	f.in.first = 7;
	virtio_net_ready(&f.net, 0, true, false);
}

static uint64_t post(uint32_t len)
{
	struct driver_buf buf = { .len = len, .writable = true };

	driver_add(&f.d, RX, &buf, 1, 0);
	return buf.gpa;
}

static void expect_bytes(uint64_t gpa, size_t len, uint8_t first)
{
	const uint8_t *at = driver_at(&f.d, gpa, len);

	for (size_t i = 0; i < len; i++)
		assert_int_equal(at[i], (uint8_t)(first + i));
}

/* Sends a frame with this header; its Ethernet header has our address as the source. */
static void send_frame(const struct virtio_net_header *header, size_t frame_bytes)
{
	static uint8_t frame[VIRTIO_NET_FRAME_MAX + 1];
	struct driver_buf bufs[] = { { .data = header, .len = HEADER },
				     { .data = frame, .len = (uint32_t)frame_bytes } };
	struct driver_used used;
	uint16_t head;

	memset(frame, 0xee, sizeof(frame));
	memcpy(frame + 6, mac, sizeof(mac));
	head = driver_add(&f.d, TX, bufs, 2, 0);
	driver_kick(&f.d, TX);
	if (f.send_errno == EAGAIN)
		return;
	/* Behind a large one the loop sends, at once if the back end has room. */
	if (f.writable)
		virtio_net_ready(&f.net, 0, false, true);
	assert_false(f.writable);
	assert_true(driver_collect(&f.d, TX, &used));
	assert_int_equal(used.id, head);
	assert_int_equal(used.len, 0);
}

static void expect_dropped(const struct virtio_net_header *header, size_t frame_bytes)
{
	uint64_t before = f.net.dropped_out;
	unsigned sends = f.sends;

	send_frame(header, frame_bytes);
	assert_int_equal(f.sends, sends);
	assert_int_equal(f.net.dropped_out, before + 1);
	assert_int_equal(f.net.dev.breaks, 0);
}

static void expect_sent(const struct virtio_net_header *header, size_t frame_bytes)
{
	unsigned sends = f.sends;

	send_frame(header, frame_bytes);
	assert_int_equal(f.sends, sends + 1);
	assert_int_equal(f.sent_bytes, frame_bytes);
}

static struct virtio_net_header checksum_header(uint16_t start, uint16_t offset)
{
	return (struct virtio_net_header){ .flags = VIRTIO_NET_HDR_F_NEEDS_CSUM,
					   .csum_start = le16_make(start),
					   .csum_offset = le16_make(offset) };
}

static struct virtio_net_header segment_header(uint8_t type, uint16_t size)
{
	struct virtio_net_header header = checksum_header(34, 16);

	header.gso_type = type;
	header.gso_size = le16_make(size);
	header.hdr_len = le16_make(54);
	return header;
}

static void test_configuration(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 6; i++) {
		uint8_t byte;

		virtio_mmio_read(&f.d.slot, 0x100 + i, &byte, 1);
		assert_int_equal(byte, mac[i]);
	}
	assert_int_equal(driver_read(&f.d, 0x108) >> 16, MTU);
	assert_int_equal(f.offloads, VIRTIO_NET_OFFLOAD_CHECKSUM | VIRTIO_NET_OFFLOAD_TSO4 |
					 VIRTIO_NET_OFFLOAD_TSO6);
	assert_true(f.readable && !f.writable);
	driver_write(&f.d, 0x070, 0);
	assert_int_equal(f.offloads, 0);
	assert_false(f.readable);
	/* What the driver does with its status alone is not the back end's affair. */
	f.offload_changes = 0;
	for (unsigned i = 0; i < 10; i++)
		driver_write(&f.d, 0x070, 0);
	assert_int_equal(f.offload_changes, 0);
	restart(~VIRTIO_FEATURE(VIRTIO_NET_F_GUEST_TSO4));
	assert_int_equal(f.offloads, VIRTIO_NET_OFFLOAD_CHECKSUM | VIRTIO_NET_OFFLOAD_TSO6);
	/* Segments without checksums cannot be. */
	restart(~VIRTIO_FEATURE(VIRTIO_NET_F_GUEST_CSUM));
	assert_int_equal(f.offloads, 0);
}

static void test_transmit(void **state)
{
	struct virtio_net_header header = { .flags = 0xfe & ~VIRTIO_NET_HDR_F_NEEDS_CSUM,
					    .hdr_len = le16_make(999),
					    .csum_start = le16_make(999),
					    .num_buffers = le16_make(9) };
	static const struct virtio_net_header zero;

	(void)state;
	expect_sent(&header, 60);
	assert_memory_equal(f.sent + 6, mac, 6);
	assert_int_equal(f.sent[59], 0xee);
	/* Flags that a device does not know, and fields that nothing asks for, go no further. */
	assert_memory_equal(&f.sent_header, &zero, HEADER);
	expect_sent(&zero, VIRTIO_NET_FRAME_MIN);
	expect_sent(&zero, MTU + 14);
	assert_int_equal(f.net.sent, 3);
	assert_int_equal(f.net.dropped_out, 0);
}

static void test_transmit_lengths(void **state)
{
	struct virtio_net_header none = { 0 };
	struct virtio_net_header segments = segment_header(VIRTIO_NET_HDR_GSO_TCPV4, 1448);

	(void)state;
	expect_dropped(&none, VIRTIO_NET_FRAME_MIN - 1);
	expect_dropped(&none, 0);
	expect_dropped(&none, MTU + 19);
	expect_sent(&none, MTU + 18);
	expect_sent(&segments, VIRTIO_NET_FRAME_MAX);
	expect_dropped(&segments, VIRTIO_NET_FRAME_MAX + 1);
}

static void test_transmit_checksums(void **state)
{
	struct virtio_net_header header = checksum_header(34, 16);

	(void)state;
	expect_sent(&header, 60);
	assert_int_equal(f.sent_header.flags, VIRTIO_NET_HDR_F_NEEDS_CSUM);
	assert_int_equal(le16_get(f.sent_header.csum_start), 34);
	assert_int_equal(le16_get(f.sent_header.csum_offset), 16);
	expect_sent(&header, 52);
	expect_dropped(&header, 51);
	header = checksum_header(65535, 65535);
	expect_dropped(&header, 1500);
	header = checksum_header(34, 65535);
	expect_dropped(&header, 1500);
	header = checksum_header(13, 16);
	expect_dropped(&header, 60);
	header = checksum_header(34, 16);
	restart(~VIRTIO_FEATURE(VIRTIO_NET_F_CSUM));
	expect_dropped(&header, 60);
}

static void test_transmit_segments(void **state)
{
	static const uint8_t wrong[] = { 2, 3, 5, 6, 0x80, 0x81, 0x84, 0xff };
	struct virtio_net_header header;

	(void)state;
	header = segment_header(VIRTIO_NET_HDR_GSO_TCPV4, 1448);
	expect_sent(&header, 60000);
	assert_int_equal(f.sent_header.gso_type, VIRTIO_NET_HDR_GSO_TCPV4);
	assert_int_equal(le16_get(f.sent_header.gso_size), 1448);
	assert_int_equal(le16_get(f.sent_header.hdr_len), 54);
	header = segment_header(VIRTIO_NET_HDR_GSO_TCPV6, VIRTIO_NET_SEGMENT_MIN);
	expect_sent(&header, 60000);
	header = segment_header(VIRTIO_NET_HDR_GSO_TCPV4, VIRTIO_NET_SEGMENT_MIN - 1);
	expect_dropped(&header, 60000);
	header = segment_header(VIRTIO_NET_HDR_GSO_TCPV4, 1448);
	header.flags = 0;
	expect_dropped(&header, 60000);
	header = segment_header(VIRTIO_NET_HDR_GSO_TCPV4, 1448);
	header.hdr_len = le16_make(101);
	expect_dropped(&header, 100);
	for (unsigned i = 0; i < ARRAY_SIZE(wrong); i++) {
		header = segment_header(wrong[i], 1448);
		expect_dropped(&header, 60000);
	}
	restart(~(VIRTIO_FEATURE(VIRTIO_NET_F_HOST_TSO4) | VIRTIO_FEATURE(VIRTIO_NET_F_HOST_TSO6)));
	header = segment_header(VIRTIO_NET_HDR_GSO_TCPV4, 1448);
	expect_dropped(&header, 60000);
	header = segment_header(VIRTIO_NET_HDR_GSO_TCPV6, 1448);
	expect_dropped(&header, 60000);
}

static void test_foreign_source(void **state)
{
	uint8_t frame[HEADER + 60] = { 0 };
	struct driver_buf buf = { .data = frame, .len = sizeof(frame) };
	struct driver_used used;

	(void)state;
	driver_add(&f.d, TX, &buf, 1, 0);
	driver_kick(&f.d, TX);
	assert_true(driver_collect(&f.d, TX, &used));
	assert_int_equal(f.sends, 0);
	assert_int_equal(f.net.dropped_out, 1);
}

/* The device lets out what bears the address that it has now. */
static void test_another_link(void **state)
{
	static const uint8_t other[] = { 2, 1, 1, 1, 1, 1 };
	const struct virtio_net_header header = { 0 };
	uint32_t generation = f.net.dev.config_generation;

	(void)state;
	virtio_net_set_link(&f.net, other, 100);
	assert_int_not_equal(f.net.dev.config_generation, generation);
	expect_dropped(&header, 60);
	virtio_net_set_link(&f.net, mac, 100);
	send_frame(&header, 60);
	assert_int_equal(f.sends, 1);
	expect_dropped(&header, 119);
}

/* Sends an IP packet to this address, in a frame that ends `cut` bytes before the address does. */
static void expect_ip(bool sent, const uint8_t *address, size_t address_bytes, size_t cut)
{
	uint8_t frame[HEADER + 54] = { 0 };
	size_t at = HEADER + (address_bytes == 4 ? 30 : 38);
	struct driver_buf buf = { .data = frame, .len = (uint32_t)(at + address_bytes - cut) };
	struct driver_used used;
	unsigned sends = f.sends;

	memcpy(frame + HEADER + 6, mac, sizeof(mac));
	memcpy(frame + HEADER + 12, address_bytes == 4 ? "\x08\0" : "\x86\xdd", 2);
	memcpy(frame + at, address, address_bytes);
	driver_add(&f.d, TX, &buf, 1, 0);
	driver_kick(&f.d, TX);
	assert_true(driver_collect(&f.d, TX, &used));
	assert_int_equal(f.sends, sends + sent);
	if (sent)
		assert_memory_equal(f.sent, frame + HEADER, buf.len - HEADER);
}

/* The back end may take a destination at its word, and the host's loopback is not the guest's. */
static void test_loopback_destination(void **state)
{
	static const uint8_t dropped4[][4] = {
		{ 127, 0, 0, 1 }, { 127, 255, 1, 2 }, { 0 }, { 0, 9 }
	};
	static const uint8_t sent4[][4] = {
		{ 128 }, { 126 }, { 10, 0, 2, 2 }, { 255, 255, 255, 255 }
	};
	static const uint8_t dropped6[][16] = {
		{ 0 },
		{ [15] = 1 },
		{ [10] = 0xff, [11] = 0xff, [12] = 127, [15] = 1 },
		{ [10] = 0xff, [11] = 0xff },
	};
	static const uint8_t sent6[][16] = { { [15] = 2 },
					     { 0xfe, 0x80, [15] = 1 },
					     { 0xff, 2, [15] = 1 },
					     { [12] = 1 },
					     { [9] = 1 } };

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(dropped4); i++)
		expect_ip(false, dropped4[i], 4, 0);
	for (unsigned i = 0; i < ARRAY_SIZE(sent4); i++)
		expect_ip(true, sent4[i], 4, 0);
	for (unsigned i = 0; i < ARRAY_SIZE(dropped6); i++)
		expect_ip(false, dropped6[i], 16, 0);
	for (unsigned i = 0; i < ARRAY_SIZE(sent6); i++)
		expect_ip(true, sent6[i], 16, 0);
	assert_int_equal(f.net.dropped_out, ARRAY_SIZE(dropped4) + ARRAY_SIZE(dropped6));
	/* Too short to go anywhere. */
	expect_ip(true, dropped4[0], 4, 1);
	expect_ip(true, dropped6[1], 16, 1);
}

/* One descriptor, or a byte in each, is the same to us. */
static void test_transmit_pieces(void **state)
{
	uint8_t frame[HEADER + 60] = { 0 };
	struct driver_buf bufs[HEADER + 60] = { { 0 } };
	struct driver_used used;

	(void)state;
	memcpy(frame + HEADER + 6, mac, 6);
	for (unsigned i = 0; i < ARRAY_SIZE(bufs); i++) {
		frame[i] = i >= HEADER + 12 ? (uint8_t)i : frame[i];
		bufs[i] = (struct driver_buf){ .data = frame + i, .len = 1 };
	}
	driver_add(&f.d, TX, bufs, ARRAY_SIZE(bufs), DRIVER_INDIRECT);
	driver_kick(&f.d, TX);
	assert_true(driver_collect(&f.d, TX, &used));
	assert_int_equal(f.sent_bytes, 60);
	assert_memory_equal(f.sent, frame + HEADER, 60);
}

static void test_back_end_is_full(void **state)
{
	struct virtio_net_header none = { 0 };
	struct driver_used used;

	(void)state;
	f.send_errno = EAGAIN;
	send_frame(&none, 60);
	assert_true(f.writable);
	assert_false(driver_collect(&f.d, TX, &used));
	send_frame(&none, 61);
	assert_false(driver_collect(&f.d, TX, &used));
	f.send_errno = 0;
	virtio_net_ready(&f.net, 0, false, true);
	assert_false(f.writable);
	assert_int_equal(f.sends, 2);
	assert_int_equal(f.sent_bytes, 61);
	assert_true(driver_collect(&f.d, TX, &used));
	assert_true(driver_collect(&f.d, TX, &used));
	/* An interface that is down takes frames away, and comes back. */
	f.send_errno = EIO;
	send_frame(&none, 60);
	f.send_errno = 0;
	expect_sent(&none, 60);
	/* A reset while it is full. */
	f.send_errno = EAGAIN;
	send_frame(&none, 60);
	driver_write(&f.d, 0x070, 0);
	assert_false(f.writable);
}

/* A guest that fills the queue as fast as it is served has the loop for one queue's worth. */
static void test_refilled_while_served(void **state)
{
	(void)state;
	f.send_errno = EAGAIN;
	queue_frame();
	queue_frame();
	driver_kick(&f.d, TX);
	assert_true(f.writable);
	f.send_errno = 0;
	f.refills = 2 * VIRTIO_NET_QUEUE_SIZE;
	virtio_net_ready(&f.net, 0, false, true);
	assert_int_equal(f.sends, VIRTIO_NET_QUEUE_SIZE);
	assert_true(f.writable);
	driver_kick(&f.d, TX);
	assert_int_equal(f.sends, VIRTIO_NET_QUEUE_SIZE);
	virtio_net_ready(&f.net, 0, false, true);
	virtio_net_ready(&f.net, 0, false, true);
	assert_int_equal(f.sends, 2 * VIRTIO_NET_QUEUE_SIZE + 2);
	assert_false(f.writable);
	/* A guest's own thread goes on for as long as it has frames. */
	f.refills = 2 * VIRTIO_NET_QUEUE_SIZE;
	queue_frame();
	driver_kick(&f.d, TX);
	assert_int_equal(f.refills, 0);
}

enum { CONTROL_OF_TWO = 4, CONTROL_OF_ONE = 2 };

/* Returns the answer to a control request. */
static uint8_t ask(unsigned queue, const void *request, uint32_t len)
{
	uint8_t bytes[8];
	struct driver_buf bufs[] = { { .data = bytes, .len = len },
				     { .len = 1, .writable = true } };
	struct driver_used used;

	memcpy(bytes, request, len);
	driver_add(&f.d, queue, bufs, 2, 0);
	driver_kick(&f.d, queue);
	assert_true(driver_collect(&f.d, queue, &used));
	return *(const uint8_t *)driver_at(&f.d, bufs[1].gpa, 1);
}

/* Gives frames of this length to the driver's queue, without a kick. */
static void queue_frames(unsigned count, size_t frame_bytes)
{
	static struct virtio_net_header header;
	static uint8_t frame[VIRTIO_NET_FRAME_MAX];
	struct driver_buf bufs[] = { { .data = &header, .len = HEADER },
				     { .data = frame, .len = (uint32_t)frame_bytes } };

	header = segment_header(VIRTIO_NET_HDR_GSO_TCPV4, 1448);
	memcpy(frame + 6, mac, sizeof(mac));
	for (unsigned i = 0; i < count; i++) {
		bufs[0].gpa = bufs[1].gpa = 0;
		driver_add(&f.d, TX, bufs, 2, 0);
	}
}

enum { LARGE = 32768, SMALL = 100 };

/* Small frames, and a large one behind them, go at once; what follows a large one is the loop's. */
static void test_stream_is_handed_over(void **state)
{
	(void)state;
	queue_frames(10, SMALL);
	queue_frames(1, LARGE);
	driver_kick(&f.d, TX);
	assert_int_equal(f.sends, 11);
	assert_false(f.writable);
	queue_frames(1, SMALL);
	assert_true(driver_kick_if_wanted(&f.d, TX));
	assert_int_equal(f.sends, 11);
	assert_true(f.writable);
	/* The loop has it: no further kicks, and those that come all the same change nothing. */
	queue_frames(20, LARGE);
	assert_false(driver_kick_if_wanted(&f.d, TX));
	driver_kick(&f.d, TX);
	assert_int_equal(f.sends, 11);
	assert_int_equal(collect_all(TX), 11);
	virtio_net_ready(&f.net, 0, false, true);
	assert_int_equal(f.sends, 32);
	assert_int_equal(collect_all(TX), 21);
	assert_false(f.writable);
	/* The stream ends with a small frame, and the next one is a lone one again. */
	queue_frames(1, SMALL);
	assert_true(driver_kick_if_wanted(&f.d, TX));
	assert_int_equal(f.sends, 32);
	virtio_net_ready(&f.net, 0, false, true);
	assert_int_equal(f.sends, 33);
	queue_frames(1, SMALL);
	assert_true(driver_kick_if_wanted(&f.d, TX));
	assert_int_equal(f.sends, 34);
	/* One kick may find a whole stream. */
	queue_frames(3, LARGE);
	driver_kick(&f.d, TX);
	assert_int_equal(f.sends, 35);
	assert_true(f.writable);
	virtio_net_ready(&f.net, 0, false, true);
	assert_int_equal(f.sends, 37);
	assert_int_equal(f.net.dev.breaks, 0);
}

/* Of what the loop sends the driver hears once, and only if it has asked for it. */
static void test_stream_interrupts(void **state)
{
	(void)state;
	queue_frames(1, LARGE);
	driver_kick(&f.d, TX);
	f.d.raised = 0;
	queue_frames(20, LARGE);
	driver_set_used_event(&f.d, TX, 15);
	driver_kick(&f.d, TX);
	assert_int_equal(f.d.raised, 0);
	virtio_net_ready(&f.net, 0, false, true);
	assert_int_equal(f.d.raised, 1);
	queue_frames(20, LARGE);
	driver_kick(&f.d, TX);
	virtio_net_ready(&f.net, 0, false, true);
	assert_int_equal(f.d.raised, 1);
	assert_int_equal(f.sends, 41);
}

/* A pause takes the work from the loop, and the kicks after the resume give it back. */
static void test_stream_and_pause(void **state)
{
	(void)state;
	queue_frames(3, LARGE);
	driver_kick(&f.d, TX);
	assert_true(f.writable);
	virtio_device_pause(&f.net.dev);
	virtio_net_ready(&f.net, 0, false, true);
	assert_int_equal(f.sends, 1);
	assert_false(f.writable);
	virtio_device_resume(&f.net.dev);
	virtio_device_catch_up(&f.net.dev);
	assert_true(f.writable);
	virtio_net_ready(&f.net, 0, false, true);
	assert_int_equal(f.sends, 3);
	assert_false(f.writable);
}

static void test_stream_and_reset(void **state)
{
	(void)state;
	queue_frames(3, LARGE);
	driver_kick(&f.d, TX);
	assert_true(f.writable);
	driver_write(&f.d, 0x070, 0);
	assert_false(f.writable);
	virtio_net_ready(&f.net, 0, false, true);
	assert_int_equal(f.sends, 1);
	/* It begins as a new one does. */
	assert_int_equal(driver_start(&f.d, ~0ULL), 15);
	queue_frames(1, LARGE);
	driver_kick(&f.d, TX);
	assert_int_equal(f.sends, 2);
	assert_false(f.writable);
}

/* Nobody tells when there is room in a back end that is gone: no frame waits for that. */
static void test_stream_and_gone(void **state)
{
	(void)state;
	post(200);
	queue_frames(1, LARGE);
	driver_kick(&f.d, TX);
	f.receive_errno = EBADMSG;
	virtio_net_ready(&f.net, 0, true, false);
	queue_frames(2, LARGE);
	driver_kick(&f.d, TX);
	assert_int_equal(collect_all(TX), 3);
	assert_int_equal(f.net.dropped_out, 2);
	assert_false(f.writable);
}

/* Each pair's stream is its own. */
static void test_stream_of_one_pair(void **state)
{
	static const uint8_t two[] = { 4, 0, 2, 0 };
	static uint8_t frame[HEADER + SMALL];
	struct driver_buf buf = { .data = frame, .len = sizeof(frame) };

	(void)state;
	end(NULL);
	begin_pairs(~0ULL, 2, false);
	assert_int_equal(ask(CONTROL_OF_TWO, two, sizeof(two)), 0);
	queue_frames(2, LARGE);
	driver_kick(&f.d, TX);
	assert_int_equal(f.sends, 1);
	memcpy(frame + HEADER + 6, mac, sizeof(mac));
	driver_add(&f.d, TX + VIRTIO_NET_PAIR_QUEUES, &buf, 1, 0);
	driver_kick(&f.d, TX + VIRTIO_NET_PAIR_QUEUES);
	assert_int_equal(f.sends, 2);
	assert_int_equal(f.sent_bytes, SMALL);
	virtio_net_ready(&f.net, 0, false, true);
	assert_int_equal(f.sends, 3);
}

static void test_receive(void **state)
{
	const struct virtio_net_header *header;
	struct driver_used used;
	uint64_t gpa = post(2000);

	(void)state;
	f.in.header = checksum_header(34, 16);
	come_in(1, 1400);
	assert_true(driver_collect(&f.d, RX, &used));
	assert_int_equal(used.len, HEADER + 1400);
	header = driver_at(&f.d, gpa, HEADER);
	assert_int_equal(header->flags, VIRTIO_NET_HDR_F_NEEDS_CSUM);
	assert_int_equal(le16_get(header->num_buffers), 1);
	expect_bytes(gpa + HEADER, 1400, 7);
	assert_int_equal(f.d.raised, 1);
	assert_int_equal(f.net.received, 1);
}

static void test_merged_buffers(void **state)
{
	uint64_t gpa[4];
	struct driver_used used;
	const struct virtio_net_header *header;

	(void)state;
	for (unsigned i = 0; i < 4; i++)
		gpa[i] = post(512);
	f.in.header = segment_header(VIRTIO_NET_HDR_GSO_TCPV4, 1448);
	come_in(1, 500 + 512 + 100);
	header = driver_at(&f.d, gpa[0], HEADER);
	assert_int_equal(le16_get(header->num_buffers), 3);
	assert_true(driver_collect(&f.d, RX, &used));
	assert_int_equal(used.len, 512);
	assert_true(driver_collect(&f.d, RX, &used));
	assert_int_equal(used.len, 512);
	assert_true(driver_collect(&f.d, RX, &used));
	assert_int_equal(used.len, 100);
	assert_false(driver_collect(&f.d, RX, &used));
	expect_bytes(gpa[0] + HEADER, 500, 7);
	expect_bytes(gpa[1], 512, (uint8_t)(7 + 500));
	expect_bytes(gpa[2], 100, (uint8_t)(7 + 1012));
}

/* A frame like the last one goes straight to where it belongs; what it does not need is free again.
 */
static void test_frames_of_changing_length(void **state)
{
	static const size_t lengths[] = { 1500, 1500, 60, 1500, 1514, 500, 1500 };
	struct driver_used used;
	uint64_t gpa[19];
	unsigned next = 0;

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(gpa); i++)
		gpa[i] = post(512);
	for (unsigned i = 0; i < ARRAY_SIZE(lengths); i++) {
		const struct virtio_net_header *header = driver_at(&f.d, gpa[next], HEADER);
		unsigned count = (unsigned)(HEADER + lengths[i] + 511) / 512;
		size_t at = 0;

		come_in(1, lengths[i]);
		assert_int_equal(le16_get(header->num_buffers), count);
		for (unsigned k = 0; k < count; k++, next++) {
			size_t skip = k ? 0 : HEADER;
			size_t part = 512 - skip < lengths[i] - at ? 512 - skip : lengths[i] - at;

			assert_true(driver_collect(&f.d, RX, &used));
			assert_int_equal(used.len, skip + part);
			expect_bytes(gpa[next] + skip, part, (uint8_t)(7 + at));
			at += part;
		}
		assert_false(driver_collect(&f.d, RX, &used));
	}
	/* Too few are left for another one. */
	assert_int_equal(next, 17);
	come_in(1, 1500);
	assert_int_equal(f.net.pairs[0].kept_bytes, 1500);
	assert_false(driver_collect(&f.d, RX, &used));
	post(2000);
	assert_true(driver_kick_if_wanted(&f.d, RX));
	assert_true(driver_collect(&f.d, RX, &used) && used.len == 512);
	expect_bytes(gpa[17] + HEADER, 500, 7);
	assert_true(driver_collect(&f.d, RX, &used) && used.len == 512);
	expect_bytes(gpa[18], 512, (uint8_t)(7 + 500));
	assert_true(driver_collect(&f.d, RX, &used) && used.len == 488);
}

static void test_largest_frame(void **state)
{
	struct driver_used used;
	uint64_t sum = 0;

	(void)state;
	for (unsigned i = 0; i < VIRTIO_NET_QUEUE_SIZE; i++)
		post(i == 0 ? HEADER : 258);
	f.in.header = segment_header(VIRTIO_NET_HDR_GSO_TCPV6, 1448);
	come_in(1, VIRTIO_NET_FRAME_MAX);
	while (driver_collect(&f.d, RX, &used))
		sum += used.len;
	assert_int_equal(sum, HEADER + VIRTIO_NET_FRAME_MAX);
}

static void test_frame_that_never_fits(void **state)
{
	struct driver_used used;

	(void)state;
	for (unsigned i = 0; i < VIRTIO_NET_QUEUE_SIZE; i++)
		post(64);
	f.in.header = segment_header(VIRTIO_NET_HDR_GSO_TCPV6, 1448);
	come_in(1, VIRTIO_NET_FRAME_MAX);
	assert_false(driver_collect(&f.d, RX, &used));
	assert_int_equal(f.net.dropped_in, 1);
	assert_int_equal(f.net.pairs[0].kept_bytes, 0);
	f.in.header = (struct virtio_net_header){ 0 };
	come_in(1, 40);
	assert_true(driver_collect(&f.d, RX, &used));
}

/* A frame for which there are too few buffers waits for more, and is not lost. */
static void test_kept_frame(void **state)
{
	struct virtio_mmio_state saved;
	struct driver_used used;
	uint64_t gpa[3];

	(void)state;
	gpa[0] = post(112);
	gpa[1] = post(100);
	come_in(2, 250);
	assert_int_equal(f.in.count, 1);
	assert_false(f.readable);
	assert_int_equal(f.net.pairs[0].kept_bytes, 250);
	assert_false(driver_collect(&f.d, RX, &used));
	assert_int_equal(virtio_mmio_save(&f.d.slot, &saved), 0);
	/* Nobody asks the back end meanwhile. */
	f.receives = 0;
	virtio_net_ready(&f.net, 0, true, false);
	assert_int_equal(f.receives, 0);
	gpa[2] = post(300);
	assert_true(driver_kick_if_wanted(&f.d, RX));
	assert_true(driver_collect(&f.d, RX, &used) && used.len == 112);
	assert_true(driver_collect(&f.d, RX, &used) && used.len == 100);
	assert_true(driver_collect(&f.d, RX, &used) && used.len == 50);
	expect_bytes(gpa[0] + HEADER, 100, 7);
	expect_bytes(gpa[1], 100, 107);
	expect_bytes(gpa[2], 50, 207);
	/* The next one is a kick's affair again. */
	assert_int_equal(f.in.count, 1);
	post(300);
	assert_true(driver_kick_if_wanted(&f.d, RX));
	assert_true(f.readable);
	virtio_net_ready(&f.net, 0, true, false);
	assert_true(driver_collect(&f.d, RX, &used) && used.len == HEADER + 250);
}

static void test_no_buffers(void **state)
{
	struct driver_used used;

	(void)state;
	come_in(1000, 100);
	assert_int_equal(f.receives, 0);
	assert_false(f.readable);
	post(200);
	assert_true(driver_kick_if_wanted(&f.d, RX));
	assert_true(f.readable);
	virtio_net_ready(&f.net, 0, true, false);
	assert_int_equal(f.receives, 1);
	assert_true(driver_collect(&f.d, RX, &used));
	assert_false(f.readable);
	assert_int_equal(f.in.count, 999);
}

static void test_flood_comes_in_batches(void **state)
{
	(void)state;
	for (unsigned i = 0; i < VIRTIO_NET_QUEUE_SIZE; i++)
		post(200);
	come_in(1000, 100);
	assert_int_equal(f.receives, VIRTIO_NET_BATCH);
	assert_true(f.readable);
}

static void test_receive_without_features(void **state)
{
	struct driver_used used;

	(void)state;
	restart(VIRTIO_FEATURES_BASIC);
	post(200);
	/* Too long for one buffer, a checksum to complete, segments, too short: none of these. */
	come_in(1, 250);
	f.in.header = checksum_header(34, 16);
	come_in(1, 100);
	f.in.header = segment_header(VIRTIO_NET_HDR_GSO_TCPV4, 1000);
	come_in(1, 100);
	f.in.header = (struct virtio_net_header){ .gso_type = VIRTIO_NET_HDR_GSO_TCPV6 };
	come_in(1, 100);
	f.in.header = (struct virtio_net_header){ .gso_type = VIRTIO_NET_HDR_GSO_UDP };
	come_in(1, 100);
	f.in.header = (struct virtio_net_header){ .flags = VIRTIO_NET_HDR_F_DATA_VALID };
	come_in(1, 13);
	assert_int_equal(f.net.dropped_in, 6);
	assert_false(driver_collect(&f.d, RX, &used));
	come_in(1, 100);
	assert_true(driver_collect(&f.d, RX, &used));
	assert_int_equal(
	    ((struct virtio_net_header *)driver_at(&f.d, f.d.next_gpa - 200, 12))->flags, 0);
	restart(~0ULL);
	post(5000);
	f.in.header = (struct virtio_net_header){ 0 };
	come_in(1, MTU + 19);
	assert_int_equal(f.net.dropped_in, 1);
	come_in(1, MTU + 18);
	assert_true(driver_collect(&f.d, RX, &used));
}

static void test_bad_receive_buffers(void **state)
{
	struct driver_buf readable = { .len = 100 };

	(void)state;
	post(HEADER - 1);
	come_in(1, 100);
	assert_int_equal(f.net.dev.breaks, 1);
	assert_true(driver_read(&f.d, 0x070) & VIRTIO_CONFIG_S_NEEDS_RESET);
	come_in(1, 100);
	assert_int_equal(f.receives, 0);
	assert_false(f.readable);
	assert_int_equal(driver_start(&f.d, ~0ULL), 15);
	assert_true(f.readable);
	driver_add(&f.d, RX, &readable, 1, 0);
	come_in(1, 100);
	assert_int_equal(f.net.dev.breaks, 2);
	/* The second buffer of a frame. */
	assert_int_equal(driver_start(&f.d, ~0ULL), 15);
	post(50);
	post(3);
	come_in(1, 100);
	assert_int_equal(f.net.dev.breaks, 3);
	assert_int_equal(driver_start(&f.d, ~0ULL), 15);
	assert_int_equal(f.net.pairs[0].kept_bytes, 0);
}

/* A device that cannot take frames does not wake anybody for them, whatever made it so. */
static void test_nobody_listens_for_the_broken(void **state)
{
	struct driver_buf writable = { .len = 100, .writable = true };

	(void)state;
	post(200);
	driver_set_desc(&f.d, TX, 0, ~0ULL, 100, 0, 0);
	driver_offer(&f.d, TX, 0);
	driver_kick(&f.d, TX);
	assert_int_equal(f.net.dev.breaks, 1);
	come_in(1, 100);
	assert_int_equal(f.receives, 0);
	assert_false(f.readable);
	/* FAILED, by the driver. */
	assert_int_equal(driver_start(&f.d, ~0ULL), 15);
	assert_true(f.readable);
	post(200);
	driver_write(&f.d, 0x070, 15 | VIRTIO_CONFIG_S_FAILED);
	come_in(1, 100);
	assert_false(f.readable);
	/* The queue is taken away. */
	assert_int_equal(driver_start(&f.d, ~0ULL), 15);
	post(200);
	driver_write(&f.d, 0x030, RX);
	driver_write(&f.d, 0x044, 0);
	come_in(1, 100);
	assert_false(f.readable);
	assert_int_equal(f.receives, 0);
	driver_add(&f.d, RX, &writable, 1, 0);
	driver_kick(&f.d, RX);
	assert_false(f.readable);
}

static void test_back_end_is_gone(void **state)
{
	struct virtio_net_header none = { 0 };

	(void)state;
	post(200);
	f.receive_errno = EINVAL;
	virtio_net_ready(&f.net, 0, true, false);
	assert_int_equal(f.receives, VIRTIO_NET_BATCH);
	assert_true(f.readable);
	f.receive_errno = EBADFD;
	virtio_net_ready(&f.net, 0, true, false);
	assert_false(f.readable);
	expect_dropped(&none, 60);
	driver_start(&f.d, ~0ULL);
	assert_false(f.readable);
}

/* What waits for room in it is given back, and the driver goes on. */
static void test_full_back_end_is_gone(void **state)
{
	(void)state;
	post(200);
	f.send_errno = EAGAIN;
	for (unsigned i = 0; i < VIRTIO_NET_QUEUE_SIZE; i++)
		queue_frame();
	driver_kick(&f.d, TX);
	assert_true(f.writable);
	f.receive_errno = EBADMSG;
	virtio_net_ready(&f.net, 0, true, false);
	assert_false(f.readable || f.writable);
	assert_int_equal(collect_all(TX), VIRTIO_NET_QUEUE_SIZE);
	assert_int_equal(f.net.dropped_out, VIRTIO_NET_QUEUE_SIZE);
	queue_frame();
	assert_true(driver_kick_if_wanted(&f.d, TX));
	assert_int_equal(collect_all(TX), 1);
}

static void test_udp_segments(void **state)
{
	struct virtio_net_header header = segment_header(5, 1400);

	(void)state;
	expect_dropped(&header, 60000);
	end(NULL);
	begin_pairs(~0ULL, 1, true);
	assert_int_equal(f.offloads, VIRTIO_NET_OFFLOAD_CHECKSUM | VIRTIO_NET_OFFLOAD_TSO4 |
					 VIRTIO_NET_OFFLOAD_TSO6 | VIRTIO_NET_OFFLOAD_USO4 |
					 VIRTIO_NET_OFFLOAD_USO6);
	expect_sent(&header, 60000);
	assert_int_equal(f.sent_header.gso_type, 5);
	header = segment_header(5, VIRTIO_NET_SEGMENT_MIN - 1);
	expect_dropped(&header, 60000);
	f.in.header = segment_header(5, 1400);
	post(65550);
	come_in(1, 3000);
	assert_int_equal(f.net.received, 1);
	end(NULL);
	begin_pairs(~(3ULL << 54), 1, true);
	f.in.header = segment_header(5, 1400);
	post(65550);
	come_in(1, 3000);
	assert_int_equal(f.net.dropped_in, 1);
}

static uint64_t post_to(unsigned queue)
{
	struct driver_buf buf = { .len = 2000, .writable = true };

	driver_add(&f.d, queue, &buf, 1, 0);
	return buf.gpa;
}

static void test_pairs(void **state)
{
	static const uint8_t two[] = { 4, 0, 2, 0 };
	uint64_t first, second;

	(void)state;
	assert_int_equal(f.net.dev.queue_count, 2);
	end(NULL);
	begin_pairs(~0ULL, 2, false);
	assert_int_equal(driver_read(&f.d, 0x108) & 0xffff, 2);
	assert_true(f.readable_more[0] && f.readable_more[1]);
	/* Until the driver says so, everything goes into the first pair's queue. */
	first = post_to(0);
	second = post_to(2);
	f.in = (struct incoming){ .count = 1, .frame_bytes = 100, .first = 1 };
	virtio_net_ready(&f.net, 1, true, false);
	assert_ptr_equal(f.came_by, &contexts[1]);
	assert_int_equal(f.net.received, 1);
	expect_bytes(first + HEADER, 100, 1);
	assert_int_equal(ask(CONTROL_OF_TWO, two, sizeof(two)), 0);
	assert_int_equal(f.net.active, 2);
	f.in = (struct incoming){ .count = 1, .frame_bytes = 100, .first = 9 };
	virtio_net_ready(&f.net, 1, true, false);
	assert_int_equal(f.net.received, 2);
	expect_bytes(second + HEADER, 100, 9);
	/* Without buffers in its own queue a pair is not listened to. */
	f.in.count = 1;
	virtio_net_ready(&f.net, 1, true, false);
	assert_false(f.readable_more[1]);
	(void)post_to(2);
	assert_true(driver_kick_if_wanted(&f.d, 2));
	assert_int_equal(f.net.received, 2);
	assert_true(f.readable_more[1]);
	driver_write(&f.d, 0x070, 0);
	assert_int_equal(f.net.active, 1);
	assert_false(f.readable_more[0] || f.readable_more[1]);
}

static void test_control_refusals(void **state)
{
	static const uint8_t wrong[][5] = {
		{ 4, 0, 0, 0 }, { 4, 0, 3, 0 }, { 4, 1, 1, 0 }, { 3, 0, 1, 0 }, { 4, 0, 0, 1 }
	};
	struct driver_buf buf = { .len = 4 };

	(void)state;
	end(NULL);
	begin_pairs(~0ULL, 2, false);
	for (unsigned i = 0; i < ARRAY_SIZE(wrong); i++)
		assert_int_equal(ask(CONTROL_OF_TWO, wrong[i], 4), 1);
	assert_int_equal(ask(CONTROL_OF_TWO, "\4\0\1", 3), 1);
	assert_int_equal(ask(CONTROL_OF_TWO, "\4\0\1\0\0", 5), 1);
	assert_int_equal(f.net.active, 1);
	driver_add(&f.d, CONTROL_OF_TWO, &buf, 1, 0);
	driver_kick(&f.d, CONTROL_OF_TWO);
	assert_int_equal(f.net.dev.breaks, 1);
	/* A driver that takes the control queue and not the pairs has it behind the first one. */
	end(NULL);
	begin_pairs(~VIRTIO_FEATURE(VIRTIO_NET_F_MQ), 2, false);
	assert_int_equal(ask(CONTROL_OF_ONE, "\4\0\2\0", 4), 1);
	assert_int_equal(f.net.active, 1);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
	const struct CMUnitTest tests[] = {
		TEST(test_configuration),
		TEST(test_transmit),
		TEST(test_transmit_lengths),
		TEST(test_transmit_checksums),
		TEST(test_transmit_segments),
		TEST(test_foreign_source),
		TEST(test_another_link),
		TEST(test_loopback_destination),
		TEST(test_transmit_pieces),
		TEST(test_back_end_is_full),
		TEST(test_refilled_while_served),
		TEST(test_stream_is_handed_over),
		TEST(test_stream_interrupts),
		TEST(test_stream_and_pause),
		TEST(test_stream_and_reset),
		TEST(test_stream_and_gone),
		TEST(test_stream_of_one_pair),
		TEST(test_receive),
		TEST(test_frames_of_changing_length),
		TEST(test_merged_buffers),
		TEST(test_largest_frame),
		TEST(test_frame_that_never_fits),
		TEST(test_kept_frame),
		TEST(test_no_buffers),
		TEST(test_flood_comes_in_batches),
		TEST(test_receive_without_features),
		TEST(test_bad_receive_buffers),
		TEST(test_nobody_listens_for_the_broken),
		TEST(test_back_end_is_gone),
		TEST(test_full_back_end_is_gone),
		TEST(test_udp_segments),
		TEST(test_pairs),
		TEST(test_control_refusals),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
