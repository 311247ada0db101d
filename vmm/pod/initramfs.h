/*
 * The archive that carries the pod record: appended to the base initramfs, whose files the kernel
 * unpacks first.
 */
#ifndef NACELLE_POD_INITRAMFS_H
#define NACELLE_POD_INITRAMFS_H

#include <stdbool.h>
#include <stddef.h>

#include "vmm/base/error.h"

struct initramfs_file {
	const char *name; /* relative: "pod.dtb" */
	const void *data;
	size_t len;
	bool is_program; /* mode 0700, else 0600 */
};

/*
 * Makes an uncompressed cpio archive (the kernel's early-userspace/buffer-format.rst, "newc") of
 * files into *archive, which the caller frees. The archive's length is a multiple of 4, and it must
 * be placed at a multiple of 4. Returns 0, or -1 with err filled.
 */
int initramfs_build(const struct initramfs_file *files, size_t count, void **archive,
		    size_t *archive_len, struct error *err);

#endif
