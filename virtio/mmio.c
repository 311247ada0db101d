/*
 * The virtio-mmio register window (virtio 1.2, section 4.2.2). See mmio.h for what is trusted.
 */
#include "virtio/mmio.h"

#include <assert.h>
#include <linux/virtio_config.h>
#include <linux/virtio_mmio.h>
#include <string.h>

#include "vmm/base/bytes.h"

enum {
	MAGIC = 0x74726976, /* "virt" */
	VERSION = 2,
	VENDOR = 0x4c43414e, /* "NACL" */
};

_Static_assert(VIRTIO_MMIO_CONFIG + VIRTIO_CONFIG_MAX == VIRTIO_MMIO_WINDOW_BYTES, "window");

static struct virtio_device *slot_device(const struct virtio_mmio *slot)
{
	return __atomic_load_n(&slot->dev, __ATOMIC_ACQUIRE);
}

void virtio_mmio_init(struct virtio_mmio *slot)
{
	*slot = (struct virtio_mmio){ .dev = NULL };
}

void virtio_mmio_plug(struct virtio_mmio *slot, struct virtio_device *dev)
{
	assert(!slot->dev);
	__atomic_store_n(&slot->dev, dev, __ATOMIC_RELEASE);
}

static uint32_t word(uint64_t value, uint32_t sel)
{
	return sel > 1 ? 0 : (uint32_t)(value >> (32 * sel));
}

static void set_word(uint64_t *value, uint32_t sel, uint32_t word_value)
{
	uint64_t mask = (uint64_t)UINT32_MAX << (32 * sel);

	*value = (*value & ~mask) | (uint64_t)word_value << (32 * sel);
}

/* The queue that QueueSel names, or NULL. */
static struct virtqueue *selected_queue(const struct virtio_mmio *slot)
{
	return slot->queue_sel < slot->dev->queue_count ? &slot->dev->queues[slot->queue_sel]
							: NULL;
}

static uint32_t read_register(const struct virtio_mmio *slot, uint64_t offset)
{
	const struct virtio_device *dev = slot->dev;
	const struct virtqueue *q = selected_queue(slot);

	switch (offset) {
	case VIRTIO_MMIO_DEVICE_FEATURES:
		return word(dev->features_offered, slot->device_features_sel);
	case VIRTIO_MMIO_QUEUE_NUM_MAX:
		return q ? q->size_max : 0;
	case VIRTIO_MMIO_QUEUE_READY:
		return q && q->ready;
	case VIRTIO_MMIO_INTERRUPT_STATUS:
		return dev->interrupt_status;
	case VIRTIO_MMIO_STATUS:
		return dev->status;
	case VIRTIO_MMIO_SHM_LEN_LOW:
	case VIRTIO_MMIO_SHM_LEN_HIGH:
	case VIRTIO_MMIO_SHM_BASE_LOW:
	case VIRTIO_MMIO_SHM_BASE_HIGH:
		return UINT32_MAX; /* a length of -1: there is no such region */
	case VIRTIO_MMIO_CONFIG_GENERATION:
		return dev->config_generation;
	default:
		return 0;
	}
}

/* The registers that are the same with and without a device. */
static uint32_t read_identity(const struct virtio_device *dev, uint64_t offset)
{
	switch (offset) {
	case VIRTIO_MMIO_MAGIC_VALUE:
		return MAGIC;
	case VIRTIO_MMIO_VERSION:
		return VERSION;
	case VIRTIO_MMIO_DEVICE_ID:
		return dev ? dev->device_id : 0;
	default:
		return dev ? VENDOR : 0;
	}
}

/* Whether len bytes at an offset of the window lie in the configuration space. */
static bool config_range(const struct virtio_device *dev, uint64_t offset, uint32_t len)
{
	uint64_t at = offset - VIRTIO_MMIO_CONFIG;

	if (len != 1 && len != 2 && len != 4 && len != 8)
		return false;
	return at <= dev->config_len && len <= dev->config_len - at;
}

void virtio_mmio_read(struct virtio_mmio *slot, uint64_t offset, void *data, uint32_t len)
{
	struct virtio_device *dev = slot_device(slot);
	le32 value;

	memset(data, 0, len);
	if (dev && offset >= VIRTIO_MMIO_CONFIG) {
		virtio_device_lock(dev);
		if (config_range(dev, offset, len))
			memcpy(data, (const uint8_t *)dev->config + (offset - VIRTIO_MMIO_CONFIG),
			       len);
		virtio_device_unlock(dev);
		return;
	}
	if (len != sizeof(value) || offset % sizeof(value) || offset >= VIRTIO_MMIO_CONFIG)
		return;

	if (offset <= VIRTIO_MMIO_VENDOR_ID) {
		value = le32_make(read_identity(dev, offset));
	} else if (dev) {
		virtio_device_lock(dev);
		value = le32_make(read_register(slot, offset));
		virtio_device_unlock(dev);
	} else {
		return;
	}
	memcpy(data, &value, sizeof(value));
}

/* Whether the driver is in the phase in which it sets up queues (3.1.1, step 7). */
static bool queues_open(const struct virtio_device *dev)
{
	const uint8_t closed =
	    VIRTIO_CONFIG_S_DRIVER_OK | VIRTIO_CONFIG_S_FAILED | VIRTIO_CONFIG_S_NEEDS_RESET;

	return (dev->status & VIRTIO_CONFIG_S_FEATURES_OK) && !(dev->status & closed);
}

/*
 * 1 makes the queue ready if what was written for it holds up; 0 takes it away, for good once
 * DRIVER_OK is set, so that a chain still held can never meet a queue that was set up anew.
 */
static void write_queue_ready(struct virtio_mmio *slot, struct virtqueue *q, uint32_t value)
{
	if (value == 0)
		q->ready = false;
	else if (value == 1 && queues_open(slot->dev))
		/* A refusal shows in the register, which stays 0. */
		(void)!virtio_device_enable_queue(slot->dev, slot->queue_sel);
}

/* The registers of the selected queue, frozen while it is ready. */
static void write_queue_register(struct virtio_mmio *slot, uint64_t offset, uint32_t value)
{
	struct virtqueue *q = selected_queue(slot);

	if (!q)
		return;
	if (offset == VIRTIO_MMIO_QUEUE_READY) {
		write_queue_ready(slot, q, value);
		return;
	}
	if (q->ready || !queues_open(slot->dev))
		return;
	switch (offset) {
	case VIRTIO_MMIO_QUEUE_NUM:
		q->size = value;
		break;
	case VIRTIO_MMIO_QUEUE_DESC_LOW:
	case VIRTIO_MMIO_QUEUE_DESC_HIGH:
		set_word(&q->desc_gpa, offset == VIRTIO_MMIO_QUEUE_DESC_HIGH, value);
		break;
	case VIRTIO_MMIO_QUEUE_AVAIL_LOW:
	case VIRTIO_MMIO_QUEUE_AVAIL_HIGH:
		set_word(&q->avail_gpa, offset == VIRTIO_MMIO_QUEUE_AVAIL_HIGH, value);
		break;
	case VIRTIO_MMIO_QUEUE_USED_LOW:
	case VIRTIO_MMIO_QUEUE_USED_HIGH:
		set_word(&q->used_gpa, offset == VIRTIO_MMIO_QUEUE_USED_HIGH, value);
		break;
	default:
		break;
	}
}

static void write_driver_features(struct virtio_mmio *slot, uint32_t value)
{
	uint8_t phase = slot->dev->status & (VIRTIO_CONFIG_S_DRIVER | VIRTIO_CONFIG_S_FEATURES_OK);

	if (phase == VIRTIO_CONFIG_S_DRIVER && slot->driver_features_sel <= 1)
		set_word(&slot->driver_features, slot->driver_features_sel, value);
}

static void write_status(struct virtio_mmio *slot, uint32_t value)
{
	virtio_device_write_status(slot->dev, value, slot->driver_features);
	if (value == 0) {
		slot->device_features_sel = 0;
		slot->driver_features_sel = 0;
		slot->queue_sel = 0;
		slot->driver_features = 0;
	}
}

static void write_register(struct virtio_mmio *slot, uint64_t offset, uint32_t value)
{
	switch (offset) {
	case VIRTIO_MMIO_DEVICE_FEATURES_SEL:
		slot->device_features_sel = value;
		break;
	case VIRTIO_MMIO_DRIVER_FEATURES:
		write_driver_features(slot, value);
		break;
	case VIRTIO_MMIO_DRIVER_FEATURES_SEL:
		slot->driver_features_sel = value;
		break;
	case VIRTIO_MMIO_QUEUE_SEL:
		slot->queue_sel = value;
		break;
	case VIRTIO_MMIO_INTERRUPT_ACK:
		slot->dev->interrupt_status &= ~value;
		break;
	case VIRTIO_MMIO_STATUS:
		write_status(slot, value);
		break;
	default:
		write_queue_register(slot, offset, value);
		break;
	}
}

static void write_config(struct virtio_device *dev, uint64_t offset, const void *data, uint32_t len)
{
	virtio_device_lock(dev);
	if (dev->ops->config_write && config_range(dev, offset, len))
		dev->ops->config_write(dev, (uint32_t)(offset - VIRTIO_MMIO_CONFIG), data, len);
	virtio_device_unlock(dev);
}

void virtio_mmio_write(struct virtio_mmio *slot, uint64_t offset, const void *data, uint32_t len)
{
	struct virtio_device *dev = slot_device(slot);
	le32 value;

	if (!dev)
		return;
	if (offset >= VIRTIO_MMIO_CONFIG) {
		write_config(dev, offset, data, len);
		return;
	}
	if (len != sizeof(value) || offset % sizeof(value))
		return;
	memcpy(&value, data, sizeof(value));
	if (offset == VIRTIO_MMIO_QUEUE_NOTIFY) {
		virtio_device_kick(dev,
				   le32_get(value)); /* takes the lock itself, more than once */
		return;
	}
	virtio_device_lock(dev);
	write_register(slot, offset, le32_get(value));
	virtio_device_unlock(dev);
}

int virtio_mmio_save(const struct virtio_mmio *slot, struct virtio_mmio_state *state)
{
	memset(state, 0, sizeof(*state));
	state->driver_features = slot->driver_features;
	state->device_features_sel = slot->device_features_sel;
	state->driver_features_sel = slot->driver_features_sel;
	state->queue_sel = slot->queue_sel;
	return virtio_device_save(slot->dev, &state->device);
}

int virtio_mmio_restore(struct virtio_mmio *slot, const struct virtio_mmio_state *state)
{
	if (virtio_device_restore(slot->dev, &state->device) < 0)
		return -1;
	slot->driver_features = state->driver_features;
	slot->device_features_sel = state->device_features_sel;
	slot->driver_features_sel = state->driver_features_sel;
	slot->queue_sel = state->queue_sel;
	return 0;
}
