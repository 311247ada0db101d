/*
 * Connections of the virtio socket device: the table, credit both ways (virtio 1.2, 5.10.6.3), and
 * replies that wait for receive buffers.
 *
 * Byte counts are 32 bits and wrap, as on the wire; only differences are compared. Ours (received,
 * consumed, sent) are trusted. The guest's: buf_alloc may be anything and is only ever compared;
 * fwd_cnt is taken over only where it moves forward and not past what we have sent, since it is
 * allowed to arrive out of order.
 */
#include "virtio/vsock_conn.h"

#include <assert.h>

static uint16_t *bucket(struct vsock *vsock, uint32_t guest_port, uint32_t host_port)
{
	uint32_t mixed = (guest_port ^ host_port * 0x85ebca6bU) * 0x9e3779b1U;

	static_assert(VSOCK_HASH_BUCKETS == 1024, "ten bits of hash");
	return &vsock->hash[mixed >> 22];
}

static uint16_t index_of(const struct vsock_conn *conn)
{
	return (uint16_t)(conn - conn->vsock->conns + 1);
}

struct vsock_conn *vsock_conn_find(struct vsock *vsock, uint32_t guest_port, uint32_t host_port)
{
	uint16_t i = *bucket(vsock, guest_port, host_port);

	while (i) {
		struct vsock_conn *conn = &vsock->conns[i - 1];

		if (conn->guest_port == guest_port && conn->host_port == host_port)
			return conn;
		i = conn->hash_next;
	}
	return NULL;
}

struct vsock_conn *vsock_conn_new(struct vsock *vsock, uint32_t guest_port, uint32_t host_port)
{
	uint16_t *head = bucket(vsock, guest_port, host_port);
	struct vsock_conn *conn;

	if (vsock->conn_free) {
		conn = &vsock->conns[vsock->conn_free - 1];
		vsock->conn_free = conn->hash_next;
	} else if (vsock->conn_top < VSOCK_CONNS_MAX) {
		conn = &vsock->conns[vsock->conn_top++];
	} else {
		return NULL;
	}
	vsock->conn_count++;
	*conn = (struct vsock_conn){
		.vsock = vsock,
		.guest_port = guest_port,
		.host_port = host_port,
		.state = CONN_OPEN,
		.hash_next = *head,
	};
	*head = index_of(conn);
	return conn;
}

static void conn_free(struct vsock_conn *conn)
{
	struct vsock *vsock = conn->vsock;

	conn->state = CONN_FREE;
	conn->hash_next = vsock->conn_free;
	vsock->conn_free = index_of(conn);
	vsock->conn_count--;
}

static void unhash(struct vsock_conn *conn)
{
	struct vsock *vsock = conn->vsock;
	uint16_t *link = bucket(vsock, conn->guest_port, conn->host_port);

	while (*link != index_of(conn))
		link = &vsock->conns[*link - 1].hash_next;
	*link = conn->hash_next;
}

static void wait_append(struct vsock_conn *conn)
{
	struct vsock *vsock = conn->vsock;

	if (conn->queued)
		return;
	conn->queued = true;
	conn->wait_next = 0;
	if (vsock->wait_last)
		vsock->conns[vsock->wait_last - 1].wait_next = index_of(conn);
	else
		vsock->wait_first = index_of(conn);
	vsock->wait_last = index_of(conn);
	vsock->wait_count++;
}

static struct vsock_conn *wait_take(struct vsock *vsock)
{
	struct vsock_conn *conn = &vsock->conns[vsock->wait_first - 1];

	vsock->wait_first = conn->wait_next;
	if (!vsock->wait_first)
		vsock->wait_last = 0;
	vsock->wait_count--;
	conn->queued = false;
	return conn;
}

static void wait_return(struct vsock_conn *conn)
{
	struct vsock *vsock = conn->vsock;

	conn->queued = true;
	conn->wait_next = vsock->wait_first;
	vsock->wait_first = index_of(conn);
	if (!vsock->wait_last)
		vsock->wait_last = vsock->wait_first;
	vsock->wait_count++;
}

void vsock_conn_close(struct vsock_conn *conn, bool reset, bool call_back)
{
	assert(conn->state == CONN_OPEN);
	unhash(conn);
	conn->state = CONN_DEAD;
	/* Of what it was never asked for the guest need not be told the end. */
	reset = reset && !(conn->pending & PENDING_REQUEST);
	conn->pending = 0;
	if (reset)
		vsock_conn_reply(conn, PENDING_RESET);
	if (call_back && conn->ops && conn->ops->closed)
		conn->ops->closed(conn->ctx, conn);
	if (!conn->queued)
		conn_free(conn);
}

void vsock_conn_close_all(struct vsock *vsock)
{
	for (unsigned i = 0; i < vsock->conn_top; i++) {
		if (vsock->conns[i].state == CONN_OPEN)
			vsock_conn_close(&vsock->conns[i], false, true);
	}
	for (unsigned i = 0; i < vsock->conn_top; i++)
		vsock->conns[i] = (struct vsock_conn){ .state = CONN_FREE };
	for (unsigned i = 0; i < VSOCK_HASH_BUCKETS; i++)
		vsock->hash[i] = 0;
	vsock->conn_top = vsock->conn_free = 0;
	vsock->conn_count = 0;
	vsock->wait_first = vsock->wait_last = 0;
	vsock->wait_count = 0;
}

void vsock_conn_reply(struct vsock_conn *conn, unsigned pending)
{
	conn->pending |= (uint8_t)pending;
	wait_append(conn);
}

/* How many bytes the guest still has room for. */
static uint32_t credit(const struct vsock_conn *conn)
{
	uint32_t in_flight = conn->sent - conn->peer_consumed;

	return in_flight < conn->peer_buf_alloc ? conn->peer_buf_alloc - in_flight : 0;
}

void vsock_conn_peer_credit(struct vsock_conn *conn, uint32_t buf_alloc, uint32_t fwd_cnt)
{
	conn->peer_buf_alloc = buf_alloc;
	if (fwd_cnt - conn->peer_consumed <= conn->sent - conn->peer_consumed)
		conn->peer_consumed = fwd_cnt;
	if (!credit(conn) || conn->opening != CONN_STANDS)
		return;
	conn->credit_asked = false;
	if (conn->wants_send)
		wait_append(conn);
}

/* One packet of a connection; returns as vsock_rx_put(). */
static ssize_t put(struct vsock_conn *conn, enum vsock_op op, uint32_t flags, const void *payload,
		   size_t len)
{
	struct vsock_header header = {
		.src_cid = le64_make(VSOCK_CID_HOST),
		.dst_cid = le64_make(conn->vsock->guest_cid),
		.src_port = le32_make(conn->host_port),
		.dst_port = le32_make(conn->guest_port),
		.type = le16_make(VSOCK_TYPE_STREAM),
		.op = le16_make((uint16_t)op),
		.flags = le32_make(flags),
		.buf_alloc = le32_make(conn->buf_alloc),
		.fwd_cnt = le32_make(conn->consumed),
	};
	ssize_t n = vsock_rx_put(conn->vsock, &header, payload, len);

	if (n >= 0)
		conn->consumed_sent = conn->consumed;
	return n;
}

/* Sends pending replies in order. Returns false if the receive buffers ran out. */
static bool send_pending(struct vsock_conn *conn)
{
	static const struct {
		uint8_t bit;
		enum vsock_op op;
	} replies[] = {
		{ PENDING_REQUEST, VSOCK_OP_REQUEST },
		{ PENDING_RESPONSE, VSOCK_OP_RESPONSE },
		{ PENDING_RESET, VSOCK_OP_RST },
		{ PENDING_CREDIT_UPDATE, VSOCK_OP_CREDIT_UPDATE },
		{ PENDING_CREDIT_REQUEST, VSOCK_OP_CREDIT_REQUEST },
		{ PENDING_SHUTDOWN, VSOCK_OP_SHUTDOWN },
	};

	for (size_t i = 0; i < ARRAY_SIZE(replies); i++) {
		bool shuts = replies[i].bit == PENDING_SHUTDOWN;

		if (!(conn->pending & replies[i].bit))
			continue;
		if (put(conn, replies[i].op, shuts ? conn->own_shutdown : 0, NULL, 0) < 0)
			return false;
		conn->pending &= (uint8_t)~replies[i].bit;
	}
	return true;
}

void vsock_conn_flush(struct vsock *vsock, bool by_guest)
{
	for (unsigned turns = vsock->wait_count; turns && vsock->wait_count; turns--) {
		struct vsock_conn *conn = wait_take(vsock);

		if (!send_pending(conn)) {
			wait_return(conn);
			return;
		}
		if (conn->state == CONN_DEAD) {
			conn_free(conn);
		} else if (conn->wants_send && credit(conn) && !by_guest) {
			wait_append(conn);
		} else if (conn->wants_send && credit(conn)) {
			conn->wants_send = false;
			if (conn->ops->can_send)
				conn->ops->can_send(conn->ctx, conn);
			if (vsock->rx_dry)
				return;
		}
	}
}

struct vsock_conn *vsock_connect(struct vsock *vsock, uint32_t guest_port, uint32_t host_port,
				 const struct vsock_accept *as)
{
	struct vsock_conn *conn;

	assert(as->ops && as->ops->data);
	if (vsock_conn_find(vsock, guest_port, host_port))
		return NULL;
	conn = vsock_conn_new(vsock, guest_port, host_port);
	if (!conn)
		return NULL;
	conn->ops = as->ops;
	conn->ctx = as->ctx;
	conn->buf_alloc = as->buf_alloc;
	conn->opening = CONN_ASKED;
	vsock_enter(vsock);
	vsock_conn_reply(conn, PENDING_REQUEST);
	vsock_leave(vsock, false);
	return conn;
}

void vsock_conn_accept(struct vsock_conn *conn)
{
	assert(conn->state == CONN_OPEN && conn->opening == CONN_ANSWERS);
	vsock_enter(conn->vsock);
	conn->opening = CONN_STANDS;
	vsock_conn_reply(conn, PENDING_RESPONSE);
	vsock_leave(conn->vsock, false);
}

size_t vsock_conn_send(struct vsock_conn *conn, const void *data, size_t len)
{
	struct vsock *vsock = conn->vsock;
	size_t done = 0;

	assert(conn->state == CONN_OPEN);
	conn->wants_send = false;
	if ((conn->own_shutdown & VSOCK_SHUTDOWN_SEND) ||
	    (conn->peer_shutdown & VSOCK_SHUTDOWN_RECEIVE))
		return 0;
	vsock_enter(vsock);
	while (done < len && conn->opening == CONN_STANDS) {
		size_t part = len - done;
		ssize_t n;

		if (!credit(conn)) {
			if (!conn->credit_asked)
				vsock_conn_reply(conn, PENDING_CREDIT_REQUEST);
			conn->credit_asked = true;
			break;
		}
		if (part > credit(conn))
			part = credit(conn);
		if (part > VSOCK_PAYLOAD_MAX)
			part = VSOCK_PAYLOAD_MAX;
		/* What waits goes first: data before the RESPONSE would be an offence. */
		n = conn->pending & PENDING_RESPONSE
			? -1
			: put(conn, VSOCK_OP_RW, 0, (const char *)data + done, part);
		if (n < 0) {
			wait_append(conn);
			break;
		}
		conn->sent += (uint32_t)n;
		done += (size_t)n;
	}
	conn->wants_send = done < len;
	vsock_leave(vsock, false);
	return done;
}

void vsock_conn_consumed(struct vsock_conn *conn, size_t len)
{
	assert(conn->state == CONN_OPEN);
	assert(len <= conn->received - conn->consumed);
	vsock_enter(conn->vsock);
	conn->consumed += (uint32_t)len;
	/* What the guest knows to be free is then still at least half, or there is more to come. */
	if (conn->consumed - conn->consumed_sent >= conn->buf_alloc / 2)
		vsock_conn_reply(conn, PENDING_CREDIT_UPDATE);
	vsock_leave(conn->vsock, false);
}

void vsock_conn_shutdown(struct vsock_conn *conn, unsigned directions)
{
	assert(conn->state == CONN_OPEN);
	assert(!(directions & ~(unsigned)VSOCK_SHUTDOWN_BOTH));
	if (!(directions & ~(unsigned)conn->own_shutdown))
		return;
	vsock_enter(conn->vsock);
	conn->own_shutdown |= (uint8_t)directions;
	vsock_conn_reply(conn, PENDING_SHUTDOWN);
	vsock_leave(conn->vsock, false);
}

void vsock_conn_reset(struct vsock_conn *conn)
{
	struct vsock *vsock = conn->vsock;

	vsock_enter(vsock);
	vsock_conn_close(conn, true, false);
	vsock_leave(vsock, false);
}
