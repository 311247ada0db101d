/*
 * From the guest to the network. The header of a frame, and the first bytes of the frame up to the
 * destination of an IP packet, are copied once, checked, and sent from the copy; the rest goes from
 * guest memory straight into the back end, which copies it before it looks at it.
 */
#include <errno.h>
#include <linux/if_ether.h>
#include <linux/virtio_net.h>
#include <string.h>

#include "virtio/net_queues.h"
#include "vmm/base/bytes.h"

/* Where things are in a frame: IEEE 802.3, RFC 791 section 3.1, RFC 8200 section 3. */
enum {
	SOURCE_OFFSET = 6,
	TYPE_OFFSET = 12,
	IPV4_DESTINATION_OFFSET = VIRTIO_NET_FRAME_MIN + 16,
	IPV6_DESTINATION_OFFSET = VIRTIO_NET_FRAME_MIN + 24,
	START_BYTES = IPV6_DESTINATION_OFFSET + 16,
};

/* What is looked at, and therefore copied. */
struct head {
	struct virtio_net_header header;
	uint8_t start[START_BYTES]; /* of the frame, or all of a shorter one */
};
static_assert(sizeof(struct head) == sizeof(struct virtio_net_header) + START_BYTES,
	      "header and start of the frame are one piece");

static bool segmentation_good(const struct virtio_net *net, const struct virtio_net_header *header)
{
	switch (header->gso_type) {
	case VIRTIO_NET_HDR_GSO_TCPV4:
		if (!virtio_device_has(&net->dev, VIRTIO_NET_F_HOST_TSO4))
			return false;
		break;
	case VIRTIO_NET_HDR_GSO_TCPV6:
		if (!virtio_device_has(&net->dev, VIRTIO_NET_F_HOST_TSO6))
			return false;
		break;
	case NET_HDR_GSO_UDP_L4:
		if (!virtio_device_has(&net->dev, NET_F_HOST_USO))
			return false;
		break;
	default:
		return false;
	}
	/* A segment without a checksum to complete cannot be (5.1.6.2.1). */
	return (header->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM) &&
	       le16_get(header->gso_size) >= VIRTIO_NET_SEGMENT_MIN;
}

/*
 * 5.1.6.2: whether the back end may be asked for what the header says. What is not asked for is
 * cleared, so that only fields that were checked go on.
 */
static bool header_good(const struct virtio_net *net, struct virtio_net_header *header,
			size_t frame_bytes)
{
	header->flags &= VIRTIO_NET_HDR_F_NEEDS_CSUM; /* the device ignores others */
	header->num_buffers = le16_make(0);
	if (header->gso_type == VIRTIO_NET_HDR_GSO_NONE) {
		header->gso_size = header->hdr_len = le16_make(0);
	} else if (!segmentation_good(net, header) || le16_get(header->hdr_len) > frame_bytes) {
		return false;
	}
	if (header->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM) {
		uint32_t start = le16_get(header->csum_start);
		uint32_t field = start + le16_get(header->csum_offset);

		return virtio_device_has(&net->dev, VIRTIO_NET_F_CSUM) &&
		       start >= VIRTIO_NET_FRAME_MIN && field + sizeof(le16) <= frame_bytes;
	}
	header->csum_start = header->csum_offset = le16_make(0);
	return true;
}

/*
 * Whether the destination is one that no packet on a link may have: a loopback or unspecified
 * address, or one of IPv4 in an address of IPv6 (RFC 1122 section 3.2.1.3, RFC 4291 section 2.5).
 * A back end that connects sockets to where the packet goes would reach the host's own services.
 */
static bool goes_to_loopback(const uint8_t *start, size_t len)
{
	static const uint8_t zeroes[16];
	unsigned type = (unsigned)start[TYPE_OFFSET] << 8 | start[TYPE_OFFSET + 1];
	const uint8_t *at;

	if (type == ETH_P_IP && len >= IPV4_DESTINATION_OFFSET + 4) {
		at = start + IPV4_DESTINATION_OFFSET;
		return at[0] == 127 || at[0] == 0;
	}
	if (type != ETH_P_IPV6 || len < START_BYTES)
		return false;
	at = start + IPV6_DESTINATION_OFFSET;
	if (memcmp(at, zeroes, 10) != 0)
		return false;
	return (at[10] == 0xff && at[11] == 0xff) ||
	       (memcmp(at + 10, zeroes, 5) == 0 && at[15] <= 1);
}

enum outcome { SENT, DROPPED, LATER };

static enum outcome send_chain(struct virtio_net *net, const struct virtio_net_pair *p,
			       const struct virtq_chain *chain)
{
	struct iovec iov[2 + VIRTQ_SIZE_MAX];
	struct head head;
	size_t frame_bytes, start_bytes;
	unsigned count;

	if (p->gone || chain->readable_bytes < sizeof(head.header) + VIRTIO_NET_FRAME_MIN ||
	    chain->readable_bytes > sizeof(head.header) + VIRTIO_NET_FRAME_MAX)
		return DROPPED;
	frame_bytes = (size_t)chain->readable_bytes - sizeof(head.header);
	start_bytes = frame_bytes < START_BYTES ? frame_bytes : START_BYTES;
	(void)virtq_chain_read(chain, 0, &head, sizeof(head.header) + start_bytes);
	if (!header_good(net, &head.header, frame_bytes) ||
	    virtio_net_too_long(net, head.header.gso_type, frame_bytes) ||
	    memcmp(head.start + SOURCE_OFFSET, net->config.mac, VIRTIO_NET_MAC_BYTES) != 0 ||
	    goes_to_loopback(head.start, start_bytes))
		return DROPPED;
	iov[0] = (struct iovec){ .iov_base = &head.header, .iov_len = sizeof(head.header) };
	iov[1] = (struct iovec){ .iov_base = head.start, .iov_len = start_bytes };
	count = 2 + virtq_chain_readable_slice(chain, sizeof(head.header) + start_bytes,
					       frame_bytes - start_bytes, iov + 2);
	if (net->backend->send(p->backend_ctx, iov, count) >= 0)
		return SENT;
	/* Any other error is about this frame, or an interface that is down: the next may pass. */
	return errno == EAGAIN ? LATER : DROPPED;
}

bool virtio_net_transmit(struct virtio_net *net, unsigned pair, bool in_loop)
{
	unsigned queue = pair * VIRTIO_NET_PAIR_QUEUES + VIRTIO_NET_QUEUE_TRANSMIT;
	struct virtio_net_pair *p = &net->pairs[pair];
	struct virtqueue *q = &net->dev.queues[queue];
	struct virtq_chain chain;
	bool more = false;

	if (virtio_device_paused(&net->dev) || !virtio_device_running(&net->dev) || !q->ready)
		return false;
	for (unsigned budget = q->size; !p->handed_over && virtq_pop(q, &chain) > 0;) {
		enum outcome outcome = LATER;

		if (in_loop || !p->bulk)
			outcome = send_chain(net, p, &chain);
		if (outcome == LATER) {
			virtq_unpop(q, chain.head);
			p->handed_over = true;
			virtio_net_watch(net, pair);
			break;
		}
		p->bulk = outcome == SENT && chain.readable_bytes > VIRTIO_NET_BULK_BYTES;
		net->sent += outcome == SENT;
		net->dropped_out += outcome == DROPPED;
		virtq_push(q, chain.head, 0);
		if (--budget == 0) {
			more = true;
			break;
		}
	}
	virtio_device_signal_used(&net->dev, queue);
	return more;
}
