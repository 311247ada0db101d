/*
 * Any ring content against the queue alone: the input is the size and features of a queue, two
 * regions of memory that touch, and the content of the first, rings included.
 */
#include <linux/virtio_ring.h>
#include <stdlib.h>
#include <string.h>

#include "tests/driver/oracle.h"
#include "virtio/queue.h"
#include "vmm/base/bytes.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { REGION_BYTES = 8192, GPA = 0x10000, DESC = 0, AVAIL = 4096, USED = 5120 };

/* Takes what there is and gives it back in an order that the input chooses. */
static void serve(struct virtqueue *q, uint8_t order)
{
	static struct virtq_chain chains[4];
	uint8_t bytes[64];
	unsigned held = 0;

	for (unsigned i = 0; i < 2 * VIRTQ_SIZE_MAX; i++) {
		if (virtq_pop(q, &chains[held]) <= 0)
			break;
		if (virtq_chain_read(&chains[held], order, bytes, sizeof(bytes)) > 0)
			virtq_chain_write(&chains[held], bytes[0], bytes, sizeof(bytes));
		if (++held < 1 + order % ARRAY_SIZE(chains))
			continue;
		while (held > 0) {
			held--;
			virtq_push(q, chains[held].head, (uint32_t)chains[held].writable_bytes);
		}
		(void)!virtq_should_notify(q);
	}
	while (held > 0) {
		held--;
		virtq_push(q, chains[held].head, 0);
	}
	(void)!virtq_should_notify(q);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct cursor in = cursor_make(data, size);
	uint8_t seed = cursor_u8(&in);
	uint8_t flags = cursor_u8(&in);
	uint8_t order = cursor_u8(&in);
	uint8_t start = cursor_u8(&in);
	struct virtq_state state;
	struct gmem gm = { .count = 0 };
	struct virtqueue q;
	uint8_t *regions[2];

	for (unsigned i = 0; i < 2; i++) {
		regions[i] = aligned_alloc(GMEM_ALIGN_BYTES, REGION_BYTES);
		if (!regions[i] ||
		    gmem_add(&gm, GPA + i * REGION_BYTES, REGION_BYTES, regions[i]) < 0)
			abort();
		memset(regions[i], 0, REGION_BYTES);
	}
	oracle_begin(seed);
	virtq_init(&q, &gm, VIRTQ_SIZE_MAX);
	q.size = 1U << (flags % 10);
	q.desc_gpa = GPA + DESC;
	q.avail_gpa = GPA + AVAIL;
	q.used_gpa = GPA + USED;
	if (virtq_enable(&q, flags & 0x10, flags & 0x20) == 0) {
		if (virtq_save(&q, &state) < 0)
			abort();
		state.next_avail = state.next_used = (uint16_t)(start * 257);
		if (virtq_restore(&q, &state, flags & 0x10, flags & 0x20) < 0)
			abort();
	}
	/* More regions, at odds with those there are or not, and a write to any address. */
	(void)!gmem_add(&gm, (uint64_t)start << 12, (uint64_t)(order % 3) << 12, regions[1]);
	(void)!gmem_write(&gm, (uint64_t)seed << 8, &start, sizeof(start));
	while (cursor_left(&in) >= 4 && !q.broken) {
		uint16_t at = cursor_le16(&in) % REGION_BYTES;
		size_t count = 1 + cursor_le16(&in) % 512;
		const void *bytes;

		if (count > cursor_left(&in))
			count = cursor_left(&in);
		if (count > REGION_BYTES - (size_t)at)
			count = REGION_BYTES - (size_t)at;
		bytes = cursor_take(&in, count);
		memcpy(regions[0] + at, bytes, count);
		serve(&q, order);
	}
	free(regions[0]);
	free(regions[1]);
	return 0;
}
