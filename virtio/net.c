/*
 * virtio-net: queues, features, and the order of things. net_receive.c and net_transmit.c move
 * frames.
 */
#include "virtio/net.h"

#include <linux/virtio_ids.h>
#include <linux/virtio_net.h>
#include <string.h>

#include "virtio/net_queues.h"

void virtio_net_watch(struct virtio_net *net, unsigned pair)
{
	const struct virtio_net_pair *p = &net->pairs[pair];

	net->watch(net->watch_ctx, pair, p->listening && !p->gone, p->handed_over && !p->gone);
}

/* For a tap it takes a lock that all of the host's networks share: not more often than need be. */
static void set_offloads(struct virtio_net *net, unsigned offloads)
{
	if (offloads == net->offloads)
		return;
	net->offloads = offloads;
	net->backend->set_offloads(net->pairs[0].backend_ctx, offloads);
}

static unsigned wanted_offloads(const struct virtio_device *dev)
{
	unsigned offloads = VIRTIO_NET_OFFLOAD_CHECKSUM;

	if (!virtio_device_has(dev, VIRTIO_NET_F_GUEST_CSUM))
		return 0;
	if (virtio_device_has(dev, VIRTIO_NET_F_GUEST_TSO4))
		offloads |= VIRTIO_NET_OFFLOAD_TSO4;
	if (virtio_device_has(dev, VIRTIO_NET_F_GUEST_TSO6))
		offloads |= VIRTIO_NET_OFFLOAD_TSO6;
	/* A tap knows the two as one. */
	if (virtio_device_has(dev, NET_F_GUEST_USO4) && virtio_device_has(dev, NET_F_GUEST_USO6))
		offloads |= VIRTIO_NET_OFFLOAD_USO4 | VIRTIO_NET_OFFLOAD_USO6;
	return offloads;
}

void virtio_net_set_active(struct virtio_net *net, unsigned pairs)
{
	net->active = pairs;
	for (unsigned pair = 0; pair < net->pair_count; pair++) {
		net->pairs[pair].listening = true;
		virtio_net_watch(net, pair);
	}
}

static void activate(struct virtio_device *dev)
{
	struct virtio_net *net = container_of(dev, struct virtio_net, dev);

	set_offloads(net, wanted_offloads(dev));
	virtio_net_set_active(net, 1);
}

/* 5.1.2: it is the one behind the pairs that there are. */
static unsigned control_queue(const struct virtio_net *net)
{
	unsigned pairs = virtio_device_has(&net->dev, VIRTIO_NET_F_MQ) ? net->pair_count : 1;

	return virtio_device_has(&net->dev, VIRTIO_NET_F_CTRL_VQ) ? pairs * VIRTIO_NET_PAIR_QUEUES
								  : net->dev.queue_count;
}

/* Receive buffers have come: that is a reason to listen again, and the loop does the rest. */
static void listen_again(struct virtio_net *net, unsigned target)
{
	for (unsigned pair = 0; pair < net->pair_count; pair++) {
		struct virtio_net_pair *p = &net->pairs[pair];

		if (virtio_net_target(net, pair) != target)
			continue;
		if (p->kept_bytes) {
			virtio_net_receive(net, pair);
		} else if (!p->listening) {
			p->listening = true;
			virtio_net_watch(net, pair);
		}
	}
}

static void notify(struct virtio_device *dev, unsigned queue)
{
	struct virtio_net *net = container_of(dev, struct virtio_net, dev);
	unsigned pair = queue / VIRTIO_NET_PAIR_QUEUES;

	if (queue == control_queue(net)) {
		virtio_net_control(net, queue);
	} else if (pair >= net->pair_count) {
		return;
	} else if (queue % VIRTIO_NET_PAIR_QUEUES == VIRTIO_NET_QUEUE_TRANSMIT) {
		if (virtio_net_transmit(net, pair, false))
			virtio_device_requeue(dev, queue);
	} else {
		listen_again(net, pair);
	}
}

static void reset(struct virtio_device *dev)
{
	struct virtio_net *net = container_of(dev, struct virtio_net, dev);

	net->active = 1;
	for (unsigned pair = 0; pair < net->pair_count; pair++) {
		net->pairs[pair].listening = false;
		net->pairs[pair].handed_over = net->pairs[pair].bulk = false;
		net->pairs[pair].kept_bytes = net->pairs[pair].expected_bytes = 0;
		virtio_net_watch(net, pair);
	}
	set_offloads(net, 0);
}

static const struct virtio_device_ops net_ops = {
	.activate = activate,
	.notify = notify,
	.reset = reset,
};

static uint64_t features(const struct virtio_net_params *params, unsigned pairs)
{
	uint64_t bits = VIRTIO_FEATURE(VIRTIO_NET_F_MAC) | VIRTIO_FEATURE(VIRTIO_NET_F_MTU) |
			VIRTIO_FEATURE(VIRTIO_NET_F_MRG_RXBUF);

	if (params->backend->offloads)
		bits |=
		    VIRTIO_FEATURE(VIRTIO_NET_F_CSUM) | VIRTIO_FEATURE(VIRTIO_NET_F_GUEST_CSUM) |
		    VIRTIO_FEATURE(VIRTIO_NET_F_GUEST_TSO4) |
		    VIRTIO_FEATURE(VIRTIO_NET_F_GUEST_TSO6) |
		    VIRTIO_FEATURE(VIRTIO_NET_F_HOST_TSO4) | VIRTIO_FEATURE(VIRTIO_NET_F_HOST_TSO6);
	if (params->backend->offloads && params->segments_udp)
		bits |= VIRTIO_FEATURE(NET_F_GUEST_USO4) | VIRTIO_FEATURE(NET_F_GUEST_USO6) |
			VIRTIO_FEATURE(NET_F_HOST_USO);
	if (pairs > 1)
		bits |= VIRTIO_FEATURE(VIRTIO_NET_F_CTRL_VQ) | VIRTIO_FEATURE(VIRTIO_NET_F_MQ);
	return bits;
}

static void init_device(struct virtio_net *net, const struct gmem *gmem, uint64_t bits)
{
	unsigned count = net->pair_count * VIRTIO_NET_PAIR_QUEUES;
	uint16_t sizes[VIRTIO_QUEUES_MAX];

	for (unsigned i = 0; i < count; i++)
		sizes[i] = VIRTIO_NET_QUEUE_SIZE;
	if (net->pair_count > 1)
		sizes[count++] = VIRTIO_NET_CONTROL_SIZE;
	virtio_device_init(&net->dev, &(struct virtio_device_params){
					  .ops = &net_ops,
					  .gmem = gmem,
					  .device_id = VIRTIO_ID_NET,
					  .features = bits,
					  .queue_count = count,
					  .queue_sizes = sizes,
					  .config = &net->config,
					  .config_len = sizeof(net->config),
					  .changes_config = true,
				      });
}

void virtio_net_init(struct virtio_net *net, const struct gmem *gmem,
		     const struct virtio_net_params *params)
{
	net->pair_count = params->pairs ? params->pairs : 1;
	assert(net->pair_count <= VIRTIO_NET_PAIRS_MAX);
	net->active = 1;
	net->backend = params->backend;
	net->watch = params->watch;
	net->watch_ctx = params->watch_ctx;
	net->config = (struct virtio_net_config_wire){
		.mtu = le16_make(params->mtu),
		.max_virtqueue_pairs = le16_make((uint16_t)net->pair_count),
	};
	memcpy(net->config.mac, params->mac, sizeof(net->config.mac));
	net->received = net->sent = net->dropped_in = net->dropped_out = 0;
	net->offloads = 0;
	for (unsigned pair = 0; pair < net->pair_count; pair++) {
		struct virtio_net_pair *p = &net->pairs[pair];

		p->backend_ctx = params->backend_ctx[pair];
		p->listening = p->handed_over = p->bulk = p->gone = false;
		p->kept_bytes = p->expected_bytes = 0;
	}
	init_device(net, gmem, features(params, net->pair_count));
}

bool virtio_net_too_long(const struct virtio_net *net, uint8_t gso_type, size_t frame_bytes)
{
	return gso_type == VIRTIO_NET_HDR_GSO_NONE &&
	       frame_bytes > le16_get(net->config.mtu) +
				 (size_t)(VIRTIO_NET_FRAME_MIN + VIRTIO_NET_TAG_BYTES);
}

void virtio_net_set_link(struct virtio_net *net, const uint8_t mac[VIRTIO_NET_MAC_BYTES],
			 uint16_t mtu)
{
	virtio_device_lock(&net->dev);
	memcpy(net->config.mac, mac, VIRTIO_NET_MAC_BYTES);
	net->config.mtu = le16_make(mtu);
	virtio_device_config_changed(&net->dev);
	virtio_device_unlock(&net->dev);
}

void virtio_net_fini(struct virtio_net *net)
{
	virtio_device_fini(&net->dev);
}

void virtio_net_ready(struct virtio_net *net, unsigned pair, bool readable, bool writable)
{
	struct virtio_net_pair *p = &net->pairs[pair];

	virtio_device_lock(&net->dev);
	if (writable && p->handed_over) {
		/* A guest may refill the queue for ever: the rest waits for its turn in the loop.
		 */
		p->handed_over = false;
		if (virtio_net_transmit(net, pair, true))
			p->handed_over = true;
		virtio_net_watch(net, pair);
	}
	if (readable && p->listening && !p->gone)
		virtio_net_receive(net, pair);
	virtio_device_unlock(&net->dev);
}
