/*
 * Guest memory: the one door from guest addresses to pointers. See memory.h for what is trusted.
 */
#include "virtio/memory.h"

#include <stdbool.h>
#include <string.h>

static bool aligned(uint64_t value)
{
	return (value & (GMEM_ALIGN_BYTES - 1)) == 0;
}

int gmem_add(struct gmem *gm, uint64_t gpa, uint64_t len, void *host)
{
	uint64_t end;

	if (gm->count >= GMEM_REGIONS_MAX || len == 0 || __builtin_add_overflow(gpa, len, &end))
		return -1;
	if (!host || !aligned(gpa) || !aligned(len) || !aligned((uint64_t)(uintptr_t)host))
		return -1;
	for (unsigned i = 0; i < gm->count; i++) {
		const struct gmem_region *r = &gm->regions[i];

		if (gpa < r->gpa + r->len && r->gpa < end)
			return -1;
	}
	gm->regions[gm->count++] = (struct gmem_region){ .gpa = gpa, .len = len, .host = host };
	return 0;
}

void *gmem_slice(const struct gmem *gm, uint64_t gpa, uint64_t len)
{
	if (len == 0)
		return NULL;
	for (unsigned i = 0; i < gm->count; i++) {
		const struct gmem_region *r = &gm->regions[i];
		uint64_t offset = gpa - r->gpa;

		/* The subtraction wraps to a huge offset when gpa is below the region. */
		if (offset < r->len && len <= r->len - offset)
			return r->host + offset;
	}
	return NULL;
}

void gmem_fetch(void *to, const void *guest, size_t len)
{
	memcpy(to, guest, len);
	__asm__ volatile("" ::: "memory");
}

int gmem_read(const struct gmem *gm, uint64_t gpa, void *to, size_t len)
{
	const void *from = gmem_slice(gm, gpa, len);

	if (!from)
		return -1;
	gmem_fetch(to, from, len);
	return 0;
}

int gmem_write(const struct gmem *gm, uint64_t gpa, const void *from, size_t len)
{
	void *to = gmem_slice(gm, gpa, len);

	if (!to)
		return -1;
	memcpy(to, from, len);
	return 0;
}
