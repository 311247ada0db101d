/*
 * The device tree that describes the machine to the guest kernel (Devicetree Specification v0.4).
 * What Linux on x86 reads of it: arch/x86/kernel/devicetree.c.
 */
#ifndef NACELLE_MACHINE_DEVICE_TREE_H
#define NACELLE_MACHINE_DEVICE_TREE_H

#include <stddef.h>

#include "virtio/mmio.h"
#include "vmm/base/error.h"

struct device_tree_request {
	unsigned cpus;
	/* virtio-mmio windows, the last one late; slot n interrupts by pin n, vmgenid by pin
	 * `slots` */
	unsigned slots;
	const struct virtio_mmio *windows; /* of them, each with its device */
};

enum { DEVICE_TREE_BYTES_MAX = 24576 };

/*
 * Writes the flattened tree into buffer (DEVICE_TREE_BYTES_MAX bytes) and its length into
 * len_bytes.
 */
int device_tree_build(const struct device_tree_request *request, void *buffer, size_t *len_bytes,
		      struct error *err);

#endif
