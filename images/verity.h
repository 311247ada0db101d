/*
 * fs-verity of EROFS images (Linux's Documentation/filesystems/fsverity.rst): where the file system
 * under the store has it, the kernel checks every page of an image as it is read, for ever after,
 * and the file cannot be written any more.
 */
#ifndef NACELLE_IMAGES_VERITY_H
#define NACELLE_IMAGES_VERITY_H

#include "images/digest.h"
#include "vmm/base/error.h"

/* The measurement of an open file; algorithm 0 where there is none. */
void verity_measure(int fd, struct digest *out);

/*
 * Turns it on for a file that nobody has open for writing; fd is open for reading. Returns 0, also
 * where it is not to be had; -1 with err filled when the disk is full or broken.
 */
int verity_enable(int fd, struct error *err);

#endif
