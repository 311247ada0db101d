/*
 * The device side of a split virtqueue. queue.h has the rules; every check here is on behalf of one
 * of them, and every breach ends in virtq_break(), never in anything louder.
 */
#include "virtio/queue.h"

#include <assert.h>
#include <linux/virtio_ring.h>
#include <string.h>

#include "vmm/base/bytes.h"

/* 2.7.5 */
struct wire_desc {
	le64 addr;
	le32 len;
	le16 flags;
	le16 next;
};
_Static_assert(sizeof(struct wire_desc) == 16, "descriptor layout");
_Static_assert(offsetof(struct wire_desc, flags) == 12, "descriptor layout");

/* 2.7.8 */
struct wire_used_elem {
	le32 id;
	le32 len;
};
_Static_assert(sizeof(struct wire_used_elem) == 8, "used element layout");

/* Both rings begin with le16 flags, le16 idx (2.7.6, 2.7.8). */
enum { RING_FLAGS = 0, RING_IDX = 2, RING_ENTRIES = 4 };

static uint16_t load_le16(const uint8_t *at)
{
	uint16_t raw = __atomic_load_n((const uint16_t *)(const void *)at, __ATOMIC_ACQUIRE);

	return le16_get((le16){ raw });
}

static void store_le16(uint8_t *at, uint16_t value)
{
	__atomic_store_n((uint16_t *)(void *)at, le16_make(value).raw, __ATOMIC_RELEASE);
}

/* Orders our store of one index before our load of the other side's. */
static void full_barrier(void)
{
#ifdef __SANITIZE_THREAD__
	static int fence; /* the sanitizer knows no fences, but it knows this */
	__atomic_fetch_add(&fence, 1, __ATOMIC_SEQ_CST);
#else
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
#endif
}

/* The fields behind the entries, there with EVENT_IDX only (2.7.7, 2.7.10). */
static uint8_t *used_event(const struct virtqueue *q)
{
	return q->avail + RING_ENTRIES + 2 * (size_t)q->size;
}

static uint8_t *avail_event(const struct virtqueue *q)
{
	return q->used + RING_ENTRIES + sizeof(struct wire_used_elem) * q->size;
}

static bool head_held(const struct virtqueue *q, uint16_t head)
{
	return q->in_flight[head / 64] & ((uint64_t)1 << (head % 64));
}

static bool size_good(uint32_t size, uint32_t max)
{
	return size > 0 && size <= max && (size & (size - 1)) == 0;
}

void virtq_init(struct virtqueue *q, const struct gmem *gmem, uint16_t size_max)
{
	assert(size_good(size_max, VIRTQ_SIZE_MAX));
	*q = (struct virtqueue){ .gmem = gmem, .size_max = size_max };
}

void virtq_reset(struct virtqueue *q)
{
	virtq_init(q, q->gmem, q->size_max);
}

int virtq_enable(struct virtqueue *q, bool indirect, bool event_idx)
{
	if (q->ready || !size_good(q->size, q->size_max))
		return -1;
	if (q->desc_gpa % 16 || q->avail_gpa % 2 || q->used_gpa % 4)
		return -1;
	q->desc = gmem_slice(q->gmem, q->desc_gpa, sizeof(struct wire_desc) * q->size);
	q->avail = gmem_slice(q->gmem, q->avail_gpa, RING_ENTRIES + 2 * (uint64_t)q->size + 2);
	q->used = gmem_slice(q->gmem, q->used_gpa,
			     RING_ENTRIES + sizeof(struct wire_used_elem) * q->size + 2);
	if (!q->desc || !q->avail || !q->used)
		return -1;
	q->indirect = indirect;
	q->event_idx = event_idx;
	q->ready = true;
	return 0;
}

void virtq_break(struct virtqueue *q, const char *why)
{
	if (q->broken)
		return;
	q->broken = true;
	q->broken_why = why;
}

static int breach(struct virtqueue *q, const char *why)
{
	virtq_break(q, why);
	return -1;
}

/* Adds the buffer of one descriptor. Returns 0, or -1 with the queue broken. */
static int chain_add(struct virtqueue *q, struct virtq_chain *chain, const struct wire_desc *d)
{
	uint32_t len = le32_get(d->len);
	bool writable = le16_get(d->flags) & VRING_DESC_F_WRITE;
	void *host;

	if (!writable && chain->writable_count)
		return breach(q, "readable buffer behind a writable one");
	if (len == 0)
		return 0;
	if (chain->readable_bytes + chain->writable_bytes + len > UINT32_MAX)
		return breach(q, "chain longer than 2^32 - 1 bytes");
	host = gmem_slice(q->gmem, le64_get(d->addr), len);
	if (!host)
		return breach(q, "buffer outside memory");
	/* The walk takes at most size <= VIRTQ_SIZE_MAX steps, one entry each. */
	chain->iov[chain->readable_count + chain->writable_count] =
	    (struct iovec){ .iov_base = host, .iov_len = len };
	if (writable) {
		chain->writable_count++;
		chain->writable_bytes += len;
	} else {
		chain->readable_count++;
		chain->readable_bytes += len;
	}
	return 0;
}

/* Copies the table that an indirect descriptor names. Returns its length in entries, or -1. */
static int indirect_load(struct virtqueue *q, const struct wire_desc *d, struct wire_desc *table)
{
	uint32_t len = le32_get(d->len);

	if (!q->indirect)
		return breach(q, "indirect descriptor without the feature");
	if (le16_get(d->flags) & VRING_DESC_F_NEXT)
		return breach(q, "indirect descriptor with a next one");
	if (len == 0 || len % sizeof(*table) || len / sizeof(*table) > q->size)
		return breach(q, "indirect table of a bad length");
	if (gmem_read(q->gmem, le64_get(d->addr), table, len) < 0)
		return breach(q, "indirect table outside memory");
	return (int)(len / sizeof(*table));
}

/* Follows next fields until the chain ends. table is host memory, or NULL for the ring's own. */
static int chain_walk(struct virtqueue *q, struct virtq_chain *chain)
{
	struct wire_desc table[VIRTQ_SIZE_MAX];
	struct wire_desc d;
	bool in_table = false;
	uint32_t count = q->size;
	uint32_t index = chain->head;

	for (uint32_t steps = 0; steps < q->size;) {
		if (index >= count)
			return breach(q, "descriptor index out of range");
		if (in_table)
			d = table[index];
		else
			gmem_fetch(&d, q->desc + sizeof(d) * index, sizeof(d));

		if (le16_get(d.flags) & VRING_DESC_F_INDIRECT) {
			int loaded;

			if (in_table)
				return breach(q, "indirect table inside another");
			loaded = indirect_load(q, &d, table);
			if (loaded < 0)
				return -1;
			in_table = true;
			count = (uint32_t)loaded;
			index = 0;
			continue; /* the descriptor that names the table is no buffer */
		}
		if (chain_add(q, chain, &d) < 0)
			return -1;
		if (!(le16_get(d.flags) & VRING_DESC_F_NEXT))
			return 1;
		index = le16_get(d.next);
		steps++;
	}
	return breach(q, "chain with more buffers than the queue");
}

/* The number of chains to take, after asking for a kick if there are none; -1 if broken. */
static int chains_available(struct virtqueue *q)
{
	uint16_t pending = (uint16_t)(load_le16(q->avail + RING_IDX) - q->next_avail);

	if (!pending && q->event_idx) {
		store_le16(avail_event(q), q->next_avail);
		full_barrier();
		pending = (uint16_t)(load_le16(q->avail + RING_IDX) - q->next_avail);
	}
	if (pending > q->size)
		return breach(q, "available index jumped");
	return pending;
}

int virtq_pop(struct virtqueue *q, struct virtq_chain *chain)
{
	uint16_t head;
	int available;

	if (q->broken)
		return -1;
	if (!q->ready)
		return 0;
	available = chains_available(q);
	if (available <= 0)
		return available;

	head = load_le16(q->avail + RING_ENTRIES + 2 * (size_t)(q->next_avail & (q->size - 1)));
	if (head >= q->size)
		return breach(q, "head out of range");
	if (head_held(q, head))
		return breach(q, "head made available twice");
	chain->head = head;
	chain->readable_count = 0;
	chain->writable_count = 0;
	chain->readable_bytes = 0;
	chain->writable_bytes = 0;
	if (chain_walk(q, chain) < 0)
		return -1;

	q->next_avail++;
	q->in_flight[head / 64] |= (uint64_t)1 << (head % 64);
	q->in_flight_count++;
	return 1;
}

void virtq_unpop(struct virtqueue *q, uint16_t head)
{
	if (!q->ready || q->broken)
		return;
	assert(head_held(q, head));
	q->in_flight[head / 64] &= ~((uint64_t)1 << (head % 64));
	q->in_flight_count--;
	q->next_avail--;
}

/* Fills the used element `ahead` places behind the last that the driver can see. */
static bool fill_used(struct virtqueue *q, struct virtq_used used, unsigned ahead)
{
	struct wire_used_elem elem = { .id = le32_make(used.head),
				       .len = le32_make(used.written_bytes) };
	size_t slot = (q->next_used + ahead) & (q->size - 1);

	if (used.head >= q->size || !head_held(q, used.head)) {
		virtq_break(q, "completion of a chain that is not held");
		return false;
	}
	q->in_flight[used.head / 64] &= ~((uint64_t)1 << (used.head % 64));
	q->in_flight_count--;
	memcpy(q->used + RING_ENTRIES + sizeof(elem) * slot, &elem, sizeof(elem));
	return true;
}

void virtq_push_many(struct virtqueue *q, const struct virtq_used *used, unsigned count)
{
	if (!q->ready || q->broken)
		return;
	for (unsigned i = 0; i < count; i++) {
		if (!fill_used(q, used[i], i))
			return;
	}
	q->next_used = (uint16_t)(q->next_used + count);
	store_le16(q->used + RING_IDX, q->next_used);
}

void virtq_push(struct virtqueue *q, uint16_t head, uint32_t written_bytes)
{
	virtq_push_many(q, &(struct virtq_used){ head, written_bytes }, 1);
}

bool virtq_should_notify(struct virtqueue *q)
{
	uint16_t old = q->signalled_used;
	uint16_t new = q->next_used;

	if (!q->ready || q->broken || new == old)
		return false;
	q->signalled_used = new;
	full_barrier();
	if (!q->event_idx)
		return !(load_le16(q->avail + RING_FLAGS) & VRING_AVAIL_F_NO_INTERRUPT);
	return (uint16_t)(new - load_le16(used_event(q)) - 1) < (uint16_t)(new - old);
}

int virtq_save(const struct virtqueue *q, struct virtq_state *state)
{
	if (q->in_flight_count)
		return -1;
	memset(state, 0, sizeof(*state));
	state->desc_gpa = q->desc_gpa;
	state->avail_gpa = q->avail_gpa;
	state->used_gpa = q->used_gpa;
	state->size = q->size;
	state->next_avail = q->next_avail;
	state->next_used = q->next_used;
	state->signalled_used = q->signalled_used;
	state->ready = q->ready;
	state->broken = q->broken;
	return 0;
}

int virtq_restore(struct virtqueue *q, const struct virtq_state *state, bool indirect,
		  bool event_idx)
{
	virtq_reset(q);
	q->desc_gpa = state->desc_gpa;
	q->avail_gpa = state->avail_gpa;
	q->used_gpa = state->used_gpa;
	q->size = state->size;
	if (state->ready && virtq_enable(q, indirect, event_idx) < 0)
		return -1;
	q->next_avail = state->next_avail;
	q->next_used = state->next_used;
	q->signalled_used = state->signalled_used;
	if (state->broken)
		virtq_break(q, "broken when it was saved");
	return 0;
}
