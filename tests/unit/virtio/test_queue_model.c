/*
 * The queue against a model that is written differently, on every graph of four descriptors: each
 * descriptor independently ends the chain, goes on to any of five indexes (one out of range), is
 * readable, writable or empty, lies outside memory, or names an indirect table; from each head.
 */
#include "tests/unit/virtio/test.h"

#include <linux/virtio_ring.h>
#include <string.h>

#include "tests/driver/driver.h"
#include "vmm/base/bytes.h"

enum { SIZE = 4, KINDS = 5, NEXTS = 6, CHOICES = KINDS * NEXTS };
enum kind { READABLE, WRITABLE, EMPTY, OUTSIDE, INDIRECT };

struct outcome {
	int result;
	unsigned readable, writable;
};

struct choice {
	enum kind kind;
	unsigned next; /* 5: none */
};

/* One readable byte in the table that INDIRECT names, so that it counts as a readable end. */
static struct outcome model(const struct choice *choices, unsigned head)
{
	struct outcome o = { .result = -1 };
	unsigned at = head;

	for (unsigned seen = 0; seen < SIZE; seen++) {
		const struct choice *c = &choices[at];
		bool last = c->next == 5;

		if (c->kind == INDIRECT)
			return (o.writable || !last) ? (struct outcome){ .result = -1 }
						     : (struct outcome){ 1, o.readable + 1, 0 };
		if (c->kind == OUTSIDE)
			break;
		if (c->kind != WRITABLE && o.writable)
			break;
		o.readable += c->kind == READABLE;
		o.writable += c->kind == WRITABLE;
		if (last) {
			o.result = 1;
			break;
		}
		if (c->next >= SIZE)
			break;
		at = c->next;
	}
	return o;
}

static void set(struct driver *d, uint16_t index, const struct choice *c, uint64_t table)
{
	static const uint16_t flags[KINDS] = { 0, VRING_DESC_F_WRITE, 0, 0, VRING_DESC_F_INDIRECT };
	uint64_t addr = c->kind == INDIRECT ? table : DRIVER_RAM_GPA + 0x3000;
	uint32_t len = c->kind == EMPTY ? 0 : c->kind == INDIRECT ? 16 : 1;

	if (c->kind == OUTSIDE)
		addr = DRIVER_RAM_GPA - 1;
	driver_set_desc(d, 0, index, addr, len,
			(uint16_t)(flags[c->kind] | (c->next == 5 ? 0 : VRING_DESC_F_NEXT)),
			(uint16_t)c->next);
}

static void compare(struct driver *d, const struct choice *choices, unsigned head)
{
	struct outcome want = model(choices, head);
	struct virtq_chain chain;
	struct virtqueue q;
	int got;

	virtq_init(&q, &d->gmem, SIZE);
	q.size = SIZE;
	q.desc_gpa = d->queues[0].desc_gpa;
	q.avail_gpa = d->queues[0].avail_gpa;
	q.used_gpa = d->queues[0].used_gpa;
	assert_int_equal(virtq_enable(&q, true, true), 0);
	driver_set_avail(d, 0, 0, (uint16_t)head);
	got = virtq_pop(&q, &chain);
	if (got == want.result && (got < 0 || (chain.readable_bytes == want.readable &&
					       chain.writable_bytes == want.writable)))
		return;
	for (unsigned i = 0; i < SIZE; i++)
		print_error("%u: kind %u next %u\n", i, choices[i].kind, choices[i].next);
	fail_msg("head %u: got %d, want %d (%s)", head, got, want.result,
		 q.broken_why ? q.broken_why : "");
}

static void test_graphs(void **state)
{
	struct choice choices[SIZE];
	struct driver d;
	uint64_t table;

	(void)state;
	driver_init(&d, 0x4000);
	d.queues[0] = (struct driver_queue){ .size = SIZE };
	table = driver_alloc(&d, 16, 16);
	d.queues[0].desc_gpa = table;
	driver_set_desc(&d, 0, 0, DRIVER_RAM_GPA + 0x3000, 1, 0, 0);
	d.queues[0].desc_gpa = driver_alloc(&d, 64, 16);
	d.queues[0].avail_gpa = driver_alloc(&d, 32, 2);
	d.queues[0].used_gpa = driver_alloc(&d, 64, 4);
	driver_set_avail_idx(&d, 0, 1);

	for (unsigned n = 0; n < CHOICES * CHOICES * CHOICES * CHOICES; n++) {
		unsigned rest = n;

		for (uint16_t i = 0; i < SIZE; i++) {
			choices[i].kind = rest % KINDS;
			choices[i].next = rest / KINDS % NEXTS;
			rest /= CHOICES;
			set(&d, i, &choices[i], table);
		}
		/* The other heads are the same graphs under other names. */
		compare(&d, choices, n % SIZE);
	}
	driver_fini(&d);
}

/* Every distance between our index and the driver's. */
static void test_distances(void **state)
{
	struct virtq_chain chain;
	struct virtqueue q;
	struct driver d;

	(void)state;
	driver_init(&d, 0x4000);
	d.queues[0] = (struct driver_queue){ .size = SIZE };
	d.queues[0].desc_gpa = driver_alloc(&d, 64, 16);
	d.queues[0].avail_gpa = driver_alloc(&d, 32, 2);
	d.queues[0].used_gpa = driver_alloc(&d, 64, 4);
	driver_set_desc(&d, 0, 0, DRIVER_RAM_GPA, 1, 0, 0);
	for (unsigned n = 0; n <= UINT16_MAX; n++) {
		virtq_init(&q, &d.gmem, SIZE);
		q.size = SIZE;
		q.desc_gpa = d.queues[0].desc_gpa;
		q.avail_gpa = d.queues[0].avail_gpa;
		q.used_gpa = d.queues[0].used_gpa;
		assert_int_equal(virtq_enable(&q, false, n & 1), 0);
		q.next_avail = (uint16_t)(n * 7);
		driver_set_avail_idx(&d, 0, (uint16_t)(q.next_avail + n));
		assert_int_equal(virtq_pop(&q, &chain), n == 0 ? 0 : n <= SIZE ? 1 : -1);
	}
	driver_fini(&d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_graphs),
		cmocka_unit_test(test_distances),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
