/*
 * Open addressing over a table that is never more than half full. Inode numbers come from file
 * systems that an app may have written, so they are mixed; a row of collisions costs time of the
 * short-lived guest alone.
 */
#include "guest-init/hard_links.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>

struct hard_link {
	uint64_t device, inode;
	uint32_t name; /* its place in names, or 0 */
};

enum { SLOTS = 2 * HARD_LINKS_MAX };

static void *map(size_t len)
{
	void *at = mmap(NULL, len, PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	return at == MAP_FAILED ? NULL : at;
}

int hard_links_begin(struct hard_links *links)
{
	*links = (struct hard_links){ .slots = map(SLOTS * sizeof(struct hard_link)),
				      .names = map(HARD_LINKS_NAMES_BYTES),
				      .names_used = 1 };
	if (links->slots && links->names)
		return 0;
	hard_links_end(links);
	errno = ENOMEM;
	return -1;
}

void hard_links_end(struct hard_links *links)
{
	if (links->slots)
		(void)munmap(links->slots, SLOTS * sizeof(struct hard_link));
	if (links->names)
		(void)munmap(links->names, HARD_LINKS_NAMES_BYTES);
	*links = (struct hard_links){ 0 };
}

/* The finalizer of MurmurHash3. */
static size_t hash(uint64_t device, uint64_t inode)
{
	uint64_t h = inode ^ (device << 40);

	h = (h ^ h >> 33) * 0xff51afd7ed558ccd;
	h = (h ^ h >> 33) * 0xc4ceb9fe1a85ec53;
	return (size_t)(h ^ h >> 33) % SLOTS;
}

int hard_links_meet(struct hard_links *links, dev_t device, ino_t inode, const char *path,
		    const char **first)
{
	size_t len = strlen(path) + 1;
	struct hard_link *slot;

	for (size_t at = hash(device, inode);; at = (at + 1) % SLOTS) {
		slot = &links->slots[at];
		if (!slot->name || (slot->device == device && slot->inode == inode))
			break;
	}
	if (slot->name) {
		*first = links->names + slot->name;
		return 0;
	}
	if (links->count == HARD_LINKS_MAX || len > HARD_LINKS_NAMES_BYTES - links->names_used) {
		errno = ENOSPC;
		return -1;
	}
	*slot = (struct hard_link){ device, inode, (uint32_t)links->names_used };
	memcpy(links->names + links->names_used, path, len);
	links->names_used += len;
	links->count++;
	*first = NULL;
	return 0;
}
