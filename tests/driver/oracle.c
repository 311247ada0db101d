/*
 * Checks around the queue's functions. See oracle.h.
 */
#include "tests/driver/oracle.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "virtio/queue.h"

enum { QUEUES = 16 };

static struct {
	const struct virtqueue *q;
	bool held[VIRTQ_SIZE_MAX];
	uint64_t writable[VIRTQ_SIZE_MAX];
} books[QUEUES];

static uint32_t noise;

/* The linker's names for the wrapped functions and their wrappers. */
int __real_virtq_pop(struct virtqueue *q, struct virtq_chain *chain);
void __real_virtq_push(struct virtqueue *q, uint16_t head, uint32_t written_bytes);
void __real_virtq_push_many(struct virtqueue *q, const struct virtq_used *used, unsigned count);
void __real_virtq_unpop(struct virtqueue *q, uint16_t head);
void __real_virtq_reset(struct virtqueue *q);
void __real_gmem_fetch(void *to, const void *guest, size_t len);
int __real_gmem_read(const struct gmem *gm, uint64_t gpa, void *to, size_t len);
int __wrap_virtq_pop(struct virtqueue *q, struct virtq_chain *chain);
void __wrap_virtq_push(struct virtqueue *q, uint16_t head, uint32_t written_bytes);
void __wrap_virtq_push_many(struct virtqueue *q, const struct virtq_used *used, unsigned count);
void __wrap_virtq_unpop(struct virtqueue *q, uint16_t head);
void __wrap_virtq_reset(struct virtqueue *q);
void __wrap_gmem_fetch(void *to, const void *guest, size_t len);
int __wrap_gmem_read(const struct gmem *gm, uint64_t gpa, void *to, size_t len);

static void require(bool good, const char *what)
{
	if (good)
		return;
	(void)fprintf(stderr, "oracle: %s\n", what);
	abort();
}

void oracle_begin(uint32_t seed)
{
	memset(books, 0, sizeof(books));
	noise = seed;
}

static unsigned book(const struct virtqueue *q)
{
	for (unsigned i = 0; i < QUEUES; i++) {
		if (!books[i].q)
			books[i].q = q;
		if (books[i].q == q)
			return i;
	}
	abort();
}

static void change(const void *guest, size_t len)
{
	uint8_t *at;

	if (!noise || !len)
		return;
	memcpy(&at, &guest, sizeof(at)); /* guest memory is never const to a vCPU */
	noise = noise * 1664525 + 1013904223;
	at[(noise >> 8) % len] ^= (uint8_t)(noise >> 24);
}

static bool inside(const struct gmem *gm, const struct iovec *iov)
{
	const uint8_t *at = iov->iov_base;

	for (unsigned i = 0; i < gm->count; i++) {
		const struct gmem_region *r = &gm->regions[i];

		if (at >= r->host && at < r->host + r->len &&
		    iov->iov_len <= (size_t)(r->host + r->len - at))
			return true;
	}
	return false;
}

static void check_chain(const struct virtqueue *q, const struct virtq_chain *chain)
{
	uint64_t sums[2] = { 0, 0 };

	require(chain->head < q->size, "head beyond the queue");
	require(chain->readable_count + chain->writable_count <= q->size, "too many buffers");
	for (unsigned i = 0; i < chain->readable_count + chain->writable_count; i++) {
		require(chain->iov[i].iov_len > 0, "empty buffer");
		require(inside(q->gmem, &chain->iov[i]), "buffer outside memory");
		sums[i >= chain->readable_count] += chain->iov[i].iov_len;
	}
	require(sums[0] == chain->readable_bytes && sums[1] == chain->writable_bytes, "wrong sums");
	require(sums[0] + sums[1] <= UINT32_MAX, "chain too long");
}

int __wrap_virtq_pop(struct virtqueue *q, struct virtq_chain *chain)
{
	unsigned b = book(q);
	int got = __real_virtq_pop(q, chain);

	require(!q->broken == (got >= 0), "broken and not said so");
	if (got <= 0)
		return got;
	check_chain(q, chain);
	require(!books[b].held[chain->head], "head handed out twice");
	books[b].held[chain->head] = true;
	books[b].writable[chain->head] = chain->writable_bytes;
	return got;
}

static void check_push(const struct virtqueue *q, uint16_t head, uint32_t written_bytes)
{
	unsigned b = book(q);

	require(head < VIRTQ_SIZE_MAX && books[b].held[head], "pushed what is not held");
	require(written_bytes <= books[b].writable[head], "claims more than there was room for");
	books[b].held[head] = false;
}

void __wrap_virtq_push(struct virtqueue *q, uint16_t head, uint32_t written_bytes)
{
	check_push(q, head, written_bytes);
	__real_virtq_push(q, head, written_bytes);
}

void __wrap_virtq_push_many(struct virtqueue *q, const struct virtq_used *used, unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		check_push(q, used[i].head, used[i].written_bytes);
	__real_virtq_push_many(q, used, count);
}

void __wrap_virtq_unpop(struct virtqueue *q, uint16_t head)
{
	unsigned b = book(q);

	require(head < VIRTQ_SIZE_MAX && books[b].held[head], "put back what is not held");
	books[b].held[head] = false;
	__real_virtq_unpop(q, head);
}

void __wrap_virtq_reset(struct virtqueue *q)
{
	memset(books[book(q)].held, 0, sizeof(books[0].held));
	__real_virtq_reset(q);
}

void __wrap_gmem_fetch(void *to, const void *guest, size_t len)
{
	__real_gmem_fetch(to, guest, len);
	change(guest, len);
}

int __wrap_gmem_read(const struct gmem *gm, uint64_t gpa, void *to, size_t len)
{
	int result = __real_gmem_read(gm, gpa, to, len);

	if (result == 0)
		change(gmem_slice(gm, gpa, len), len);
	return result;
}
