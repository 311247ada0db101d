/*
 * Any sequence of register accesses and saved states against the transport, with a device that has
 * a writable configuration space and holds chains. What a driver was promised holds: a ready
 * queue's registers do not move, and no status bit goes away but by a reset.
 */
#include <linux/virtio_config.h>
#include <stdlib.h>
#include <string.h>

#include "tests/driver/script.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct holder {
	struct virtio_device dev;
	uint8_t config[24];
	struct virtq_chain held;
	bool holds;
};

static void require(bool good)
{
	if (!good)
		abort();
}

static void config_write(struct virtio_device *dev, uint32_t offset, const void *data, uint32_t len)
{
	struct holder *h = container_of(dev, struct holder, dev);

	require(offset + len <= sizeof(h->config));
	memcpy(h->config + offset, data, len);
	virtio_device_config_changed(dev);
}

static void activate(struct virtio_device *dev)
{
	require(virtio_device_running(dev) && virtio_device_has(dev, VIRTIO_F_VERSION_1));
}

/* Keeps the last chain until the next kick. */
static void notify(struct virtio_device *dev, unsigned queue)
{
	struct holder *h = container_of(dev, struct holder, dev);

	require(virtio_device_running(dev) && dev->queues[queue].ready);
	if (queue != 0)
		return;
	if (h->holds)
		virtq_push(&dev->queues[0], h->held.head, 0);
	h->holds = virtq_pop(&dev->queues[0], &h->held) > 0;
	virtio_device_signal_used(dev, 0);
	if (h->holds && h->held.readable_bytes == 3)
		virtio_device_requeue(dev, 0);
}

static void reset(struct virtio_device *dev)
{
	container_of(dev, struct holder, dev)->holds = false;
}

static const struct virtio_device_ops ops = {
	.config_write = config_write,
	.activate = activate,
	.notify = notify,
	.reset = reset,
};

/* A state that the input made up: it may be refused, and nothing else. */
static void own_op(void *ctx, unsigned op, struct cursor *in)
{
	struct driver *d = ctx;
	struct virtio_mmio_state state;
	const void *bytes;

	if (virtio_mmio_save(&d->slot, &state) < 0)
		return;
	if (op == 0) {
		uint16_t at = cursor_le16(in);

		((uint8_t *)&state)[at % sizeof(state)] ^= cursor_u8(in);
	} else {
		bytes = cursor_take(in, sizeof(state));
		if (bytes)
			memcpy(&state, bytes, sizeof(state));
	}
	(void)!virtio_mmio_restore(&d->slot, &state);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint16_t sizes[2] = { 4, 256 };
	struct holder h = { .config = { 1, 2, 3 } };
	struct driver d;
	struct virtio_mmio empty;
	uint64_t wide;

	driver_init(&d, 128 * KIB);
	virtio_device_init(&h.dev, &(struct virtio_device_params){
				       .ops = &ops,
				       .gmem = &d.gmem,
				       .device_id = 42,
				       .features = 0xff,
				       .queue_count = 2,
				       .queue_sizes = sizes,
				       .config = h.config,
				       .config_len = sizeof(h.config),
				       .changes_config = true,
				   });
	driver_attach(&d, &h.dev);
	script_run(&d, data, size, own_op, &d);

	virtio_mmio_init(&empty);
	for (uint64_t i = 0; i < size && i < 16; i++) {
		virtio_mmio_read(&empty, data[i] * 4, &wide, 1 << (i % 4));
		virtio_mmio_write(&empty, data[i] * 4, &wide, 1 << (i % 4));
	}
	virtio_device_fini(&h.dev);
	driver_fini(&d);
	return 0;
}
