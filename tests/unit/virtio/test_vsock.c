/*
 * The socket device against a guest that behaves, one that has no receive buffers, and ones that
 * lie.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "tests/driver/vsock_guest.h"
#include "virtio/vsock_conn.h"

enum { PORT = 16, GUEST_PORT = 1000, BUF_ALLOC = 8192, NO_PORT = 99 };

/* The host's user of the device, who writes down what happens. */
static struct {
	struct vguest g;
	struct vsock_conn *conn;
	unsigned accepted, connected, closed, can_send, data_calls, shutdowns;
	uint8_t data[65536];
	size_t data_len;
	bool consume;	    /* at once */
	bool reset_in_data; /* from within data() */
	bool reset_in_accept;
	bool later;		/* it accepts, but says so by itself */
	bool send_in_can_send;	/* four bytes */
	bool flood_in_can_send; /* as much as goes */
} t;

static void on_connected(void *ctx, struct vsock_conn *conn)
{
	assert_ptr_equal(ctx, &t);
	assert_ptr_equal(conn, t.conn);
	t.connected++;
}

static void on_data(void *ctx, struct vsock_conn *conn, const struct iovec *iov, unsigned count,
		    size_t len)
{
	size_t sum = 0;

	assert_ptr_equal(ctx, &t);
	t.data_calls++;
	for (unsigned i = 0; i < count; i++) {
		assert_true(t.data_len + iov[i].iov_len <= sizeof(t.data));
		memcpy(t.data + t.data_len, iov[i].iov_base, iov[i].iov_len);
		t.data_len += iov[i].iov_len;
		sum += iov[i].iov_len;
	}
	assert_int_equal(sum, len);
	if (t.reset_in_data)
		vsock_conn_reset(conn);
	else if (t.consume)
		vsock_conn_consumed(conn, len);
}

static void on_can_send(void *ctx, struct vsock_conn *conn)
{
	(void)ctx;
	t.can_send++;
	if (t.send_in_can_send)
		assert_int_equal(vsock_conn_send(conn, "more", 4), 4);
	if (t.flood_in_can_send)
		vsock_conn_send(conn, t.data, sizeof(t.data));
}

static void on_shutdown(void *ctx, struct vsock_conn *conn, unsigned directions)
{
	(void)ctx;
	(void)conn;
	t.shutdowns = t.shutdowns * 10 + directions;
}

static void on_closed(void *ctx, struct vsock_conn *conn)
{
	(void)ctx;
	(void)conn;
	t.closed++;
	t.conn = NULL;
}

static const struct vsock_conn_ops ops = {
	.connected = on_connected,
	.data = on_data,
	.can_send = on_can_send,
	.shutdown = on_shutdown,
	.closed = on_closed,
};

static bool on_accept(void *ctx, uint32_t host_port, struct vsock_conn *conn,
		      struct vsock_accept *accept)
{
	if (host_port != PORT)
		return false;
	t.accepted++;
	t.conn = conn;
	*accept = (struct vsock_accept){
		.ops = &ops, .ctx = ctx, .buf_alloc = BUF_ALLOC, .later = t.later
	};
	if (t.reset_in_accept)
		vsock_conn_reset(conn);
	return true;
}

static int setup(void **state)
{
	(void)state;
	memset(&t, 0, sizeof(t));
	vguest_init(&t.g, on_accept, &t);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	vguest_fini(&t.g);
	return 0;
}

static void send_op(uint32_t guest_port, uint32_t host_port, uint16_t op)
{
	vguest_send(&t.g, &(struct vguest_packet){ .guest_port = guest_port,
						   .host_port = host_port,
						   .op = op,
						   .buf_alloc = 4096 });
}

static void send_data(const void *data, uint32_t len)
{
	vguest_send(&t.g, &(struct vguest_packet){ .guest_port = GUEST_PORT,
						   .host_port = PORT,
						   .op = VSOCK_OP_RW,
						   .buf_alloc = 4096,
						   .data = data,
						   .len = len });
}

static struct vsock_header expect(uint16_t op)
{
	struct vsock_header header;

	assert_true(vguest_receive(&t.g, &header));
	assert_int_equal(le16_get(header.op), op);
	assert_int_equal(le64_get(header.dst_cid), VSOCK_CID_GUEST);
	return header;
}

static void expect_nothing(void)
{
	struct vsock_header header;

	assert_false(vguest_receive(&t.g, &header));
}

static void connect_guest(void)
{
	vguest_post(&t.g, 8);
	send_op(GUEST_PORT, PORT, VSOCK_OP_REQUEST);
	expect(VSOCK_OP_RESPONSE);
	assert_non_null(t.conn);
}

/* What the loop's thread does: the lock around a function of the device. */
static size_t host_send(const void *data, size_t len)
{
	size_t n;

	virtio_device_lock(&t.g.vsock->device);
	n = vsock_conn_send(t.conn, data, len);
	virtio_device_unlock(&t.g.vsock->device);
	return n;
}

static void host_consumed(size_t len)
{
	virtio_device_lock(&t.g.vsock->device);
	vsock_conn_consumed(t.conn, len);
	virtio_device_unlock(&t.g.vsock->device);
}

static void test_config(void **state)
{
	le64 cid;

	(void)state;
	assert_int_equal(driver_read(&t.g.d, 0x008), VIRTIO_ID_VSOCK);
	virtio_mmio_read(&t.g.d.slot, 0x100, &cid, sizeof(cid));
	assert_int_equal(le64_get(cid), VSOCK_CID_GUEST);
}

static void test_connect(void **state)
{
	struct vsock_header header;

	(void)state;
	vguest_post(&t.g, 8);
	send_op(GUEST_PORT, PORT, VSOCK_OP_REQUEST);
	header = expect(VSOCK_OP_RESPONSE);
	assert_int_equal(le64_get(header.src_cid), VSOCK_CID_HOST);
	assert_int_equal(le32_get(header.src_port), PORT);
	assert_int_equal(le32_get(header.dst_port), GUEST_PORT);
	assert_int_equal(le32_get(header.buf_alloc), BUF_ALLOC);
	assert_int_equal(le32_get(header.fwd_cnt), 0);
	assert_int_equal(t.accepted, 1);

	send_op(GUEST_PORT, PORT, VSOCK_OP_RST);
	assert_int_equal(t.closed, 1);
	send_op(GUEST_PORT, PORT, VSOCK_OP_RST);
	expect_nothing();
	assert_int_equal(t.g.vsock->conn_count, 0);

	/* A second request on an open connection ends it. */
	send_op(GUEST_PORT, PORT, VSOCK_OP_REQUEST);
	expect(VSOCK_OP_RESPONSE);
	send_op(GUEST_PORT, PORT, VSOCK_OP_REQUEST);
	expect(VSOCK_OP_RST);
	assert_int_equal(t.closed, 2);
}

/* VQ-46 */
static void test_wrong_addresses(void **state)
{
	static const struct vguest_packet wrong[] = {
		{ .src_cid = 2, .host_port = PORT, .op = VSOCK_OP_REQUEST },
		{ .src_cid = UINT64_MAX, .host_port = PORT, .op = VSOCK_OP_REQUEST },
		{ .dst_cid = 3, .host_port = PORT, .op = VSOCK_OP_REQUEST },
		{ .dst_cid = 1, .host_port = PORT, .op = VSOCK_OP_RW, .data = "x", .len = 1 },
		{ .host_port = NO_PORT, .op = VSOCK_OP_REQUEST },
		{ .type = 2, .host_port = PORT, .op = VSOCK_OP_REQUEST },
		{ .host_port = PORT, .op = VSOCK_OP_RW },
		{ .host_port = PORT, .op = VSOCK_OP_SHUTDOWN, .flags = 3 },
		{ .host_port = PORT, .op = VSOCK_OP_RESPONSE },
		{ .host_port = PORT, .op = 77 },
	};

	(void)state;
	vguest_post(&t.g, 16);
	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
		struct vguest_packet packet = wrong[i];
		struct vsock_header header;

		packet.guest_port = (uint32_t)(500 + i);
		vguest_send(&t.g, &packet);
		header = expect(VSOCK_OP_RST);
		assert_int_equal(le64_get(header.src_cid), packet.dst_cid ? packet.dst_cid : 2);
		assert_int_equal(le32_get(header.src_port), packet.host_port);
		assert_int_equal(le32_get(header.dst_port), packet.guest_port);
		assert_int_equal(le16_get(header.type), packet.type ? packet.type : 1);
	}
	expect_nothing();
	assert_int_equal(t.accepted, 0);
	assert_int_equal(t.g.vsock->conn_count, 0);
}

static void test_unknown_op_ends_connection(void **state)
{
	(void)state;
	connect_guest();
	send_op(GUEST_PORT, PORT, 8);
	expect(VSOCK_OP_RST);
	assert_int_equal(t.closed, 1);
}

static void test_data_and_credit(void **state)
{
	char text[BUF_ALLOC / 2];
	struct vsock_header header;

	(void)state;
	connect_guest();
	memset(text, 'a', sizeof(text));
	send_data("hello", 5);
	assert_memory_equal(t.data, "hello", 5);
	send_data(NULL, 0);
	assert_int_equal(t.data_calls, 1);

	/* Less than half: the guest needs no word yet. */
	host_consumed(5);
	expect_nothing();
	send_data(text, sizeof(text));
	host_consumed(sizeof(text));
	header = expect(VSOCK_OP_CREDIT_UPDATE);
	assert_int_equal(le32_get(header.fwd_cnt), 5 + sizeof(text));

	/* Asked, it is told. */
	send_op(GUEST_PORT, PORT, VSOCK_OP_CREDIT_REQUEST);
	expect(VSOCK_OP_CREDIT_UPDATE);

	/* All of the credit, and then a byte more. */
	send_data(text, sizeof(text));
	send_data(text, sizeof(text));
	assert_int_equal(t.closed, 0);
	send_data("!", 1);
	expect(VSOCK_OP_RST);
	assert_int_equal(t.closed, 1);
}

static void test_payload_in_pieces(void **state)
{
	struct vsock_header header = {
		.src_cid = le64_make(VSOCK_CID_GUEST),
		.dst_cid = le64_make(VSOCK_CID_HOST),
		.src_port = le32_make(GUEST_PORT),
		.dst_port = le32_make(PORT),
		.len = le32_make(6),
		.type = le16_make(VSOCK_TYPE_STREAM),
		.op = le16_make(VSOCK_OP_RW),
	};
	struct {
		struct vsock_header header;
		char data[6];
	} packet = { header, "abcdef" };
	struct driver_buf bufs[50];

	(void)state;
	connect_guest();
	for (size_t i = 0; i < ARRAY_SIZE(bufs); i++)
		bufs[i] = (struct driver_buf){ .data = (char *)&packet + i, .len = 1 };
	driver_add(&t.g.d, VSOCK_QUEUE_TX, bufs, ARRAY_SIZE(bufs), 0);
	driver_kick(&t.g.d, VSOCK_QUEUE_TX);
	assert_int_equal(t.data_len, 6);
	assert_memory_equal(t.data, "abcdef", 6);

	/* The header promises more than there is. */
	vguest_send(&t.g, &(struct vguest_packet){ .guest_port = GUEST_PORT,
						   .host_port = PORT,
						   .op = VSOCK_OP_RW,
						   .data = "abc",
						   .len = 3,
						   .header_len = 4 });
	expect(VSOCK_OP_RST);
	assert_int_equal(t.data_len, 6);
	assert_int_equal(t.closed, 1);
}

static void test_batch_is_one_interrupt(void **state)
{
	struct vsock_header header;
	unsigned raised;

	(void)state;
	connect_guest();
	t.consume = true;
	raised = t.g.d.raised;
	driver_set_used_event(&t.g.d, VSOCK_QUEUE_RX, t.g.d.queues[VSOCK_QUEUE_RX].used_idx);
	driver_set_used_event(&t.g.d, VSOCK_QUEUE_TX, 0x8000); /* far away */
	for (int i = 0; i < 20; i++)
		vguest_add(&t.g, &(struct vguest_packet){ .guest_port = GUEST_PORT,
							  .host_port = PORT,
							  .op = VSOCK_OP_RW,
							  .data = t.g.payload,
							  .len = 1000 });
	driver_kick(&t.g.d, VSOCK_QUEUE_TX);
	header = expect(VSOCK_OP_CREDIT_UPDATE);
	assert_int_equal(le32_get(header.fwd_cnt), 20000);
	expect_nothing();
	assert_int_equal(t.g.d.raised, raised + 1);
}

static void test_send_within_credit(void **state)
{
	char text[6000];
	struct vsock_header header;

	(void)state;
	connect_guest();
	memset(text, 'b', sizeof(text));
	/* The guest gave 4096 bytes; a receive buffer holds 4096 - 44. */
	assert_int_equal(host_send(text, sizeof(text)), 4096);
	header = expect(VSOCK_OP_RW);
	assert_int_equal(le32_get(header.len), 4096 - 44);
	header = expect(VSOCK_OP_RW);
	assert_int_equal(le32_get(header.len), 44);
	assert_int_equal(t.g.payload[43], 'b');
	expect(VSOCK_OP_CREDIT_REQUEST);
	/* No second question before an answer. */
	assert_int_equal(host_send(text, 1), 0);
	expect_nothing();

	/* An answer without credit leads to nothing. */
	send_op(GUEST_PORT, PORT, VSOCK_OP_CREDIT_UPDATE);
	assert_int_equal(t.can_send, 0);
	vguest_send(&t.g, &(struct vguest_packet){ .guest_port = GUEST_PORT,
						   .host_port = PORT,
						   .op = VSOCK_OP_CREDIT_UPDATE,
						   .buf_alloc = 4096,
						   .fwd_cnt = 100 });
	assert_int_equal(t.can_send, 1);
	assert_int_equal(host_send(text, sizeof(text)), 100);
}

static void test_lies_about_credit(void **state)
{
	char text[4096] = { 0 };
	struct vguest_packet packet = { .guest_port = GUEST_PORT,
					.host_port = PORT,
					.op = VSOCK_OP_CREDIT_UPDATE };

	(void)state;
	connect_guest();
	assert_int_equal(host_send(text, 1000), 1000);
	/* Consumed more than was sent: not believed. */
	packet.buf_alloc = 2000;
	packet.fwd_cnt = 1001;
	vguest_send(&t.g, &packet);
	assert_int_equal(t.conn->peer_consumed, 0);
	packet.fwd_cnt = UINT32_MAX;
	vguest_send(&t.g, &packet);
	assert_int_equal(t.conn->peer_consumed, 0);
	/* Moves forward, never back. */
	packet.fwd_cnt = 600;
	vguest_send(&t.g, &packet);
	packet.fwd_cnt = 500;
	vguest_send(&t.g, &packet);
	assert_int_equal(t.conn->peer_consumed, 600);
	/* A buffer that shrinks below what is in it has no room. */
	packet.buf_alloc = 100;
	vguest_send(&t.g, &packet);
	assert_int_equal(host_send(text, 1), 0);
	/* Counters that wrap. */
	t.conn->sent = t.conn->peer_consumed = UINT32_MAX - 10;
	packet.buf_alloc = 2000;
	packet.fwd_cnt = UINT32_MAX - 10;
	vguest_post(&t.g, 4);
	vguest_send(&t.g, &packet);
	assert_int_equal(host_send(text, 1000), 1000);
	packet.fwd_cnt = 989;
	vguest_send(&t.g, &packet);
	assert_int_equal(t.conn->peer_consumed, 989);
	assert_int_equal(t.closed, 0);
}

static void test_send_waits_for_buffers(void **state)
{
	char text[4096];

	(void)state;
	memset(text, 'c', sizeof(text));
	vguest_post(&t.g, 1);
	send_op(GUEST_PORT, PORT, VSOCK_OP_REQUEST);
	expect(VSOCK_OP_RESPONSE);
	assert_int_equal(host_send(text, 100), 0);
	assert_int_equal(t.can_send, 0);
	t.send_in_can_send = true;
	/* The device asked for the kick that vguest_post() gives only if asked. */
	vguest_post(&t.g, 1);
	assert_int_equal(t.can_send, 1);
	expect(VSOCK_OP_RW);
	assert_memory_equal(t.g.payload, "more", 4);
	/* Nobody waits: the next buffers do not even cost an exit. */
	t.g.vsock->device.kicks = 0;
	vguest_post(&t.g, 3);
	assert_int_equal(t.g.vsock->device.kicks, 0);
	assert_int_equal(host_send(text, 100), 100);
}

/* A sender that always wants more than there are buffers is called once per kick, not for ever. */
static void test_no_spin_without_buffers(void **state)
{
	(void)state;
	vguest_post(&t.g, 1);
	vguest_send(&t.g, &(struct vguest_packet){ .guest_port = GUEST_PORT,
						   .host_port = PORT,
						   .op = VSOCK_OP_REQUEST,
						   .buf_alloc = UINT32_MAX });
	expect(VSOCK_OP_RESPONSE);
	t.flood_in_can_send = true;
	assert_int_equal(host_send(t.data, sizeof(t.data)), 0);
	for (unsigned i = 1; i < 10; i++) {
		vguest_post(&t.g, 1);
		assert_int_equal(t.can_send, i);
		expect(VSOCK_OP_RW);
		driver_kick(&t.g.d, VSOCK_QUEUE_TX);
		expect_nothing();
		t.can_send = i;
	}
}

static void test_response_comes_first(void **state)
{
	(void)state;
	/* No receive buffer: the RESPONSE waits, and data behind it. */
	send_op(GUEST_PORT, PORT, VSOCK_OP_REQUEST);
	assert_non_null(t.conn);
	assert_int_equal(host_send("x", 1), 0);
	t.send_in_can_send = true;
	vguest_post(&t.g, 4);
	expect(VSOCK_OP_RESPONSE);
	expect(VSOCK_OP_RW);
	expect_nothing();
}

static void test_shutdown(void **state)
{
	struct vsock_header header;
	struct vguest_packet packet = { .guest_port = GUEST_PORT,
					.host_port = PORT,
					.op = VSOCK_OP_SHUTDOWN,
					.flags = VSOCK_SHUTDOWN_SEND };

	(void)state;
	connect_guest();
	virtio_device_lock(&t.g.vsock->device);
	vsock_conn_shutdown(t.conn, VSOCK_SHUTDOWN_SEND);
	vsock_conn_shutdown(t.conn, VSOCK_SHUTDOWN_SEND);
	virtio_device_unlock(&t.g.vsock->device);
	header = expect(VSOCK_OP_SHUTDOWN);
	assert_int_equal(le32_get(header.flags), VSOCK_SHUTDOWN_SEND);
	expect_nothing();
	assert_int_equal(host_send("x", 1), 0);

	/* From the guest: one direction, again, then the other. */
	vguest_send(&t.g, &packet);
	vguest_send(&t.g, &packet);
	assert_int_equal(t.shutdowns, VSOCK_SHUTDOWN_SEND);
	packet.flags = 0xfffffff3;
	vguest_send(&t.g, &packet);
	assert_int_equal(t.shutdowns, 10 * VSOCK_SHUTDOWN_SEND + VSOCK_SHUTDOWN_RECEIVE);
	expect(VSOCK_OP_RST);
	assert_int_equal(t.closed, 1);
	assert_int_equal(t.g.vsock->conn_count, 0);
}

static void test_data_after_shutdown(void **state)
{
	(void)state;
	connect_guest();
	/* Under way while we shut down: dropped, and its credit comes back. */
	virtio_device_lock(&t.g.vsock->device);
	vsock_conn_shutdown(t.conn, VSOCK_SHUTDOWN_RECEIVE);
	virtio_device_unlock(&t.g.vsock->device);
	expect(VSOCK_OP_SHUTDOWN);
	send_data("x", 1);
	assert_int_equal(t.data_calls, 0);
	assert_int_equal(t.conn->consumed, 1);
	/* After the guest itself said that no more would come. */
	vguest_send(&t.g, &(struct vguest_packet){ .guest_port = GUEST_PORT,
						   .host_port = PORT,
						   .op = VSOCK_OP_SHUTDOWN,
						   .flags = VSOCK_SHUTDOWN_SEND });
	send_data("x", 1);
	expect(VSOCK_OP_RST);
	assert_int_equal(t.closed, 1);
}

static void test_reset_from_callbacks(void **state)
{
	(void)state;
	connect_guest();
	t.reset_in_data = true;
	send_data("x", 1);
	expect(VSOCK_OP_RST);
	assert_int_equal(t.closed, 0);
	send_data("x", 1);
	expect(VSOCK_OP_RST);
	assert_int_equal(t.data_calls, 1);
	t.reset_in_accept = true;
	send_op(GUEST_PORT, PORT, VSOCK_OP_REQUEST);
	expect(VSOCK_OP_RST);
	expect_nothing();
	assert_int_equal(t.g.vsock->conn_count, 0);
}

static struct vsock_conn *host_connect(uint32_t guest_port, uint32_t host_port)
{
	const struct vsock_accept as = { .ops = &ops, .ctx = &t, .buf_alloc = BUF_ALLOC };
	struct vsock_conn *conn;

	virtio_device_lock(&t.g.vsock->device);
	conn = vsock_connect(t.g.vsock, guest_port, host_port, &as);
	virtio_device_unlock(&t.g.vsock->device);
	return conn;
}

/* The host connects: a REQUEST, nothing before the answer, then what waited. */
static void test_host_connects(void **state)
{
	struct vsock_header header;

	(void)state;
	t.send_in_can_send = true;
	t.conn = host_connect(GUEST_PORT, PORT);
	assert_non_null(t.conn);
	assert_null(host_connect(GUEST_PORT, PORT));
	assert_int_equal(host_send("early", 5), 0);
	vguest_post(&t.g, 8);
	header = expect(VSOCK_OP_REQUEST);
	assert_int_equal(le64_get(header.src_cid), VSOCK_CID_HOST);
	assert_int_equal(le32_get(header.src_port), PORT);
	assert_int_equal(le32_get(header.dst_port), GUEST_PORT);
	assert_int_equal(le32_get(header.buf_alloc), BUF_ALLOC);
	expect_nothing();
	assert_int_equal(t.connected, 0);
	send_op(GUEST_PORT, PORT, VSOCK_OP_RESPONSE);
	assert_int_equal(t.connected, 1);
	assert_int_equal(t.can_send, 1);
	header = expect(VSOCK_OP_RW);
	assert_memory_equal(t.g.payload, "more", 4);
	send_data("answer", 6);
	assert_memory_equal(t.data, "answer", 6);
	send_op(GUEST_PORT, PORT, VSOCK_OP_RESPONSE);
	assert_int_equal(t.closed, 1);
	expect(VSOCK_OP_RST);
	assert_int_equal(t.g.vsock->conn_count, 0);
}

/* A refusal, an answer that is none, and a host that changes its mind before and after asking. */
static void test_host_does_not_connect(void **state)
{
	(void)state;
	t.conn = host_connect(GUEST_PORT, PORT);
	vsock_conn_reset(t.conn);
	vguest_post(&t.g, 8);
	expect_nothing();
	assert_int_equal(t.g.vsock->conn_count, 0);

	t.conn = host_connect(GUEST_PORT, PORT);
	expect(VSOCK_OP_REQUEST);
	send_op(GUEST_PORT, PORT, VSOCK_OP_RST);
	assert_int_equal(t.closed, 1);
	expect_nothing();

	t.conn = host_connect(GUEST_PORT, PORT);
	expect(VSOCK_OP_REQUEST);
	send_data("data", 4);
	assert_int_equal(t.closed, 2);
	assert_int_equal(t.data_len, 0);
	expect(VSOCK_OP_RST);

	t.conn = host_connect(GUEST_PORT, PORT);
	expect(VSOCK_OP_REQUEST);
	vsock_conn_reset(t.conn);
	expect(VSOCK_OP_RST);
	send_op(GUEST_PORT, PORT, VSOCK_OP_RESPONSE);
	expect(VSOCK_OP_RST);
	assert_int_equal(t.connected, 0);
	assert_int_equal(t.closed, 2);
	assert_int_equal(t.g.vsock->conn_count, 0);
}

/* The host takes its time: the guest has no answer, and may not send; then all is as usual. */
static void test_accepted_later(void **state)
{
	(void)state;
	t.later = true;
	vguest_post(&t.g, 8);
	send_op(GUEST_PORT, PORT, VSOCK_OP_REQUEST);
	expect_nothing();
	assert_int_equal(host_send("early", 5), 0);
	vsock_conn_accept(t.conn);
	expect(VSOCK_OP_RESPONSE);
	assert_int_equal(host_send("now", 3), 3);
	expect(VSOCK_OP_RW);
	send_op(GUEST_PORT, PORT, VSOCK_OP_RST);

	send_op(GUEST_PORT, PORT, VSOCK_OP_REQUEST);
	send_op(GUEST_PORT, PORT, VSOCK_OP_RESPONSE);
	assert_int_equal(t.closed, 2);
	expect(VSOCK_OP_RST);
	send_op(GUEST_PORT, PORT, VSOCK_OP_REQUEST);
	vsock_conn_reset(t.conn);
	expect(VSOCK_OP_RST);
	assert_int_equal(t.g.vsock->conn_count, 0);
}

/* VQ-48: the table and the ring of resets fill up, the queue rests, nothing spins or is lost. */
static void test_half_open_storm(void **state)
{
	struct vsock *vsock = t.g.vsock;
	unsigned sent = 0, responses = 0, resets = 0;

	(void)state;
	while (vguest_unsent(&t.g) < VSOCK_TX_SIZE / 2 && sent < 100000) {
		vguest_add(&t.g, &(struct vguest_packet){ .guest_port = sent++,
							  .host_port = PORT,
							  .op = VSOCK_OP_REQUEST });
		driver_kick(&t.g.d, VSOCK_QUEUE_TX);
	}
	assert_int_equal(t.accepted, VSOCK_CONNS_MAX);
	assert_int_equal(vsock->reset_count, VSOCK_RESETS_MAX);
	assert_true(vsock->tx_rests);
	assert_int_equal(sent, VSOCK_CONNS_MAX + VSOCK_RESETS_MAX + VSOCK_TX_SIZE / 2);

	while (responses + resets < sent) {
		struct vsock_header header;

		vguest_post(&t.g, 16);
		for (int i = 0; i < 16 && vguest_receive(&t.g, &header); i++) {
			responses += le16_get(header.op) == VSOCK_OP_RESPONSE;
			resets += le16_get(header.op) == VSOCK_OP_RST;
		}
	}
	assert_int_equal(responses, VSOCK_CONNS_MAX);
	assert_int_equal(resets, sent - VSOCK_CONNS_MAX);
	assert_int_equal(vguest_unsent(&t.g), 0);
	assert_false(vsock->tx_rests);
	/* And back to nothing. */
	for (unsigned i = 0; i < VSOCK_CONNS_MAX; i++)
		send_op(i, PORT, VSOCK_OP_RST);
	assert_int_equal(vsock->conn_count, 0);
	assert_int_equal(t.closed, VSOCK_CONNS_MAX);
}

/* VQ-48: connections that the guest opens and resets leave nothing behind, buffers or not. */
static void test_reset_storm(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 30000; i++) {
		send_op(i, PORT, VSOCK_OP_REQUEST);
		send_op(i, PORT, VSOCK_OP_RST);
		send_op(i, NO_PORT, VSOCK_OP_RST);
	}
	assert_int_equal(vguest_unsent(&t.g), 0);
	assert_int_equal(t.accepted, 30000);
	assert_int_equal(t.closed, 30000);
	assert_int_equal(t.g.vsock->conn_count, 0);
	assert_int_equal(t.g.vsock->reset_count, 0);
}

/* VQ-48: resets that we owe and cannot send are bounded, and all come in the end. */
static void test_refused_storm(void **state)
{
	unsigned sent = 0, resets = 0;

	(void)state;
	for (; vguest_unsent(&t.g) < 32 && sent < 100000; sent++)
		send_op(sent, NO_PORT, VSOCK_OP_REQUEST);
	assert_int_equal(sent, VSOCK_CONNS_MAX + VSOCK_RESETS_MAX + 32);
	assert_int_equal(t.g.vsock->conn_count, VSOCK_CONNS_MAX);
	for (unsigned i = 0; i < sent / 32 + 1; i++) {
		struct vsock_header header;

		vguest_post(&t.g, 32);
		while (vguest_receive(&t.g, &header))
			resets += le16_get(header.op) == VSOCK_OP_RST;
	}
	assert_int_equal(resets, sent);
	assert_int_equal(t.g.vsock->conn_count, 0);
	assert_int_equal(t.accepted, 0);
}

static void test_device_reset(void **state)
{
	(void)state;
	connect_guest();
	host_send("x", 1);
	driver_write(&t.g.d, 0x070, 0);
	assert_int_equal(t.closed, 1);
	assert_int_equal(t.g.vsock->conn_count, 0);
	driver_start(&t.g.d, ~(uint64_t)0);
	t.g.rx_gpa = driver_alloc(&t.g.d, (uint64_t)VSOCK_RX_SIZE * VGUEST_RX_BYTES, 16);
	t.g.tx_gpa = driver_alloc(&t.g.d, 65536, 16);
	connect_guest();
	assert_int_equal(t.accepted, 2);
}

static void test_transport_reset(void **state)
{
	struct driver_used used;
	struct driver_buf buf = { .len = sizeof(struct vsock_event), .writable = true };
	le64 cid;

	(void)state;
	connect_guest();
	virtio_device_lock(&t.g.vsock->device);
	vsock_transport_reset(t.g.vsock, 7);
	virtio_device_unlock(&t.g.vsock->device);
	assert_int_equal(t.closed, 1);
	virtio_mmio_read(&t.g.d.slot, 0x100, &cid, sizeof(cid));
	assert_int_equal(le64_get(cid), 7);
	/* The event waits for its buffer, and comes once. */
	driver_add(&t.g.d, VSOCK_QUEUE_EVENT, &buf, 1, 0);
	driver_kick_if_wanted(&t.g.d, VSOCK_QUEUE_EVENT);
	assert_true(driver_collect(&t.g.d, VSOCK_QUEUE_EVENT, &used));
	assert_int_equal(used.len, sizeof(struct vsock_event));
	driver_add(&t.g.d, VSOCK_QUEUE_EVENT, &buf, 1, 0);
	driver_kick(&t.g.d, VSOCK_QUEUE_EVENT);
	assert_false(driver_collect(&t.g.d, VSOCK_QUEUE_EVENT, &used));
}

static void test_buffers_too_small(void **state)
{
	struct driver_buf small = { .len = sizeof(struct vsock_header), .writable = true };

	(void)state;
	/* A packet that is cut off is nothing. */
	driver_add(&t.g.d, VSOCK_QUEUE_TX, &(struct driver_buf){ .len = 43 }, 1, 0);
	driver_kick(&t.g.d, VSOCK_QUEUE_TX);
	assert_int_equal(vguest_unsent(&t.g), 0);
	assert_int_equal(t.g.vsock->device.breaks, 0);
	/* A receive buffer that can hold no data breaks the device. */
	driver_add(&t.g.d, VSOCK_QUEUE_RX, &small, 1, 0);
	send_op(GUEST_PORT, PORT, VSOCK_OP_REQUEST);
	assert_int_equal(t.g.vsock->device.breaks, 1);
	assert_int_equal(host_send("x", 1), 0);
}

static void test_event_buffer_too_small(void **state)
{
	struct driver_buf small = { .len = 3, .writable = true };

	(void)state;
	driver_add(&t.g.d, VSOCK_QUEUE_EVENT, &small, 1, 0);
	virtio_device_lock(&t.g.vsock->device);
	vsock_transport_reset(t.g.vsock, 3);
	virtio_device_unlock(&t.g.vsock->device);
	assert_int_equal(t.g.vsock->device.breaks, 1);
}

/* Ports that fall into one bucket are still told apart, in whatever order they go. */
static void test_hash_chains(void **state)
{
	(void)state;
	vguest_post(&t.g, VSOCK_RX_SIZE);
	for (uint32_t i = 0; i < VSOCK_RX_SIZE; i++)
		send_op(i << 22, PORT, VSOCK_OP_REQUEST);
	assert_int_equal(t.accepted, VSOCK_RX_SIZE);
	for (uint32_t i = 0; i < VSOCK_RX_SIZE; i += 2)
		send_op(i << 22, PORT, VSOCK_OP_RST);
	assert_int_equal(t.closed, VSOCK_RX_SIZE / 2);
	virtio_device_lock(&t.g.vsock->device);
	for (uint32_t i = 0; i < VSOCK_RX_SIZE; i++)
		assert_int_equal(!!vsock_conn_find(t.g.vsock, i << 22, PORT), i & 1);
	virtio_device_unlock(&t.g.vsock->device);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_config),
		TEST(test_connect),
		TEST(test_wrong_addresses),
		TEST(test_unknown_op_ends_connection),
		TEST(test_data_and_credit),
		TEST(test_payload_in_pieces),
		TEST(test_batch_is_one_interrupt),
		TEST(test_send_within_credit),
		TEST(test_lies_about_credit),
		TEST(test_send_waits_for_buffers),
		TEST(test_no_spin_without_buffers),
		TEST(test_response_comes_first),
		TEST(test_shutdown),
		TEST(test_data_after_shutdown),
		TEST(test_reset_from_callbacks),
		TEST(test_host_connects),
		TEST(test_host_does_not_connect),
		TEST(test_accepted_later),
		TEST(test_half_open_storm),
		TEST(test_reset_storm),
		TEST(test_refused_storm),
		TEST(test_device_reset),
		TEST(test_transport_reset),
		TEST(test_buffers_too_small),
		TEST(test_event_buffer_too_small),
		TEST(test_hash_chains),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
