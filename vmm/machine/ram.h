/*
 * The guest's RAM: anonymous memory, aligned so that huge pages can back it.
 */
#ifndef NACELLE_MACHINE_RAM_H
#define NACELLE_MACHINE_RAM_H

#include <stdint.h>

#include "virtio/memory.h"
#include "vmm/base/error.h"

/*
 * Maps `bytes` (a multiple of 2 MiB) as one region from 0, or two around the hole below 4 GiB. The
 * memory lives as long as the process.
 */
int ram_create(struct gmem *memory, uint64_t bytes, struct error *err);

/* Gives pages of it back to the host: the guest finds zeroes, or its kernel's file. ctx is not
 * used. */
void ram_discard(void *ctx, void *host, size_t len);

#endif
