/*
 * Sets of locked byte ranges: what POSIX says of locks that overlap, by one owner.
 */
#include "virtio/p9_ranges.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>

static void append(struct p9_ranges *set, uint64_t first, uint64_t last, short type)
{
	struct p9_range *before = set->count ? &set->range[set->count - 1] : NULL;

	if (before && before->type == type && before->last + 1 == first) {
		before->last = last;
		return;
	}
	set->range[set->count++] = (struct p9_range){ first, last, type };
}

int p9_ranges_plan(const struct p9_ranges *now, uint64_t first, uint64_t last, short type,
		   struct p9_ranges *then)
{
	size_t i = 0;

	/* The new range splits at most one old one. */
	*then = (struct p9_ranges){ .range = calloc(now->count + 2, sizeof(struct p9_range)) };
	if (!then->range)
		return -ENOMEM;
	for (; i < now->count && now->range[i].first < first; i++) {
		const struct p9_range *r = &now->range[i];

		append(then, r->first, r->last < first ? r->last : first - 1, r->type);
		if (r->last > last)
			break; /* its tail comes after the new range */
	}
	if (type != F_UNLCK)
		append(then, first, last, type);
	for (; i < now->count; i++) {
		const struct p9_range *r = &now->range[i];

		if (r->last > last)
			append(then, r->first > last ? r->first : last + 1, r->last, r->type);
	}
	return 0;
}

void p9_ranges_free(struct p9_ranges *ranges)
{
	free(ranges->range);
	*ranges = (struct p9_ranges){ 0 };
}
