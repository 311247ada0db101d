/*
 * The control queue: the driver says how many pairs of queues it uses. Each request is copied once;
 * one that is not known, or asks for what is not there, is refused in its answer.
 */
#include <linux/virtio_net.h>
#include <string.h>

#include "virtio/net_queues.h"

/* 5.1.6.5, with the one command that is offered (5.1.6.5.5). */
struct request {
	uint8_t class;
	uint8_t command;
	le16 pairs;
};
static_assert(sizeof(struct request) == 4, "as on the wire");

static uint8_t handle(struct virtio_net *net, const struct virtq_chain *chain)
{
	struct request request;
	unsigned pairs;

	if (chain->readable_bytes != sizeof(request))
		return VIRTIO_NET_ERR;
	(void)virtq_chain_read(chain, 0, &request, sizeof(request));
	pairs = le16_get(request.pairs);
	if (request.class != VIRTIO_NET_CTRL_MQ ||
	    request.command != VIRTIO_NET_CTRL_MQ_VQ_PAIRS_SET ||
	    !virtio_device_has(&net->dev, VIRTIO_NET_F_MQ) || pairs == 0 || pairs > net->pair_count)
		return VIRTIO_NET_ERR;
	virtio_net_set_active(net, pairs);
	return VIRTIO_NET_OK;
}

void virtio_net_control(struct virtio_net *net, unsigned queue)
{
	struct virtqueue *q = &net->dev.queues[queue];
	struct virtq_chain chain;
	unsigned budget = q->size;

	while (budget-- > 0 && virtq_pop(q, &chain) > 0) {
		uint8_t answer = handle(net, &chain);

		if (chain.writable_bytes < sizeof(answer)) {
			virtio_device_break(&net->dev,
					    "control request without room for an answer");
			return;
		}
		(void)virtq_chain_write(&chain, 0, &answer, sizeof(answer));
		virtq_push(q, chain.head, sizeof(answer));
		if (budget == 0)
			virtio_device_requeue(&net->dev, queue);
	}
	virtio_device_signal_used(&net->dev, queue);
}
