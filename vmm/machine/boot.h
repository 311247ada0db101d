/*
 * The x86-64 boot protocol (Linux Documentation/arch/x86/boot.rst and zero-page.rst), as far as a
 * vmlinux entered at 64 bit reads it.
 */
#ifndef NACELLE_MACHINE_BOOT_H
#define NACELLE_MACHINE_BOOT_H

#include <stddef.h>
#include <stdint.h>

#include "virtio/memory.h"
#include "vmm/base/error.h"

struct boot_request {
	const char *command_line;
	const void *device_tree;
	size_t device_tree_bytes;
	uint64_t initramfs_gpa;
	uint64_t initramfs_bytes;
};

/*
 * Writes page tables, boot_params, command line, memory map, device tree, a seed for the guest's
 * random number generator, and a stub that ends the kernel's search for MP tables.
 */
int boot_write(const struct gmem *memory, const struct boot_request *request, struct error *err);

#endif
