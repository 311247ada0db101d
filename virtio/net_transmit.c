/*
 * From the guest to the network. The header of a frame, and the Ethernet header behind it, are
 * copied once, checked, and sent from the copy; the rest of the frame goes from guest memory
 * straight into the back end, which copies it before it looks at it.
 */
#include <errno.h>
#include <linux/virtio_net.h>
#include <string.h>

#include "virtio/net_queues.h"
#include "vmm/base/bytes.h"

/* What is looked at, and therefore copied. */
struct head {
	struct virtio_net_header header;
	struct {
		uint8_t destination[VIRTIO_NET_MAC_BYTES];
		uint8_t source[VIRTIO_NET_MAC_BYTES];
		uint8_t type[2];
	} ethernet;
};
static_assert(sizeof(struct head) == sizeof(struct virtio_net_header) + VIRTIO_NET_FRAME_MIN,
	      "header and Ethernet header");

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

enum outcome { SENT, DROPPED, LATER };

static enum outcome send_chain(struct virtio_net *net, const struct virtq_chain *chain)
{
	struct iovec iov[2 + VIRTQ_SIZE_MAX];
	struct head head;
	size_t frame_bytes;
	unsigned count;

	if (net->gone || chain->readable_bytes < sizeof(head) ||
	    chain->readable_bytes > sizeof(head.header) + VIRTIO_NET_FRAME_MAX)
		return DROPPED;
	frame_bytes = (size_t)chain->readable_bytes - sizeof(head.header);
	(void)virtq_chain_read(chain, 0, &head, sizeof(head));
	if (!header_good(net, &head.header, frame_bytes) ||
	    virtio_net_too_long(net, head.header.gso_type, frame_bytes) ||
	    memcmp(head.ethernet.source, net->config.mac, sizeof(head.ethernet.source)) != 0)
		return DROPPED;
	iov[0] = (struct iovec){ .iov_base = &head.header, .iov_len = sizeof(head.header) };
	iov[1] = (struct iovec){ .iov_base = &head.ethernet, .iov_len = VIRTIO_NET_FRAME_MIN };
	count = 2 + virtq_chain_readable_slice(chain, sizeof(head), frame_bytes, iov + 2);
	if (net->backend->send(net->backend_ctx, iov, count) >= 0)
		return SENT;
	/* Any other error is about this frame, or an interface that is down: the next may pass. */
	return errno == EAGAIN ? LATER : DROPPED;
}

void virtio_net_transmit(struct virtio_net *net)
{
	struct virtqueue *q = &net->dev.queues[VIRTIO_NET_QUEUE_TRANSMIT];
	struct virtq_chain chain;

	for (unsigned budget = q->size; !net->stuck && virtq_pop(q, &chain) > 0;) {
		enum outcome outcome = send_chain(net, &chain);

		if (outcome == LATER) {
			virtq_unpop(q, chain.head);
			net->stuck = true;
			virtio_net_watch(net);
			break;
		}
		net->sent += outcome == SENT;
		net->dropped_out += outcome == DROPPED;
		virtq_push(q, chain.head, 0);
		if (--budget == 0) {
			virtio_device_requeue(&net->dev, VIRTIO_NET_QUEUE_TRANSMIT);
			break;
		}
	}
	virtio_device_signal_used(&net->dev, VIRTIO_NET_QUEUE_TRANSMIT);
}
