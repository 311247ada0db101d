/*
 * The byte ranges that one open file has locked, kept as the kernel keeps them, so that their
 * number can be limited: the kernel itself sets no limit to it.
 */
#ifndef NACELLE_VIRTIO_P9_RANGES_H
#define NACELLE_VIRTIO_P9_RANGES_H

#include <stddef.h>
#include <stdint.h>

struct p9_range {
	uint64_t first;
	uint64_t last; /* inclusive */
	short type;    /* F_RDLCK or F_WRLCK */
};

/* Sorted, disjoint; neighbours of the same type are one. All zeroes is an empty set. */
struct p9_ranges {
	struct p9_range *range;
	size_t count;
};

/*
 * What `now` becomes when first..last is locked with this type, or unlocked (F_UNLCK), in a fresh
 * allocation that replaces or is released by the caller. Returns 0, or -ENOMEM.
 */
int p9_ranges_plan(const struct p9_ranges *now, uint64_t first, uint64_t last, short type,
		   struct p9_ranges *then) __attribute__((warn_unused_result));

void p9_ranges_free(struct p9_ranges *ranges);

#endif
