/*
 * The virtio socket device: its queues, and what each packet of the guest leads to (virtio 1.2,
 * section 5.10.6).
 *
 * A packet's header is copied out of guest memory once, and only the copy is looked at; its payload
 * is handed on where it lies. The length in the header is believed only as far as the buffers of
 * the chain go.
 */
#include "virtio/vsock.h"

#include <assert.h>

#include "virtio/vsock_conn.h"

/* A packet that came in. */
struct packet {
	struct vsock_header header;
	const struct virtq_chain *chain;
	uint32_t guest_port;
	uint32_t host_port;
	uint32_t len; /* as the header says; not checked against the chain */
};

ssize_t vsock_rx_put(struct vsock *vsock, struct vsock_header *header, const void *payload,
		     size_t len)
{
	struct virtio_device *dev = &vsock->device;
	struct virtq_chain chain;
	uint64_t room;

	vsock->rx_dry =
	    !virtio_device_running(dev) || virtq_pop(&dev->queues[VSOCK_QUEUE_RX], &chain) != 1;
	if (vsock->rx_dry)
		return -1;
	if (chain.readable_bytes || chain.writable_bytes <= sizeof(*header)) {
		virtio_device_break(dev, "a receive buffer that holds no packet");
		return -1;
	}
	room = chain.writable_bytes - sizeof(*header);
	if (len > room)
		len = (size_t)room;
	header->len = le32_make((uint32_t)len);
	virtq_chain_write(&chain, 0, header, sizeof(*header));
	if (len)
		virtq_chain_write(&chain, sizeof(*header), payload, len);
	virtq_push(&dev->queues[VSOCK_QUEUE_RX], chain.head, (uint32_t)(sizeof(*header) + len));
	vsock->rx_pushed = true;
	return (ssize_t)len;
}

/* Sends resets that belong to no connection. Returns false if the receive buffers ran out. */
static bool flush_resets(struct vsock *vsock)
{
	while (vsock->reset_count) {
		if (vsock_rx_put(vsock, &vsock->resets[vsock->reset_first], NULL, 0) < 0)
			return false;
		vsock->reset_first = (vsock->reset_first + 1) % VSOCK_RESETS_MAX;
		vsock->reset_count--;
	}
	return true;
}

void vsock_enter(struct vsock *vsock)
{
	vsock->nesting++;
}

void vsock_leave(struct vsock *vsock, bool by_guest)
{
	assert(vsock->nesting);
	if (vsock->nesting == 1 && flush_resets(vsock)) {
		vsock_conn_flush(vsock, by_guest);
		if (by_guest && vsock->wait_count && !vsock->rx_dry)
			virtio_device_requeue(&vsock->device, VSOCK_QUEUE_RX);
	}
	if (--vsock->nesting == 0 && vsock->rx_pushed) {
		vsock->rx_pushed = false;
		virtio_device_signal_used(&vsock->device, VSOCK_QUEUE_RX);
	}
}

/* Answers a packet for which there is no connection; the ring has room (process_tx()). */
static void reset_stray(struct vsock *vsock, const struct packet *packet)
{
	unsigned at = (vsock->reset_first + vsock->reset_count) % VSOCK_RESETS_MAX;

	vsock->packets_bad++;
	if (le16_get(packet->header.op) == VSOCK_OP_RST)
		return;
	assert(vsock->reset_count < VSOCK_RESETS_MAX);
	vsock->reset_count++;
	vsock->resets[at] = (struct vsock_header){
		.src_cid = packet->header.dst_cid,
		.dst_cid = le64_make(vsock->guest_cid),
		.src_port = packet->header.dst_port,
		.dst_port = packet->header.src_port,
		.type = packet->header.type,
		.op = le16_make(VSOCK_OP_RST),
	};
}

static void on_request(struct vsock *vsock, const struct packet *packet)
{
	struct vsock_accept accept = { 0 };
	struct vsock_conn *conn = vsock_conn_new(vsock, packet->guest_port, packet->host_port);

	if (!conn) {
		vsock->conns_refused++;
		reset_stray(vsock, packet);
		return;
	}
	vsock_conn_peer_credit(conn, le32_get(packet->header.buf_alloc),
			       le32_get(packet->header.fwd_cnt));
	/* Set before anybody can send: nothing overtakes the RESPONSE. */
	vsock_conn_reply(conn, PENDING_RESPONSE);
	if (vsock->accept(vsock->accept_ctx, packet->host_port, conn, &accept)) {
		assert(accept.ops && accept.ops->data);
		conn->ops = accept.ops;
		conn->ctx = accept.ctx;
		conn->buf_alloc = accept.buf_alloc;
		if (accept.later) {
			conn->opening = CONN_ANSWERS;
			conn->pending &= (uint8_t)~PENDING_RESPONSE;
		}
		return;
	}
	vsock->conns_refused++;
	if (conn->state == CONN_OPEN)
		vsock_conn_close(conn, true, false);
}

static void on_data(struct vsock *vsock, struct vsock_conn *conn, const struct packet *packet)
{
	struct iovec iov[VIRTQ_SIZE_MAX];
	uint64_t there = packet->chain->readable_bytes - sizeof(packet->header);
	uint32_t len = packet->len;
	unsigned count;

	if (!len)
		return;
	if (len > there || (conn->peer_shutdown & VSOCK_SHUTDOWN_SEND) ||
	    len > conn->buf_alloc - (conn->received - conn->consumed)) {
		vsock->packets_bad++;
		vsock_conn_close(conn, true, true);
		return;
	}
	conn->received += len;
	if (conn->own_shutdown & VSOCK_SHUTDOWN_RECEIVE) {
		/* It was under way when we shut down. */
		vsock_conn_consumed(conn, len);
		return;
	}
	count = virtq_chain_readable_slice(packet->chain, sizeof(packet->header), len, iov);
	conn->ops->data(conn->ctx, conn, iov, count, len);
}

static void on_shutdown(struct vsock_conn *conn, const struct packet *packet)
{
	unsigned directions = le32_get(packet->header.flags) & VSOCK_SHUTDOWN_BOTH;
	unsigned news = directions & ~(unsigned)conn->peer_shutdown;

	if (!news)
		return;
	conn->peer_shutdown |= (uint8_t)news;
	if (news & VSOCK_SHUTDOWN_RECEIVE)
		conn->wants_send = false;
	if (conn->ops->shutdown)
		conn->ops->shutdown(conn->ctx, conn, news);
	/* 5.10.6.5: no more data either way, so the reset that the guest waits for. */
	if (conn->state == CONN_OPEN && conn->peer_shutdown == VSOCK_SHUTDOWN_BOTH)
		vsock_conn_close(conn, true, true);
}

/* Before the connection stands, nothing but a RESPONSE to our REQUEST or a reset may come. */
static void on_answer(struct vsock *vsock, struct vsock_conn *conn, const struct packet *packet)
{
	if (le16_get(packet->header.op) != VSOCK_OP_RESPONSE || conn->opening != CONN_ASKED ||
	    (conn->pending & PENDING_REQUEST)) {
		vsock->packets_bad++;
		vsock_conn_close(conn, true, true);
		return;
	}
	conn->opening = CONN_STANDS;
	/* Who could not send before can now. */
	vsock_conn_peer_credit(conn, le32_get(packet->header.buf_alloc),
			       le32_get(packet->header.fwd_cnt));
	if (conn->ops->connected)
		conn->ops->connected(conn->ctx, conn);
}

static void on_packet(struct vsock *vsock, const struct packet *packet)
{
	struct vsock_conn *conn;

	if (le64_get(packet->header.src_cid) != vsock->guest_cid ||
	    le64_get(packet->header.dst_cid) != VSOCK_CID_HOST ||
	    le16_get(packet->header.type) != VSOCK_TYPE_STREAM) {
		reset_stray(vsock, packet);
		return;
	}
	conn = vsock_conn_find(vsock, packet->guest_port, packet->host_port);
	if (!conn) {
		if (le16_get(packet->header.op) == VSOCK_OP_REQUEST)
			on_request(vsock, packet);
		else
			reset_stray(vsock, packet);
		return;
	}
	vsock_conn_peer_credit(conn, le32_get(packet->header.buf_alloc),
			       le32_get(packet->header.fwd_cnt));
	if (conn->opening != CONN_STANDS && le16_get(packet->header.op) != VSOCK_OP_RST) {
		on_answer(vsock, conn, packet);
		return;
	}
	switch (le16_get(packet->header.op)) {
	case VSOCK_OP_RW:
		on_data(vsock, conn, packet);
		break;
	case VSOCK_OP_CREDIT_UPDATE:
		break;
	case VSOCK_OP_CREDIT_REQUEST:
		vsock_conn_reply(conn, PENDING_CREDIT_UPDATE);
		break;
	case VSOCK_OP_SHUTDOWN:
		on_shutdown(conn, packet);
		break;
	case VSOCK_OP_RST:
		vsock_conn_close(conn, false, true);
		break;
	default: /* a RESPONSE or a second REQUEST, too */
		vsock->packets_bad++;
		vsock_conn_close(conn, true, true);
		break;
	}
}

static void process_tx(struct vsock *vsock)
{
	struct virtio_device *dev = &vsock->device;
	struct virtqueue *q = &dev->queues[VSOCK_QUEUE_TX];
	struct virtq_chain chain;
	unsigned budget = VSOCK_TX_SIZE;

	vsock->tx_rests = false;
	while (budget && virtio_device_running(dev)) {
		struct packet packet = { .chain = &chain };

		if (vsock->reset_count == VSOCK_RESETS_MAX && !flush_resets(vsock)) {
			vsock->tx_rests = true;
			break;
		}
		if (virtq_pop(q, &chain) != 1)
			break;
		budget--;
		if (virtq_chain_read(&chain, 0, &packet.header, sizeof(packet.header)) ==
		    sizeof(packet.header)) {
			packet.guest_port = le32_get(packet.header.src_port);
			packet.host_port = le32_get(packet.header.dst_port);
			packet.len = le32_get(packet.header.len);
			on_packet(vsock, &packet);
		} else {
			vsock->packets_bad++;
		}
		if (virtio_device_running(dev))
			virtq_push(q, chain.head, 0);
	}
	virtio_device_signal_used(dev, VSOCK_QUEUE_TX);
	if (!budget)
		virtio_device_requeue(dev, VSOCK_QUEUE_TX);
}

static void process_events(struct vsock *vsock)
{
	struct virtio_device *dev = &vsock->device;
	struct virtqueue *q = &dev->queues[VSOCK_QUEUE_EVENT];
	struct vsock_event event = { .id = le32_make(VSOCK_EVENT_TRANSPORT_RESET) };
	struct virtq_chain chain;

	if (!vsock->transport_reset || !virtio_device_running(dev) || virtq_pop(q, &chain) != 1)
		return;
	if (virtq_chain_write(&chain, 0, &event, sizeof(event)) != sizeof(event)) {
		virtio_device_break(dev, "an event buffer that holds no event");
		return;
	}
	vsock->transport_reset = false;
	virtq_push(q, chain.head, sizeof(event));
	virtio_device_signal_used(dev, VSOCK_QUEUE_EVENT);
}

static void vsock_notify(struct virtio_device *dev, unsigned queue)
{
	struct vsock *vsock = container_of(dev, struct vsock, device);

	if (queue == VSOCK_QUEUE_EVENT) {
		process_events(vsock);
		return;
	}
	vsock_enter(vsock);
	if (queue == VSOCK_QUEUE_TX)
		process_tx(vsock);
	else
		vsock->rx_dry = false;
	vsock_leave(vsock, true);
	if (queue == VSOCK_QUEUE_RX && vsock->tx_rests && vsock->reset_count < VSOCK_RESETS_MAX)
		virtio_device_requeue(dev, VSOCK_QUEUE_TX);
}

/* Forgets all connections and everything that waits for buffers. */
static void forget(struct vsock *vsock)
{
	vsock_enter(vsock);
	vsock_conn_close_all(vsock);
	vsock->reset_first = vsock->reset_count = 0;
	vsock_leave(vsock, false);
}

static void vsock_reset(struct virtio_device *dev)
{
	struct vsock *vsock = container_of(dev, struct vsock, device);

	forget(vsock);
	vsock->tx_rests = false;
	vsock->transport_reset = false;
}

void vsock_init(struct vsock *vsock, const struct gmem *gmem, uint64_t guest_cid,
		vsock_accept_fn *accept, void *accept_ctx)
{
	static const struct virtio_device_ops ops = {
		.notify = vsock_notify,
		.reset = vsock_reset,
	};
	static const uint16_t sizes[VSOCK_QUEUES] = {
		[VSOCK_QUEUE_RX] = VSOCK_RX_SIZE,
		[VSOCK_QUEUE_TX] = VSOCK_TX_SIZE,
		[VSOCK_QUEUE_EVENT] = VSOCK_EVENT_SIZE,
	};

	assert(guest_cid > VSOCK_CID_HOST && accept);
	vsock->guest_cid = guest_cid;
	vsock->config.guest_cid = le64_make(guest_cid);
	vsock->accept = accept;
	vsock->accept_ctx = accept_ctx;
	virtio_device_init(&vsock->device, &(struct virtio_device_params){
					       .ops = &ops,
					       .gmem = gmem,
					       .device_id = VIRTIO_ID_VSOCK,
					       .features = VIRTIO_FEATURE(VIRTIO_VSOCK_F_STREAM),
					       .queue_count = VSOCK_QUEUES,
					       .queue_sizes = sizes,
					       .config = &vsock->config,
					       .config_len = sizeof(vsock->config),
					   });
}

void vsock_fini(struct vsock *vsock)
{
	virtio_device_fini(&vsock->device);
}

void vsock_transport_reset(struct vsock *vsock, uint64_t guest_cid)
{
	forget(vsock);
	vsock->guest_cid = guest_cid;
	vsock->config.guest_cid = le64_make(guest_cid);
	vsock->transport_reset = true;
	process_events(vsock);
}
