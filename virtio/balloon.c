/*
 * virtio-balloon. What the guest writes here are addresses and lengths of buffers, which the queue
 * has checked before: they lie in guest memory, a chain has at most as many as the queue, and
 * 2^32 - 1 bytes. The bytes in them are never looked at. A guest that gives back what it still
 * uses, its kernel included, loses it, and nobody else does.
 */
#include "virtio/balloon.h"

#include <linux/virtio_balloon.h>
#include <linux/virtio_ids.h>

/*
 * Linux numbers the queues that it uses, so its reporting queue comes behind the first two; in the
 * specification (5.5.2) it is the fifth. Both are, and the one in between is nobody's.
 */
enum {
	QUEUE_INFLATE,
	QUEUE_DEFLATE,
	QUEUE_REPORTING_LINUX,
	QUEUE_NOBODYS,
	QUEUE_REPORTING,
	QUEUE_COUNT
};
enum { QUEUE_SIZE = 32 }; /* a report of Linux's has so many ranges, one buffer each */

/* Whole pages alone: what shares a page with a range is not free. */
static void give_back(struct virtio_balloon *balloon, const struct iovec *range)
{
	uintptr_t start = align_up((uintptr_t)range->iov_base, GMEM_ALIGN_BYTES);
	uintptr_t end =
	    ((uintptr_t)range->iov_base + range->iov_len) / GMEM_ALIGN_BYTES * GMEM_ALIGN_BYTES;

	if (start >= end)
		return;
	balloon->discard(balloon->discard_ctx, (void *)start, end - start);
	balloon->discarded_bytes += end - start;
}

/* The pages of a report are the buffers themselves, and those that the device may write to. */
static void serve(struct virtio_balloon *balloon, unsigned queue, const struct virtq_chain *chain)
{
	const struct iovec *ranges = virtq_chain_writable(chain);

	if ((queue != QUEUE_REPORTING && queue != QUEUE_REPORTING_LINUX) ||
	    !virtio_device_has(&balloon->dev, VIRTIO_BALLOON_F_REPORTING))
		return;
	for (unsigned i = 0; i < chain->writable_count; i++)
		give_back(balloon, &ranges[i]);
}

static void notify(struct virtio_device *dev, unsigned queue)
{
	struct virtio_balloon *balloon = container_of(dev, struct virtio_balloon, dev);
	struct virtqueue *q = &dev->queues[queue];
	struct virtq_chain chain;

	for (unsigned budget = q->size; virtq_pop(q, &chain) > 0;) {
		serve(balloon, queue, &chain);
		virtq_push(q, chain.head, 0);
		if (--budget == 0) {
			virtio_device_requeue(dev, queue);
			break;
		}
	}
	virtio_device_signal_used(dev, queue);
}

static const struct virtio_device_ops balloon_ops = {
	.notify = notify,
};

void virtio_balloon_init(struct virtio_balloon *balloon, const struct gmem *gmem,
			 virtio_balloon_discard discard, void *ctx)
{
	static const uint16_t sizes[QUEUE_COUNT] = { QUEUE_SIZE, QUEUE_SIZE, QUEUE_SIZE, QUEUE_SIZE,
						     QUEUE_SIZE };
	static const struct virtio_balloon_config config; /* a balloon of no pages */

	balloon->discard = discard;
	balloon->discard_ctx = ctx;
	balloon->discarded_bytes = 0;
	virtio_device_init(&balloon->dev,
			   &(struct virtio_device_params){
			       .ops = &balloon_ops,
			       .gmem = gmem,
			       .device_id = VIRTIO_ID_BALLOON,
			       .features = VIRTIO_FEATURE(VIRTIO_BALLOON_F_REPORTING),
			       .queue_count = QUEUE_COUNT,
			       .queue_sizes = sizes,
			       .config = &config,
			       .config_len = sizeof(config),
			   });
}

void virtio_balloon_fini(struct virtio_balloon *balloon)
{
	virtio_device_fini(&balloon->dev);
}
