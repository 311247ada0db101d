/*
 * Any driver against the socket device, with users of its connections that send, consume, shut down
 * and reset at odd moments, also from within a callback.
 *
 * A model of each connection holds the device to its promises: a callback comes for a live
 * connection only, data never exceeds the credit that was given and not returned, nothing comes
 * after the guest's own shutdown, and each connection ends once.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/driver/script.h"
#include "virtio/vsock.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { USERS = 8, PORT_FIRST = 16, PORT_LAST = 19, FLOOD_CALLS_MAX = 100000 };

/* What a user does by itself, from within callbacks. */
enum {
	HABIT_CONSUME = 1,
	HABIT_ANSWER = 2, /* sends what came in back */
	HABIT_FLOOD = 4,  /* can_send() sends a lot */
	HABIT_RESET = 8,
	HABIT_SHUTDOWN = 16,
	HABIT_REFUSE = 32,
	HABIT_RESET_IN_ACCEPT = 64,
	HABIT_LATER = 128,
};

struct user {
	struct vsock_conn *conn; /* NULL: free */
	uint32_t buf_alloc;
	uint32_t held;	 /* bytes that came and were not consumed */
	bool connecting; /* to the guest, which has not answered */
	bool answers;	 /* later */
	unsigned guest_shutdown;
};

struct host {
	struct driver *d;
	struct vsock *vsock;
	struct user users[USERS];
	unsigned habits;
	unsigned flood_calls;
	uint8_t bytes[VSOCK_PAYLOAD_MAX];
};

static void require(bool good, const char *what)
{
	if (good)
		return;
	(void)fprintf(stderr, "vsock: %s\n", what);
	abort();
}

static struct host host;

static struct user *user_of(void *ctx, const struct vsock_conn *conn)
{
	struct user *user = ctx;

	require(user->conn && user->conn == conn, "a callback for a connection that is over");
	return user;
}

static void user_send(struct user *user, size_t len)
{
	require(vsock_conn_send(user->conn, host.bytes, len) <= len, "sent more than was given");
}

static void user_reset(struct user *user)
{
	struct vsock_conn *conn = user->conn;

	user->conn = NULL;
	vsock_conn_reset(conn);
}

static void on_connected(void *ctx, struct vsock_conn *conn)
{
	struct user *user = user_of(ctx, conn);

	require(user->connecting, "connected without a request, or twice");
	user->connecting = false;
	if (host.habits & HABIT_ANSWER)
		user_send(user, 100);
	if (host.habits & HABIT_RESET_IN_ACCEPT)
		user_reset(user);
}

static void on_data(void *ctx, struct vsock_conn *conn, const struct iovec *iov, unsigned count,
		    size_t len)
{
	struct user *user = user_of(ctx, conn);
	size_t sum = 0;

	require(!user->connecting && !user->answers, "data before the connection stands");
	require(len && len <= user->buf_alloc - user->held, "more data than credit");
	require(!(user->guest_shutdown & VSOCK_SHUTDOWN_SEND), "data after a shutdown");
	for (unsigned i = 0; i < count; i++) {
		require(iov[i].iov_len <= sizeof(host.bytes), "a piece that is too large");
		memcpy(host.bytes, iov[i].iov_base, iov[i].iov_len);
		sum += iov[i].iov_len;
	}
	require(sum == len, "pieces that do not add up");
	user->held += (uint32_t)len;
	if (host.habits & HABIT_ANSWER)
		user_send(user, len);
	if (host.habits & HABIT_CONSUME) {
		user->held = 0;
		vsock_conn_consumed(conn, conn->received - conn->consumed);
	}
	if (host.habits & HABIT_SHUTDOWN)
		vsock_conn_shutdown(conn, VSOCK_SHUTDOWN_SEND);
	if (host.habits & HABIT_RESET)
		user_reset(user);
}

static void on_can_send(void *ctx, struct vsock_conn *conn)
{
	struct user *user = user_of(ctx, conn);

	/* However often it is asked to: no kick may lead to a turn without a buffer for ever. */
	require(++host.flood_calls < FLOOD_CALLS_MAX, "can_send() goes on and on");
	if (host.habits & HABIT_RESET)
		user_reset(user);
	else
		user_send(user, host.habits & HABIT_FLOOD ? sizeof(host.bytes) : 10);
}

static void on_shutdown(void *ctx, struct vsock_conn *conn, unsigned directions)
{
	struct user *user = user_of(ctx, conn);

	require(directions && !(directions & user->guest_shutdown), "a shutdown that is no news");
	user->guest_shutdown |= directions;
	if (host.habits & HABIT_RESET)
		user_reset(user);
}

static void on_closed(void *ctx, struct vsock_conn *conn)
{
	user_of(ctx, conn)->conn = NULL;
}

static const struct vsock_conn_ops user_ops = {
	.connected = on_connected,
	.data = on_data,
	.can_send = on_can_send,
	.shutdown = on_shutdown,
	.closed = on_closed,
};

static bool on_accept(void *ctx, uint32_t port, struct vsock_conn *conn,
		      struct vsock_accept *accept)
{
	(void)ctx;
	if (port < PORT_FIRST || port > PORT_LAST || (host.habits & HABIT_REFUSE))
		return false;
	for (unsigned i = 0; i < USERS; i++) {
		struct user *user = &host.users[i];

		if (user->conn)
			continue;
		*user = (struct user){ .conn = conn, .buf_alloc = i * 1000 };
		*accept = (struct vsock_accept){ .ops = &user_ops,
						 .ctx = user,
						 .buf_alloc = user->buf_alloc,
						 .later = host.habits & HABIT_LATER };
		user->answers = accept->later;
		if (host.habits & HABIT_ANSWER)
			user_send(user, 100);
		if (host.habits & HABIT_RESET_IN_ACCEPT)
			user_reset(user);
		return true;
	}
	return false;
}

/* A packet that is good but for what the input says. */
static void op_packet(struct cursor *in)
{
	uint8_t oddity = cursor_u8(in);
	uint8_t ports = cursor_u8(in);
	struct vsock_header header = {
		.src_cid = le64_make(oddity == 1 ? 2 : VSOCK_CID_GUEST),
		.dst_cid = le64_make(oddity == 2 ? 3 : VSOCK_CID_HOST),
		.src_port = le32_make(ports >> 4),
		.dst_port = le32_make(PORT_FIRST + (ports & 7)),
		.type = le16_make(oddity == 3 ? 2 : VSOCK_TYPE_STREAM),
		.op = le16_make(cursor_u8(in) % 10),
		.flags = le32_make(cursor_u8(in)),
		.buf_alloc = le32_make(cursor_le16(in)),
		.fwd_cnt = le32_make(oddity == 4 ? cursor_le32(in) : cursor_le16(in)),
	};
	uint32_t len = cursor_le16(in) % 5000;
	struct driver_buf bufs[2] = { { .data = &header, .len = sizeof(header) },
				      { .data = host.bytes, .len = len } };
	const struct driver_queue *q = &host.d->queues[VSOCK_QUEUE_TX];

	header.len = le32_make(oddity == 5 ? len + 1 : len);
	if (q->size < 2 || host.d->next_gpa + 8192 > DRIVER_RAM_GPA + host.d->ram_len)
		return;
	driver_add(host.d, VSOCK_QUEUE_TX, bufs, len ? 2 : 1, 0);
	if (oddity < 0x80)
		driver_kick(host.d, VSOCK_QUEUE_TX);
}

static void op_post(struct cursor *in)
{
	uint8_t count = cursor_u8(in) % 16;
	struct driver_buf buf = { .len = cursor_le16(in) % 4097, .writable = true };

	for (unsigned i = 0; i < count; i++) {
		if (!host.d->queues[VSOCK_QUEUE_RX].size ||
		    host.d->next_gpa + 8192 > DRIVER_RAM_GPA + host.d->ram_len)
			return;
		buf.gpa = 0;
		driver_add(host.d, VSOCK_QUEUE_RX, &buf, 1, 0);
	}
	if (count)
		driver_kick_if_wanted(host.d, VSOCK_QUEUE_RX);
}

/* The host connects, to ports that the guest may have used for connections of its own. */
static void user_connect(uint32_t n)
{
	for (unsigned i = 0; i < USERS; i++) {
		struct user *user = &host.users[i];
		const struct vsock_accept as = { .ops = &user_ops,
						 .ctx = user,
						 .buf_alloc = i * 1000 };

		if (user->conn)
			continue;
		*user = (struct user){ .buf_alloc = i * 1000, .connecting = true };
		user->conn = vsock_connect(host.vsock, n & 15, PORT_FIRST + (n >> 4 & 7), &as);
		if (user->conn && (n & 0x8000))
			user_send(user, 100);
		return;
	}
}

static void own_op(void *ctx, unsigned op, struct cursor *in)
{
	struct user *user;
	uint32_t n;

	(void)ctx;
	host.flood_calls = 0;
	if (op <= 5) {
		op_packet(in);
		return;
	}
	if (op <= 7) {
		op_post(in);
		return;
	}
	user = &host.users[cursor_u8(in) % USERS];
	n = cursor_le16(in);
	virtio_device_lock(&host.vsock->device);
	switch (user->conn || op > 11 ? op : 0) {
	case 8:
		user_send(user, n);
		break;
	case 9:
		n = user->held ? n % (user->held + 1) : 0;
		user->held -= n;
		vsock_conn_consumed(user->conn, n);
		break;
	case 10:
		vsock_conn_shutdown(user->conn, n & VSOCK_SHUTDOWN_BOTH);
		break;
	case 11:
		user_reset(user);
		break;
	case 13:
		user_connect(n);
		break;
	case 14:
		if (!user->conn || !user->answers)
			break;
		user->answers = false;
		vsock_conn_accept(user->conn);
		break;
	case 12:
		vsock_transport_reset(host.vsock, VSOCK_CID_GUEST);
		break;
	default:
		host.habits = n;
		break;
	}
	virtio_device_unlock(&host.vsock->device);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct driver d;

	memset(&host, 0, sizeof(host));
	host.d = &d;
	host.vsock = calloc(1, sizeof(*host.vsock));
	require(host.vsock, "no memory");
	driver_init(&d, 256 * KIB);
	vsock_init(host.vsock, &d.gmem, VSOCK_CID_GUEST, on_accept, NULL);
	driver_attach(&d, &host.vsock->device);
	script_run(&d, data, size, own_op, NULL);

	driver_write(&d, 0x070, 0);
	for (unsigned i = 0; i < USERS; i++)
		require(!host.users[i].conn, "a connection that never ends");
	require(!host.vsock->conn_count && !host.vsock->wait_count, "a table that is not empty");
	vsock_fini(host.vsock);
	driver_fini(&d);
	free(host.vsock);
	return 0;
}
