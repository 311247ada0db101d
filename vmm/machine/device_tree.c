/*
 * The device tree of the machine: libfdt's door in this room.
 */
#include "vmm/machine/device_tree.h"

#include <libfdt.h>
#include <stdbool.h>
#include <stdio.h>

#include "guest-init/protocol.h"
#include "vmm/base/bytes.h"
#include "vmm/machine/ioapic.h"
#include "vmm/machine/layout.h"

enum {
	IOAPIC_PHANDLE = 1,
	/* Index into Linux's of_ioapic_type[]: edge, rising. One message per event, no EOI. */
	TRIGGER_EDGE_RISING = 3,
};

static void put_cells(void *fdt, const char *name, const uint32_t *cells, unsigned count)
{
	fdt32_t wire[4];

	assert(count <= ARRAY_SIZE(wire));
	for (unsigned i = 0; i < count; i++)
		wire[i] = cpu_to_fdt32(cells[i]);
	fdt_property(fdt, name, wire, (int)(count * sizeof(wire[0])));
}

static void put_reg(void *fdt, uint32_t address, uint32_t bytes)
{
	put_cells(fdt, "reg", (const uint32_t[]){ address, bytes }, 2);
}

static void put_interrupt(void *fdt, unsigned pin)
{
	put_cells(fdt, "interrupts", (const uint32_t[]){ pin, TRIGGER_EDGE_RISING }, 2);
}

static void put_cpus(void *fdt, unsigned count)
{
	fdt_begin_node(fdt, "cpus");
	fdt_property_u32(fdt, "#address-cells", 1);
	fdt_property_u32(fdt, "#size-cells", 0);
	for (unsigned i = 0; i < count; i++) {
		char name[16];

		(void)snprintf(name, sizeof(name), "cpu@%x", i);
		fdt_begin_node(fdt, name);
		fdt_property_string(fdt, "device_type", "cpu");
		fdt_property_u32(fdt, "reg", i);
		fdt_end_node(fdt);
	}
	fdt_end_node(fdt);
}

static void put_ioapic(void *fdt)
{
	fdt_begin_node(fdt, "interrupt-controller@fec00000");
	fdt_property_string(fdt, "compatible", "intel,ce4100-ioapic");
	put_reg(fdt, LAYOUT_IOAPIC, IOAPIC_SIZE_BYTES);
	fdt_property(fdt, "interrupt-controller", NULL, 0);
	fdt_property_u32(fdt, "#interrupt-cells", 2);
	fdt_property_u32(fdt, "phandle", IOAPIC_PHANDLE);
	fdt_end_node(fdt);
}

/*
 * What a start does not need is for no driver yet: guest-init gives it to virtio-mmio by its name,
 * some time after the start.
 */
static void put_virtio(void *fdt, const struct device_tree_request *request, unsigned slot)
{
	bool is_late = slot == request->slots - 1;
	uint32_t address = LAYOUT_VIRTIO + slot * LAYOUT_VIRTIO_STRIDE;
	char name[32];

	(void)snprintf(name, sizeof(name), "%s@%x", is_late ? NACELLE_LATE_DEVICE : "virtio",
		       address);
	fdt_begin_node(fdt, name);
	if (is_late)
		fdt_property_string(fdt, "compatible", "nacelle,late");
	else
		fdt_property_string(fdt, "compatible", "virtio,mmio");
	put_reg(fdt, address, VIRTIO_MMIO_WINDOW_BYTES);
	put_interrupt(fdt, slot);
	/* For a driver that knows it; any other uses the memory. */
	fdt_property_u32(fdt, "nacelle,port",
			 LAYOUT_VIRTIO_PORTS + slot * VIRTIO_MMIO_WINDOW_BYTES);
	/* Nor does it ask why it was interrupted, by an edge that can mean nothing else. */
	if (!request->windows[slot].dev->changes_config)
		fdt_property(fdt, "nacelle,queues-only", NULL, 0);
	fdt_end_node(fdt);
}

static void put_vmgenid(void *fdt, unsigned pin)
{
	fdt_begin_node(fdt, "vmgenid@fea00000");
	fdt_property_string(fdt, "compatible", "microsoft,vmgenid");
	put_reg(fdt, LAYOUT_VMGENID, LAYOUT_VMGENID_BYTES);
	put_interrupt(fdt, pin);
	fdt_end_node(fdt);
}

int device_tree_build(const struct device_tree_request *request, void *buffer, size_t *len_bytes,
		      struct error *err)
{
	int status;

	/* libfdt's sequential writer keeps the first error: it is enough to look at the end. */
	fdt_create_with_flags(buffer, DEVICE_TREE_BYTES_MAX, FDT_CREATE_FLAG_NO_NAME_DEDUP);
	fdt_finish_reservemap(buffer);
	fdt_begin_node(buffer, "");
	/* Linux ignores a tree whose root is compatible with nothing. */
	fdt_property_string(buffer, "compatible", "nacelle");
	fdt_property_u32(buffer, "#address-cells", 1);
	fdt_property_u32(buffer, "#size-cells", 1);
	fdt_property_u32(buffer, "interrupt-parent", IOAPIC_PHANDLE);
	put_cpus(buffer, request->cpus);
	put_ioapic(buffer);
	for (unsigned i = 0; i < request->slots; i++)
		put_virtio(buffer, request, i);
	put_vmgenid(buffer, request->slots);
	fdt_end_node(buffer);
	status = fdt_finish(buffer);
	if (status < 0)
		return error_set(err, 0, "cannot make the device tree: %s", fdt_strerror(status));
	*len_bytes = fdt_totalsize(buffer);
	return 0;
}
