/*
 * virtio-net: queues, features, and the order of things. net_receive.c and net_transmit.c move
 * frames.
 */
#include "virtio/net.h"

#include <linux/virtio_ids.h>
#include <linux/virtio_net.h>
#include <string.h>

#include "virtio/net_queues.h"

void virtio_net_watch(struct virtio_net *net)
{
	net->watch(net->watch_ctx, net->listening && !net->gone, net->stuck && !net->gone);
}

/* For a tap it takes a lock that all of the host's networks share: not more often than need be. */
static void set_offloads(struct virtio_net *net, unsigned offloads)
{
	if (offloads == net->offloads)
		return;
	net->offloads = offloads;
	net->backend->set_offloads(net->backend_ctx, offloads);
}

static void activate(struct virtio_device *dev)
{
	struct virtio_net *net = container_of(dev, struct virtio_net, dev);
	unsigned offloads = 0;

	if (virtio_device_has(dev, VIRTIO_NET_F_GUEST_CSUM)) {
		offloads = VIRTIO_NET_OFFLOAD_CHECKSUM;
		if (virtio_device_has(dev, VIRTIO_NET_F_GUEST_TSO4))
			offloads |= VIRTIO_NET_OFFLOAD_TSO4;
		if (virtio_device_has(dev, VIRTIO_NET_F_GUEST_TSO6))
			offloads |= VIRTIO_NET_OFFLOAD_TSO6;
	}
	set_offloads(net, offloads);
	net->listening = true;
	virtio_net_watch(net);
}

/* Receive buffers have come: that is a reason to listen again, and the loop does the rest. */
static void notify(struct virtio_device *dev, unsigned queue)
{
	struct virtio_net *net = container_of(dev, struct virtio_net, dev);

	if (queue == VIRTIO_NET_QUEUE_TRANSMIT) {
		if (virtio_net_transmit(net))
			virtio_device_requeue(dev, queue);
	} else if (net->kept_bytes) {
		virtio_net_receive(net);
	} else if (!net->listening) {
		net->listening = true;
		virtio_net_watch(net);
	}
}

static void reset(struct virtio_device *dev)
{
	struct virtio_net *net = container_of(dev, struct virtio_net, dev);

	net->listening = false;
	net->stuck = false;
	net->kept_bytes = 0;
	set_offloads(net, 0);
	virtio_net_watch(net);
}

static const struct virtio_device_ops net_ops = {
	.activate = activate,
	.notify = notify,
	.reset = reset,
};

static uint64_t features(const struct virtio_net_params *params)
{
	uint64_t bits = VIRTIO_FEATURE(VIRTIO_NET_F_MAC) | VIRTIO_FEATURE(VIRTIO_NET_F_MTU) |
			VIRTIO_FEATURE(VIRTIO_NET_F_MRG_RXBUF);

	if (params->backend->offloads)
		bits |=
		    VIRTIO_FEATURE(VIRTIO_NET_F_CSUM) | VIRTIO_FEATURE(VIRTIO_NET_F_GUEST_CSUM) |
		    VIRTIO_FEATURE(VIRTIO_NET_F_GUEST_TSO4) |
		    VIRTIO_FEATURE(VIRTIO_NET_F_GUEST_TSO6) |
		    VIRTIO_FEATURE(VIRTIO_NET_F_HOST_TSO4) | VIRTIO_FEATURE(VIRTIO_NET_F_HOST_TSO6);
	return bits;
}

void virtio_net_init(struct virtio_net *net, const struct gmem *gmem,
		     const struct virtio_net_params *params)
{
	static const uint16_t sizes[VIRTIO_NET_QUEUES] = { VIRTIO_NET_QUEUE_SIZE,
							   VIRTIO_NET_QUEUE_SIZE };

	net->backend = params->backend;
	net->backend_ctx = params->backend_ctx;
	net->watch = params->watch;
	net->watch_ctx = params->watch_ctx;
	net->config = (struct virtio_net_config_wire){ .mtu = le16_make(params->mtu) };
	memcpy(net->config.mac, params->mac, sizeof(net->config.mac));
	net->listening = net->stuck = net->gone = false;
	net->received = net->sent = net->dropped_in = net->dropped_out = 0;
	net->kept_bytes = 0;
	net->offloads = 0;
	virtio_device_init(&net->dev, &(struct virtio_device_params){
					  .ops = &net_ops,
					  .gmem = gmem,
					  .device_id = VIRTIO_ID_NET,
					  .features = features(params),
					  .queue_count = VIRTIO_NET_QUEUES,
					  .queue_sizes = sizes,
					  .config = &net->config,
					  .config_len = sizeof(net->config),
				      });
}

bool virtio_net_too_long(const struct virtio_net *net, uint8_t gso_type, size_t frame_bytes)
{
	return gso_type == VIRTIO_NET_HDR_GSO_NONE &&
	       frame_bytes > le16_get(net->config.mtu) +
				 (size_t)(VIRTIO_NET_FRAME_MIN + VIRTIO_NET_TAG_BYTES);
}

void virtio_net_fini(struct virtio_net *net)
{
	virtio_device_fini(&net->dev);
}

void virtio_net_ready(struct virtio_net *net, bool readable, bool writable)
{
	virtio_device_lock(&net->dev);
	if (writable && net->stuck) {
		/* A guest may refill the queue for ever: the rest waits for its turn in the loop.
		 */
		net->stuck = false;
		if (virtio_net_transmit(net))
			net->stuck = true;
		virtio_net_watch(net);
	}
	if (readable && net->listening && !net->gone)
		virtio_net_receive(net);
	virtio_device_unlock(&net->dev);
}
