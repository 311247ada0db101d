/*
 * The guest's RAM. A guard of inaccessible pages lies around it, it is left out of core dumps, and
 * huge pages are asked for: host and guest addresses are congruent modulo 2 MiB.
 */
#include "vmm/machine/ram.h"

#include <errno.h>
#include <sys/mman.h>

#include "vmm/base/bytes.h"
#include "vmm/machine/layout.h"

#define HUGE_BYTES (2 * MIB)

int ram_create(struct gmem *memory, uint64_t bytes, struct error *err)
{
	uint64_t low = bytes < LAYOUT_HOLE_START ? bytes : LAYOUT_HOLE_START;
	uint8_t *reserved, *ram;

	reserved = mmap(NULL, bytes + 2 * HUGE_BYTES, PROT_NONE,
			MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (reserved == MAP_FAILED)
		return error_set(err, errno, "no address space for %ju MiB of guest memory",
				 (uintmax_t)(bytes / MIB));
	ram = (uint8_t *)align_up((uintptr_t)reserved + 1, HUGE_BYTES);
	if (mprotect(ram, bytes, PROT_READ | PROT_WRITE) < 0)
		return error_set(err, errno, "no memory for %ju MiB of guest memory",
				 (uintmax_t)(bytes / MIB));
	/* Advice only: a kernel built without it works as well. */
	(void)madvise(ram, bytes, MADV_HUGEPAGE);
	(void)madvise(ram, bytes, MADV_DONTDUMP);
	(void)madvise(ram, bytes, MADV_DONTFORK);
	if (gmem_add(memory, 0, low, ram) < 0 ||
	    (bytes > low && gmem_add(memory, LAYOUT_HOLE_END, bytes - low, ram + low) < 0))
		return error_set(err, EINVAL, "%ju bytes of guest memory are not whole pages",
				 (uintmax_t)bytes);
	return 0;
}

void ram_discard(void *ctx, void *host, size_t len)
{
	(void)ctx;
	(void)madvise(host, len, MADV_DONTNEED);
}
