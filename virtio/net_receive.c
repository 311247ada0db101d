/*
 * From the network to the guest. A frame is received into as many buffers of the guest as the last
 * one needed and, behind those, into our own; what ended up in ours is copied to further buffers.
 * The guest sees all buffers of a frame at once, or none.
 *
 * The peer's frames are opaque but for their length. The header comes from the back end, and is
 * checked against what the driver has agreed to, since frames may have waited from before it did.
 */
#include <assert.h>
#include <errno.h>
#include <linux/virtio_net.h>
#include <string.h>

#include "virtio/net_queues.h"
#include "vmm/base/bytes.h"

enum { HEADER_BYTES = sizeof(struct virtio_net_header) };

/* What became of one turn. */
enum turn {
	TURN_FRAME, /* taken from the back end: delivered, or dropped */
	TURN_EMPTY, /* the back end has no more */
	TURN_DRY,   /* the guest has no more buffers */
};

/* The chains that one frame fills; before it has come, those that it may fill. */
struct filled {
	unsigned count;
	size_t room; /* bytes of the frame that went, or may go, straight into them */
	struct virtq_used used[VIRTQ_SIZE_MAX]; /* written_bytes: what there is room for */
};

static bool header_fits_driver(const struct virtio_net *net, struct virtio_net_header *header,
			       size_t frame_bytes)
{
	const struct virtio_device *dev = &net->dev;
	bool checksum = virtio_device_has(dev, VIRTIO_NET_F_GUEST_CSUM);

	if (!checksum)
		header->flags &= (uint8_t)~VIRTIO_NET_HDR_F_DATA_VALID;
	if ((header->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM) && !checksum)
		return false;
	if (virtio_net_too_long(net, header->gso_type, frame_bytes))
		return false;
	switch (header->gso_type) {
	case VIRTIO_NET_HDR_GSO_NONE:
		return true;
	case VIRTIO_NET_HDR_GSO_TCPV4:
		return virtio_device_has(dev, VIRTIO_NET_F_GUEST_TSO4);
	case VIRTIO_NET_HDR_GSO_TCPV6:
		return virtio_device_has(dev, VIRTIO_NET_F_GUEST_TSO6);
	case NET_HDR_GSO_UDP_L4:
		return virtio_device_has(dev, NET_F_GUEST_USO4) ||
		       virtio_device_has(dev, NET_F_GUEST_USO6);
	default:
		return false;
	}
}

/* Takes the next chain that a frame may begin in. Returns false if there is none. */
static bool pop_buffer(struct virtio_net *net, struct virtqueue *q, struct virtq_chain *chain)
{
	if (virtq_pop(q, chain) <= 0)
		return false;
	if (chain->readable_count || chain->writable_bytes < HEADER_BYTES) {
		virtio_device_break(&net->dev, "receive buffer without room for a header");
		return false;
	}
	return true;
}

static void put_back(struct virtqueue *q, const struct filled *filled)
{
	for (unsigned i = filled->count; i-- > 0;)
		virtq_unpop(q, filled->used[i].head);
}

/*
 * Copies what is left of the frame, from offset on, to chains beyond the first. Returns false if
 * there are not enough of them.
 */
static bool fill_more(struct virtio_net *net, const uint8_t *frame, struct virtqueue *q,
		      struct filled *filled, size_t offset, size_t frame_bytes)
{
	struct virtq_chain chain;

	while (offset < frame_bytes) {
		size_t part;

		if (filled->count == ARRAY_SIZE(filled->used) || !pop_buffer(net, q, &chain))
			return false;
		part = virtq_chain_write(&chain, 0, frame + offset, frame_bytes - offset);
		filled->used[filled->count++] = (struct virtq_used){ chain.head, (uint32_t)part };
		offset += part;
	}
	return true;
}

/* The frame is whole in its chains: the header, and then all of them to the driver. */
static void finish(struct virtio_net *net, struct virtqueue *q, const struct virtq_chain *first,
		   const struct filled *filled, struct virtio_net_header *header)
{
	header->num_buffers = le16_make((uint16_t)filled->count);
	(void)virtq_chain_write(first, 0, header, sizeof(*header));
	virtq_push_many(q, filled->used, filled->count);
	net->received++;
}

/* Puts back what the first `direct` bytes of a frame do not reach, but for the first chain. */
static void trim(struct virtqueue *q, struct filled *filled, size_t direct)
{
	size_t left = HEADER_BYTES + direct;
	unsigned needed = 0;

	while (needed < filled->count && (left || !needed)) {
		struct virtq_used *used = &filled->used[needed++];

		if (used->written_bytes > left)
			used->written_bytes = (uint32_t)left;
		left -= used->written_bytes;
	}
	while (filled->count > needed)
		virtq_unpop(q, filled->used[--filled->count].head);
}

/*
 * The chains hold the first `direct` bytes of the frame, our own buffer the rest. Returns false,
 * with all chains put back, if more are needed than there are.
 */
static bool deliver(struct virtio_net *net, const uint8_t *frame, struct virtqueue *q,
		    const struct virtq_chain *first, struct filled *filled,
		    struct virtio_net_header *header, size_t direct, size_t frame_bytes)
{
	unsigned held;

	trim(q, filled, direct);
	if (direct < frame_bytes && !virtio_device_has(&net->dev, VIRTIO_NET_F_MRG_RXBUF)) {
		put_back(q, filled);
		net->dropped_in++;
		return true;
	}
	if (fill_more(net, frame, q, filled, direct, frame_bytes)) {
		finish(net, q, first, filled, header);
		return true;
	}
	held = filled->count;
	put_back(q, filled);
	if (q->broken || held < q->size)
		return false;
	/* It does not fit into all buffers that there can be: it never will. */
	net->dropped_in++;
	return true;
}

/* A frame that is wholly in our own buffer. */
static enum turn deliver_kept(struct virtio_net *net, struct virtio_net_pair *p,
			      struct virtqueue *q)
{
	struct filled filled = { .count = 1 };
	struct virtq_chain first;
	size_t direct;

	if (!pop_buffer(net, q, &first))
		return TURN_DRY;
	filled.used[0] = (struct virtq_used){ first.head, (uint32_t)first.writable_bytes };
	direct = virtq_chain_write(&first, HEADER_BYTES, p->frame, p->kept_bytes);
	if (!deliver(net, p->frame, q, &first, &filled, &p->kept_header, direct, p->kept_bytes))
		return TURN_DRY;
	p->kept_bytes = 0;
	return TURN_FRAME;
}

/* Keeps a frame whose first bytes are in the guest's buffer, at iov, until there are more. */
static void keep(struct virtio_net_pair *p, const struct iovec *iov, unsigned count, size_t direct,
		 const struct virtio_net_header *header, size_t frame_bytes)
{
	size_t at = 0;

	for (unsigned i = 0; i < count && at < direct; i++) {
		size_t part = iov[i].iov_len < direct - at ? iov[i].iov_len : direct - at;

		gmem_fetch(p->frame + at, iov[i].iov_base, part);
		at += part;
	}
	p->kept_header = *header;
	p->kept_bytes = frame_bytes;
}

/*
 * Nothing tells any more when there is room for the frames that wait, so they are dropped. A driver
 * that plays fair has one queue's worth, and the second turn, which finds none, asks it for kicks.
 */
static void go(struct virtio_net *net, unsigned pair)
{
	struct virtio_net_pair *p = &net->pairs[pair];

	p->gone = true;
	p->bulk = false;
	if (p->handed_over) {
		p->handed_over = false;
		if (virtio_net_transmit(net, pair, true) && virtio_net_transmit(net, pair, true))
			virtio_device_requeue(&net->dev, pair * VIRTIO_NET_PAIR_QUEUES +
							     VIRTIO_NET_QUEUE_TRANSMIT);
	}
	virtio_net_watch(net, pair);
}

static enum turn receive_error(struct virtio_net *net, unsigned pair)
{
	if (errno == EINVAL) { /* a frame that the back end cannot describe */
		net->dropped_in++;
		return TURN_FRAME;
	}
	if (errno != EAGAIN)
		go(net, pair);
	return TURN_EMPTY;
}

/*
 * Takes as many chains as a frame like the last one needs, the first into *first; filled->count is
 * 0 if there is none. What they have behind the header goes to iov, VIRTQ_SIZE_MAX pieces at most.
 * Returns the number of pieces.
 */
static unsigned gather(struct virtio_net *net, struct virtqueue *q, size_t expected_bytes,
		       struct virtq_chain *first, struct filled *filled, struct iovec *iov)
{
	bool merge = virtio_device_has(&net->dev, VIRTIO_NET_F_MRG_RXBUF);
	struct virtq_chain more, *chain = first;
	unsigned pieces = 0;

	filled->count = 0;
	filled->room = 0;
	do {
		size_t header_bytes = filled->count ? 0 : HEADER_BYTES;
		size_t room;

		if (!pop_buffer(net, q, chain))
			break;
		if (pieces + chain->writable_count > VIRTQ_SIZE_MAX) {
			virtq_unpop(q, chain->head);
			break;
		}
		room = (size_t)chain->writable_bytes - header_bytes;
		if (room > VIRTIO_NET_FRAME_MAX - filled->room)
			room = VIRTIO_NET_FRAME_MAX - filled->room;
		pieces += virtq_chain_writable_slice(chain, header_bytes, room, iov + pieces);
		filled->used[filled->count++] =
		    (struct virtq_used){ chain->head, (uint32_t)(header_bytes + room) };
		filled->room += room;
		chain = &more;
	} while (merge && filled->room < expected_bytes &&
		 filled->count < ARRAY_SIZE(filled->used));
	return pieces;
}

static enum turn receive_one(struct virtio_net *net, unsigned pair, struct virtqueue *q)
{
	struct virtio_net_pair *p = &net->pairs[pair];
	struct iovec iov[2 + VIRTQ_SIZE_MAX];
	struct virtio_net_header header;
	struct virtq_chain first;
	struct filled filled;
	size_t direct, frame_bytes;
	unsigned pieces;
	ssize_t n;

	pieces = gather(net, q, p->expected_bytes, &first, &filled, iov + 1);
	if (!filled.count)
		return TURN_DRY;
	iov[0] = (struct iovec){ .iov_base = &header, .iov_len = sizeof(header) };
	iov[1 + pieces] = (struct iovec){ .iov_base = p->frame + filled.room,
					  .iov_len = VIRTIO_NET_FRAME_MAX - filled.room };
	n = net->backend->receive(p->backend_ctx, iov, 2 + pieces);
	if (n < HEADER_BYTES + VIRTIO_NET_FRAME_MIN) {
		put_back(q, &filled);
		if (n < 0)
			return receive_error(net, pair);
		net->dropped_in++;
		return TURN_FRAME;
	}
	frame_bytes = (size_t)n - HEADER_BYTES;
	assert(frame_bytes <= VIRTIO_NET_FRAME_MAX);
	p->expected_bytes = frame_bytes;
	if (!header_fits_driver(net, &header, frame_bytes)) {
		put_back(q, &filled);
		net->dropped_in++;
		return TURN_FRAME;
	}
	direct = frame_bytes < filled.room ? frame_bytes : filled.room;
	if (deliver(net, p->frame, q, &first, &filled, &header, direct, frame_bytes))
		return TURN_FRAME;
	keep(p, iov + 1, pieces, direct, &header, frame_bytes);
	return TURN_DRY;
}

void virtio_net_receive(struct virtio_net *net, unsigned pair)
{
	struct virtio_net_pair *p = &net->pairs[pair];
	unsigned queue =
	    virtio_net_target(net, pair) * VIRTIO_NET_PAIR_QUEUES + VIRTIO_NET_QUEUE_RECEIVE;
	struct virtqueue *q = &net->dev.queues[queue];
	bool can_take = virtio_device_running(&net->dev) && q->ready;
	enum turn turn = can_take ? TURN_FRAME : TURN_DRY;
	bool listening;

	for (unsigned i = 0; i < VIRTIO_NET_BATCH && turn == TURN_FRAME; i++)
		turn = p->kept_bytes ? deliver_kept(net, p, q) : receive_one(net, pair, q);
	/*
	 * Without buffers nobody listens; the driver was asked to kick when there are some. A
	 * device that is broken, or has no such queue, waits for a reset.
	 */
	listening = turn != TURN_DRY;
	if (listening != p->listening) {
		p->listening = listening;
		virtio_net_watch(net, pair);
	}
	virtio_device_signal_used(&net->dev, queue);
}
