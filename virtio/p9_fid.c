/*
 * The fid table. Linear probing keeps at most half of the slots filled; a removal moves later
 * entries of the same run back, so that there are no tombstones.
 */
#include "virtio/p9_fid.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

enum { CAPACITY_MIN = 64 };

void p9_fids_init(struct p9_fids *fids, size_t limit)
{
	*fids = (struct p9_fids){ .limit = limit };
}

static size_t home(const struct p9_fids *fids, uint32_t id)
{
	return (id * (uint64_t)0x9e3779b97f4a7c15 >> 32) & (fids->capacity - 1);
}

/* The slot where the number is, or where it would go. */
static size_t find_slot(const struct p9_fids *fids, uint32_t id)
{
	size_t slot = home(fids, id);

	while (fids->table[slot] && fids->table[slot]->id != id)
		slot = (slot + 1) & (fids->capacity - 1);
	return slot;
}

struct p9_fid *p9_fid_find(const struct p9_fids *fids, uint32_t id)
{
	return fids->capacity ? fids->table[find_slot(fids, id)] : NULL;
}

static int grow(struct p9_fids *fids)
{
	struct p9_fids larger = *fids;

	larger.capacity = fids->capacity ? fids->capacity * 2 : CAPACITY_MIN;
	larger.table = calloc(larger.capacity, sizeof(struct p9_fid *));
	if (!larger.table)
		return -ENOMEM;
	for (size_t i = 0; i < fids->capacity; i++) {
		if (fids->table[i])
			larger.table[find_slot(&larger, fids->table[i]->id)] = fids->table[i];
	}
	free(fids->table);
	*fids = larger;
	return 0;
}

int p9_fid_add(struct p9_fids *fids, uint32_t id, uint32_t uid, struct p9_node *node,
	       struct p9_fid **fid)
{
	size_t slot;

	if (id == P9_NOFID)
		return -EINVAL;
	if (p9_fid_find(fids, id))
		return -EEXIST;
	if (fids->count >= fids->limit)
		return -ENFILE;
	if ((fids->count + 1) * 2 > fids->capacity && grow(fids) < 0)
		return -ENOMEM;
	*fid = calloc(1, sizeof(**fid));
	if (!*fid)
		return -ENOMEM;
	**fid = (struct p9_fid){ .id = id, .uid = uid, .node = node, .io_fd = -1, .lock_fd = -1 };
	slot = find_slot(fids, id);
	fids->table[slot] = *fid;
	fids->count++;
	return 0;
}

void p9_fid_remove(struct p9_fids *fids, struct p9_fid *fid)
{
	size_t mask = fids->capacity - 1;
	size_t hole = find_slot(fids, fid->id);

	assert(fids->table[hole] == fid);
	fids->table[hole] = NULL;
	fids->count--;
	for (size_t at = (hole + 1) & mask; fids->table[at]; at = (at + 1) & mask) {
		size_t want = home(fids, fids->table[at]->id);

		/* It may move to the hole unless its home lies between the hole and itself. */
		if (((at - want) & mask) < ((at - hole) & mask))
			continue;
		fids->table[hole] = fids->table[at];
		fids->table[at] = NULL;
		hole = at;
	}
}

struct p9_fid *p9_fid_next(const struct p9_fids *fids, size_t *at)
{
	for (; *at < fids->capacity; (*at)++) {
		if (fids->table[*at])
			return fids->table[*at];
	}
	return NULL;
}

void p9_fids_fini(struct p9_fids *fids)
{
	assert(!fids->count);
	free(fids->table);
	*fids = (struct p9_fids){ .limit = fids->limit };
}
