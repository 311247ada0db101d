/*
 * What all devices share: the status state machine (virtio 1.2, section 2.1), feature acceptance,
 * interrupts, the broken state, and the lock's rules. See device.h.
 */
#include "virtio/device.h"

#include <assert.h>
#include <linux/virtio_config.h>
#include <linux/virtio_mmio.h>
#include <linux/virtio_ring.h>
#include <string.h>

enum {
	/* What a driver may set, in the only order in which it may set it (3.1.1). */
	STATUS_1 = VIRTIO_CONFIG_S_ACKNOWLEDGE,
	STATUS_2 = STATUS_1 | VIRTIO_CONFIG_S_DRIVER,
	STATUS_3 = STATUS_2 | VIRTIO_CONFIG_S_FEATURES_OK,
	STATUS_4 = STATUS_3 | VIRTIO_CONFIG_S_DRIVER_OK,
};

_Static_assert(VIRTIO_FEATURES_BASIC ==
		   (VIRTIO_FEATURE(VIRTIO_RING_F_INDIRECT_DESC) |
		    VIRTIO_FEATURE(VIRTIO_RING_F_EVENT_IDX) | VIRTIO_FEATURE(VIRTIO_F_VERSION_1)),
	       "features that the transport offers");
_Static_assert(VIRTIO_QUEUES_MAX <= 32, "requeued is a mask of 32 bits");

void virtio_device_init(struct virtio_device *dev, const struct virtio_device_params *params)
{
	int error;

	assert(params->queue_count <= VIRTIO_QUEUES_MAX);
	assert(params->config_len <= VIRTIO_CONFIG_MAX && (params->config || !params->config_len));
	assert(params->ops->notify);

	memset(dev, 0, sizeof(*dev));
	dev->ops = params->ops;
	dev->gmem = params->gmem;
	dev->device_id = params->device_id;
	dev->features_offered = params->features | VIRTIO_FEATURES_BASIC;
	dev->queue_count = params->queue_count;
	dev->config = params->config;
	dev->config_len = params->config_len;
	dev->changes_config = params->changes_config;
	for (unsigned i = 0; i < params->queue_count; i++)
		virtq_init(&dev->queues[i], params->gmem, params->queue_sizes[i]);
	error = pthread_mutex_init(&dev->lock, NULL);
	assert(error == 0);
	error = pthread_mutex_init(&dev->next, NULL);
	assert(error == 0);
	(void)error;
}

void virtio_device_fini(struct virtio_device *dev)
{
	pthread_mutex_destroy(&dev->next);
	pthread_mutex_destroy(&dev->lock);
}

void virtio_device_connect(struct virtio_device *dev, void (*raise)(void *ctx), void *ctx)
{
	dev->raise = raise;
	dev->raise_ctx = ctx;
}

static void lock_in_turn(struct virtio_device *dev)
{
	pthread_mutex_lock(&dev->next);
	pthread_mutex_lock(&dev->lock);
	pthread_mutex_unlock(&dev->next);
}

void virtio_device_lock(struct virtio_device *dev)
{
	if (pthread_mutex_trylock(&dev->lock) != 0)
		lock_in_turn(dev);
}

void virtio_device_unlock(struct virtio_device *dev)
{
	for (unsigned i = 0; i < dev->queue_count; i++) {
		if (dev->queues[i].broken)
			virtio_device_break(dev, dev->queues[i].broken_why);
	}
	pthread_mutex_unlock(&dev->lock);
}

bool virtio_device_running(const struct virtio_device *dev)
{
	return (dev->status & VIRTIO_CONFIG_S_DRIVER_OK) &&
	       !(dev->status & (VIRTIO_CONFIG_S_FAILED | VIRTIO_CONFIG_S_NEEDS_RESET));
}

static void interrupt(struct virtio_device *dev, uint32_t cause)
{
	dev->interrupt_status |= cause;
	dev->interrupts++;
	if (dev->raise)
		dev->raise(dev->raise_ctx);
}

void virtio_device_signal_used(struct virtio_device *dev, unsigned queue)
{
	if (virtio_device_running(dev) && virtq_should_notify(&dev->queues[queue]))
		interrupt(dev, VIRTIO_MMIO_INT_VRING);
}

void virtio_device_config_changed(struct virtio_device *dev)
{
	assert(dev->changes_config);
	dev->config_generation++;
	if (virtio_device_running(dev))
		interrupt(dev, VIRTIO_MMIO_INT_CONFIG);
}

void virtio_device_break(struct virtio_device *dev, const char *why)
{
	if (dev->status & VIRTIO_CONFIG_S_NEEDS_RESET)
		return;
	for (unsigned i = 0; i < dev->queue_count; i++)
		virtq_break(&dev->queues[i], why);
	dev->status |= VIRTIO_CONFIG_S_NEEDS_RESET;
	dev->requeued = 0;
	dev->breaks++;
	dev->break_why = why;
	if (dev->status & VIRTIO_CONFIG_S_DRIVER_OK)
		interrupt(dev, VIRTIO_MMIO_INT_CONFIG);
}

void virtio_device_requeue(struct virtio_device *dev, unsigned queue)
{
	dev->requeued |= (uint32_t)1 << queue;
}

void virtio_device_kick(struct virtio_device *dev, unsigned queue)
{
	virtio_device_lock(dev);
	if (queue < dev->queue_count && virtio_device_running(dev)) {
		dev->kicks++;
		virtio_device_requeue(dev, queue);
	}
	while (dev->requeued && !virtio_device_paused(dev) && virtio_device_running(dev)) {
		uint32_t work = dev->requeued;

		dev->requeued = 0;
		for (unsigned i = 0; i < dev->queue_count; i++) {
			if ((work & ((uint32_t)1 << i)) && dev->queues[i].ready)
				dev->ops->notify(dev, i);
		}
		if (dev->requeued) {
			virtio_device_unlock(dev);
			lock_in_turn(dev);
		}
	}
	virtio_device_unlock(dev);
}

void virtio_device_pause(struct virtio_device *dev)
{
	__atomic_store_n(&dev->paused, true, __ATOMIC_SEQ_CST);
}

void virtio_device_resume(struct virtio_device *dev)
{
	__atomic_store_n(&dev->paused, false, __ATOMIC_SEQ_CST);
}

bool virtio_device_paused(const struct virtio_device *dev)
{
	return __atomic_load_n(&dev->paused, __ATOMIC_SEQ_CST);
}

void virtio_device_catch_up(struct virtio_device *dev)
{
	for (unsigned i = 0; i < dev->queue_count; i++)
		virtio_device_kick(dev, i);
}

void virtio_device_reset(struct virtio_device *dev)
{
	if (dev->ops->reset)
		dev->ops->reset(dev);
	for (unsigned i = 0; i < dev->queue_count; i++)
		virtq_reset(&dev->queues[i]);
	dev->features = 0;
	dev->status = 0;
	dev->interrupt_status = 0;
	dev->requeued = 0;
}

static bool features_acceptable(const struct virtio_device *dev, uint64_t features)
{
	return (features & ~dev->features_offered) == 0 &&
	       (features & VIRTIO_FEATURE(VIRTIO_F_VERSION_1));
}

static bool status_in_order(uint32_t status)
{
	return status == 0 || status == STATUS_1 || status == STATUS_2 || status == STATUS_3 ||
	       status == STATUS_4;
}

void virtio_device_write_status(struct virtio_device *dev, uint32_t value, uint64_t features)
{
	uint32_t steps = value & STATUS_4;

	if (value == 0) {
		virtio_device_reset(dev);
		return;
	}
	/* A driver reads, sets a bit and writes, so it may hand back what only we can set. */
	if (value & ~(uint32_t)(STATUS_4 | VIRTIO_CONFIG_S_FAILED | VIRTIO_CONFIG_S_NEEDS_RESET))
		return;
	if (!status_in_order(steps) || (dev->status & STATUS_4 & ~steps))
		return;
	/* The driver has to read FEATURES_OK back before it goes on (3.1.1). */
	if ((steps & ~dev->status & VIRTIO_CONFIG_S_DRIVER_OK) &&
	    !(dev->status & VIRTIO_CONFIG_S_FEATURES_OK))
		return;

	if (steps & ~dev->status & VIRTIO_CONFIG_S_FEATURES_OK) {
		if (features_acceptable(dev, features))
			dev->features = features;
		else
			steps &= ~(uint32_t)VIRTIO_CONFIG_S_FEATURES_OK;
	}
	steps &= ~(uint32_t)dev->status;
	dev->status |= (uint8_t)(steps | (value & VIRTIO_CONFIG_S_FAILED));
	if ((steps & VIRTIO_CONFIG_S_DRIVER_OK) && virtio_device_running(dev) && dev->ops->activate)
		dev->ops->activate(dev);
}

int virtio_device_enable_queue(struct virtio_device *dev, unsigned queue)
{
	return virtq_enable(&dev->queues[queue],
			    virtio_device_has(dev, VIRTIO_RING_F_INDIRECT_DESC),
			    virtio_device_has(dev, VIRTIO_RING_F_EVENT_IDX));
}

int virtio_device_save(const struct virtio_device *dev, struct virtio_device_state *state)
{
	memset(state, 0, sizeof(*state));
	state->features = dev->features;
	state->device_id = dev->device_id;
	state->interrupt_status = dev->interrupt_status;
	state->config_generation = dev->config_generation;
	state->queue_count = dev->queue_count;
	state->status = dev->status;
	for (unsigned i = 0; i < dev->queue_count; i++) {
		if (virtq_save(&dev->queues[i], &state->queues[i]) < 0)
			return -1;
	}
	return 0;
}

static bool state_acceptable(const struct virtio_device *dev,
			     const struct virtio_device_state *state)
{
	const uint32_t others = VIRTIO_CONFIG_S_FAILED | VIRTIO_CONFIG_S_NEEDS_RESET;
	bool negotiated = state->status & VIRTIO_CONFIG_S_FEATURES_OK;

	if (state->device_id != dev->device_id || state->queue_count != dev->queue_count)
		return false;
	if (!status_in_order(state->status & ~others))
		return false;
	if (state->interrupt_status & ~(uint32_t)(VIRTIO_MMIO_INT_VRING | VIRTIO_MMIO_INT_CONFIG))
		return false;
	for (unsigned i = 0; i < dev->queue_count; i++) {
		if (state->queues[i].ready && !negotiated)
			return false;
	}
	return negotiated ? features_acceptable(dev, state->features) : state->features == 0;
}

int virtio_device_restore(struct virtio_device *dev, const struct virtio_device_state *state)
{
	if (!state_acceptable(dev, state))
		return -1;
	dev->features = state->features;
	for (unsigned i = 0; i < dev->queue_count; i++) {
		if (virtq_restore(&dev->queues[i], &state->queues[i],
				  virtio_device_has(dev, VIRTIO_RING_F_INDIRECT_DESC),
				  virtio_device_has(dev, VIRTIO_RING_F_EVENT_IDX)) < 0) {
			virtio_device_reset(dev);
			return -1;
		}
	}
	dev->status = state->status;
	dev->interrupt_status = state->interrupt_status;
	dev->config_generation = state->config_generation;
	if (virtio_device_running(dev) && dev->ops->activate)
		dev->ops->activate(dev);
	return 0;
}
