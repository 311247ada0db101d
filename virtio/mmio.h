/*
 * The virtio-mmio transport (virtio 1.2, section 4.2), version 2 only: the register window of one
 * slot, in front of one device or of none.
 *
 * Offsets, widths and values come from the guest. Registers are accessed by aligned 4-byte loads
 * and stores; the configuration space by 1, 2, 4 or 8 bytes inside its size; anything else reads as
 * zeroes and is ignored when written. A slot without a device says DeviceID 0, which ends a
 * driver's probe.
 */
#ifndef NACELLE_VIRTIO_MMIO_H
#define NACELLE_VIRTIO_MMIO_H

#include <stdint.h>

#include "virtio/device.h"

enum { VIRTIO_MMIO_WINDOW_BYTES = 0x200 };

struct virtio_mmio {
	struct virtio_device *dev; /* NULL while empty; loaded and stored atomically */

	/* Selectors and halves written by the driver; guarded by the device's lock. */
	uint32_t device_features_sel;
	uint32_t driver_features_sel;
	uint32_t queue_sel;
	uint64_t driver_features;
};

/* What a snapshot keeps of a slot, the device included; plain bytes. */
struct virtio_mmio_state {
	uint64_t driver_features;
	uint32_t device_features_sel;
	uint32_t driver_features_sel;
	uint32_t queue_sel;
	uint32_t reserved;
	struct virtio_device_state device;
};

/* An empty slot. */
void virtio_mmio_init(struct virtio_mmio *slot);

/*
 * Puts a device (connected already) into an empty slot, where it stays; also while vCPUs run. The
 * device is not owned and must outlive the slot.
 */
void virtio_mmio_plug(struct virtio_mmio *slot, struct virtio_device *dev);

/*
 * One access of the guest, len bytes at an offset from the start of the window, little-endian as
 * KVM hands it over. A read always fills all len bytes. Both take the device's lock; a write may
 * run the device's work (QueueNotify) and take as long as that.
 */
void virtio_mmio_read(struct virtio_mmio *slot, uint64_t offset, void *data, uint32_t len);
void virtio_mmio_write(struct virtio_mmio *slot, uint64_t offset, const void *data, uint32_t len);

/* As virtio_device_save() and virtio_device_restore(), for a slot that holds a device. */
int virtio_mmio_save(const struct virtio_mmio *slot, struct virtio_mmio_state *state)
    __attribute__((warn_unused_result));
int virtio_mmio_restore(struct virtio_mmio *slot, const struct virtio_mmio_state *state)
    __attribute__((warn_unused_result));

#endif
