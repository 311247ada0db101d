/*
 * The archive that carries the pod record: appended to the base initramfs, whose files the kernel
 * unpacks first.
 */
#ifndef NACELLE_POD_INITRAMFS_H
#define NACELLE_POD_INITRAMFS_H

#include <stddef.h>

#include "vmm/base/error.h"

/*
 * Makes an uncompressed cpio archive (the kernel's early-userspace/buffer-format.rst, "newc") with
 * the one file `name`, mode 0600, of the len bytes at data, into *archive, which the caller frees.
 * The name is relative ("pod.dtb"). The archive's length is a multiple of 4, and it must be placed
 * at a multiple of 4. Returns 0, or -1 with err filled.
 */
int initramfs_build(const char *name, const void *data, size_t len, void **archive,
		    size_t *archive_len, struct error *err);

#endif
