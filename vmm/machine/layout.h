/*
 * Where things are in the guest's physical address space.
 *
 * All that the machine hands over lies in the first MiB, which is in one huge page of the host's
 * with what the kernel takes first; what it has read it may use.
 */
#ifndef NACELLE_MACHINE_LAYOUT_H
#define NACELLE_MACHINE_LAYOUT_H

#include <assert.h>
#include <stdint.h>

enum {
	LAYOUT_MP_STUB = 0x0,	       /* ends the kernel's search for an MP table at once */
	LAYOUT_BOOT_PARAMS = 0x7000,   /* struct boot_params, one page */
	LAYOUT_PAGE_TABLES = 0x8000,   /* PML4, PDPT, PD: three pages, 1 GiB mapped one to one */
	LAYOUT_COMMAND_LINE = 0x20000, /* 2 KiB are copied by the kernel */
	LAYOUT_RNG_SEED = 0x21000,     /* struct setup_data with a seed */
	LAYOUT_DEVICE_TREE = 0x22000,  /* struct setup_data with the device tree */
	LAYOUT_DEVICE_TREE_MAX = 0x10000,
	LAYOUT_LOW_END = 0xa0000, /* kernels that expect a BIOS use no RAM from here to 1 MiB */
	LAYOUT_HIGH_START = 0x100000,
};

#define LAYOUT_HOLE_START    0xc0000000u /* RAM ends here and goes on at 4 GiB */
#define LAYOUT_HOLE_END	     0x100000000ull
#define LAYOUT_VMGENID	     0xfea00000u
#define LAYOUT_VIRTIO	     0xfeb00000u /* one window per slot */
#define LAYOUT_VIRTIO_STRIDE 0x1000u
#define LAYOUT_IOAPIC	     0xfec00000u

enum {
	LAYOUT_VMGENID_BYTES = 16,
	/* I/O ports */
	LAYOUT_EARLY_CONSOLE = 0x3f8,
	LAYOUT_VIRTIO_PORTS = 0x1000, /* the same windows once more, each beside the one before */
};

static_assert(LAYOUT_DEVICE_TREE + LAYOUT_DEVICE_TREE_MAX <= LAYOUT_LOW_END, "fits below 640 KiB");

#endif
