/*
 * virtio-rng. Nothing that the guest writes steers this device but the lengths of its buffers, and
 * those are cut to VIRTIO_RNG_REQUEST_MAX. Random bytes are made in host memory and copied out.
 */
#include "virtio/rng.h"

#include <errno.h>
#include <linux/virtio_ids.h>
#include <string.h>
#include <sys/random.h>

enum { QUEUE_REQUEST, QUEUE_COUNT };
enum { QUEUE_SIZE = 8 };

static uint32_t serve(struct virtio_rng *rng, const struct virtq_chain *chain)
{
	uint8_t bytes[VIRTIO_RNG_REQUEST_MAX];
	size_t len = sizeof(bytes);

	if (chain->writable_bytes < len)
		len = (size_t)chain->writable_bytes;
	if (len == 0 || rng->source(rng->source_ctx, bytes, len) < 0)
		return 0;
	len = virtq_chain_write(chain, 0, bytes, len);
	explicit_bzero(bytes, sizeof(bytes));
	return (uint32_t)len;
}

static void notify(struct virtio_device *dev, unsigned queue)
{
	struct virtio_rng *rng = container_of(dev, struct virtio_rng, dev);
	struct virtqueue *q = &dev->queues[queue];
	struct virtq_chain chain;

	for (unsigned budget = q->size; virtq_pop(q, &chain) > 0;) {
		virtq_push(q, chain.head, serve(rng, &chain));
		if (--budget == 0) {
			virtio_device_requeue(dev, queue);
			break;
		}
	}
	virtio_device_signal_used(dev, queue);
}

static const struct virtio_device_ops rng_ops = {
	.notify = notify,
};

void virtio_rng_init(struct virtio_rng *rng, const struct gmem *gmem, virtio_rng_source source,
		     void *ctx)
{
	static const uint16_t sizes[QUEUE_COUNT] = { QUEUE_SIZE };

	rng->source = source;
	rng->source_ctx = ctx;
	virtio_device_init(&rng->dev, &(struct virtio_device_params){
					  .ops = &rng_ops,
					  .gmem = gmem,
					  .device_id = VIRTIO_ID_RNG,
					  .queue_count = QUEUE_COUNT,
					  .queue_sizes = sizes,
				      });
}

void virtio_rng_fini(struct virtio_rng *rng)
{
	virtio_device_fini(&rng->dev);
}

int virtio_rng_getrandom(void *ctx, void *to, size_t len)
{
	uint8_t *at = to;

	(void)ctx;
	while (len > 0) {
		ssize_t got = getrandom(at, len, 0);

		if (got < 0 && errno != EINTR)
			return -1;
		if (got > 0) {
			at += got;
			len -= (size_t)got;
		}
	}
	return 0;
}
