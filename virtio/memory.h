/*
 * Guest memory, as a device sees it: up to four regions, and one door through which a guest address
 * becomes a pointer.
 *
 * Addresses and lengths come from the guest and are not trusted. A range is good only if it lies
 * wholly inside one region: regions are never joined, even where they touch, and device windows and
 * holes never resolve. Regions are added before the vCPUs run; a region neither moves nor vanishes
 * while a device lives, so a pointer stays good, but what it points to may change at any moment:
 * the guest's vCPUs run. Bytes that steer us are therefore copied out exactly once, with
 * gmem_fetch() or gmem_read(), and only the copy is looked at.
 */
#ifndef NACELLE_VIRTIO_MEMORY_H
#define NACELLE_VIRTIO_MEMORY_H

#include <stddef.h>
#include <stdint.h>

enum {
	GMEM_REGIONS_MAX = 4,
	GMEM_ALIGN_BYTES = 4096, /* of gpa, len and host of every region */
};

struct gmem_region {
	uint64_t gpa;
	uint64_t len;  /* bytes */
	uint8_t *host; /* not owned */
};

struct gmem {
	struct gmem_region regions[GMEM_REGIONS_MAX];
	unsigned count;
};

/*
 * Adds a region. The host mapping stays the caller's and must outlive every user of gm. Returns 0;
 * -1 if the table is full, len is 0, a value is not aligned, the end wraps, or regions overlap.
 */
int gmem_add(struct gmem *gm, uint64_t gpa, uint64_t len, void *host)
    __attribute__((warn_unused_result));

/*
 * The host address of the len bytes at gpa, or NULL unless len > 0 and all of them lie inside one
 * region. The guest can change the bytes at any time: see gmem_fetch().
 */
void *gmem_slice(const struct gmem *gm, uint64_t gpa, uint64_t len)
    __attribute__((warn_unused_result));

/*
 * Copies len bytes out of guest memory (a pointer from gmem_slice()), loading each one once; the
 * compiler cannot go back to the source after it.
 */
void gmem_fetch(void *to, const void *guest, size_t len);

/* gmem_slice() and a copy. Return 0; -1 without touching anything if the range is not good. */
int gmem_read(const struct gmem *gm, uint64_t gpa, void *to, size_t len)
    __attribute__((warn_unused_result));
int gmem_write(const struct gmem *gm, uint64_t gpa, const void *from, size_t len)
    __attribute__((warn_unused_result));

#endif
