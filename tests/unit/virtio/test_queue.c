/*
 * The queue alone: what a good driver gets, and that each thing a bad one does breaks the queue.
 */
#include "tests/unit/virtio/test.h"

#include <linux/virtio_ring.h>
#include <string.h>

#include "tests/driver/driver.h"
#include "vmm/base/bytes.h"

enum { SIZE = 8, RAM_END = DRIVER_RAM_GPA + 0x10000 };

/* A device that does nothing, so that a test can use its queue by hand. */
static void notify(struct virtio_device *dev, unsigned queue)
{
	(void)dev;
	(void)queue;
}

static const struct virtio_device_ops idle_ops = { .notify = notify };

struct fixture {
	struct driver d;
	struct virtio_device dev;
	struct virtqueue *q;
	struct virtq_chain chain;
};

static void begin(struct fixture *f, uint64_t features)
{
	static const uint16_t sizes[] = { SIZE };

	driver_init(&f->d, RAM_END - DRIVER_RAM_GPA);
	virtio_device_init(&f->dev, &(struct virtio_device_params){
					.ops = &idle_ops,
					.gmem = &f->d.gmem,
					.device_id = 42,
					.queue_count = 1,
					.queue_sizes = sizes,
				    });
	driver_attach(&f->d, &f->dev);
	assert_int_equal(driver_start(&f->d, features), 15);
	f->q = &f->dev.queues[0];
}

static void end(struct fixture *f)
{
	virtio_device_fini(&f->dev);
	driver_fini(&f->d);
}

static int pop(struct fixture *f)
{
	return virtq_pop(f->q, &f->chain);
}

static void expect_broken(struct fixture *f, const char *why)
{
	assert_int_equal(pop(f), -1);
	assert_true(f->q->broken);
	assert_string_equal(f->q->broken_why, why);
	assert_int_equal(driver_device_used_idx(&f->d, 0), 0);
}

static void test_chain(void **state)
{
	struct fixture f;
	struct driver_buf bufs[] = { { .data = "abc", .len = 3 },
				     { .len = 0 },
				     { .data = "defg", .len = 4 },
				     { .len = 5, .writable = true },
				     { .len = 6, .writable = true } };
	struct driver_used used;
	struct iovec iov[2];
	char text[16] = { 0 };

	(void)state;
	begin(&f, ~0ULL);
	for (unsigned flags = 0; flags < 2; flags++) {
		uint16_t head = driver_add(&f.d, 0, bufs, ARRAY_SIZE(bufs), flags);

		assert_int_equal(pop(&f), 1);
		assert_int_equal(f.chain.head, head);
		assert_int_equal(f.chain.readable_count, 2);
		assert_int_equal(f.chain.writable_count, 2);
		assert_int_equal(f.chain.readable_bytes, 7);
		assert_int_equal(f.chain.writable_bytes, 11);
		assert_int_equal(virtq_chain_read(&f.chain, 2, text, sizeof(text)), 5);
		assert_string_equal(text, "cdefg");
		assert_int_equal(virtq_chain_read(&f.chain, 7, text, 1), 0);
		assert_int_equal(virtq_chain_read(&f.chain, UINT64_MAX, text, 1), 0);
		assert_int_equal(virtq_chain_write(&f.chain, 4, "0123456789", 10), 7);
		assert_memory_equal(driver_at(&f.d, bufs[3].gpa, 5), "\0\0\0\0000", 5);
		assert_memory_equal(driver_at(&f.d, bufs[4].gpa, 6), "123456", 6);
		assert_int_equal(virtq_chain_readable_slice(&f.chain, 1, 3, iov), 2);
		assert_memory_equal(iov[0].iov_base, "bc", 2);
		assert_int_equal(iov[0].iov_len, 2);
		assert_int_equal(iov[1].iov_len, 1);
		assert_int_equal(virtq_chain_writable_slice(&f.chain, 5, 100, iov), 1);
		assert_int_equal(iov[0].iov_len, 6);

		assert_int_equal(pop(&f), 0);
		virtq_push(f.q, head, 7);
		assert_true(driver_collect(&f.d, 0, &used));
		assert_int_equal(used.id, head);
		assert_int_equal(used.len, 7);
		assert_false(driver_collect(&f.d, 0, &used));
		memset(driver_at(&f.d, bufs[3].gpa, 5), 0, 5);
	}
	end(&f);
}

/* Indexes wrap at 2^16, heads come back in another order. */
static void test_many(void **state)
{
	struct fixture f;
	struct driver_used used;

	(void)state;
	begin(&f, ~0ULL);
	for (unsigned round = 0; round < 70000 / 3; round++) {
		struct driver_buf bufs[] = { { .gpa = RAM_END - 4, .len = 4, .writable = true } };
		uint16_t heads[3]; /* three of eight, so that no slot keeps its content */

		for (unsigned i = 0; i < 3; i++)
			driver_add(&f.d, 0, bufs, 1, 0);
		for (unsigned i = 0; i < 3; i++) {
			assert_int_equal(pop(&f), 1);
			heads[i] = f.chain.head;
		}
		assert_int_equal(pop(&f), 0);
		for (unsigned i = 3; i-- > 0;) {
			virtq_push(f.q, heads[i], i);
			assert_true(driver_collect(&f.d, 0, &used));
			assert_int_equal(used.id, heads[i]);
			assert_int_equal(used.len, i);
		}
	}
	end(&f);
}

static void test_enable(void **state)
{
	static const struct {
		uint32_t size;
		uint64_t desc, avail, used;
		int result;
	} cases[] = {
		{ 0, 0, 0x1000, 0x2000, -1 },	       { 3, 0, 0x1000, 0x2000, -1 },
		{ 16, 0, 0x1000, 0x2000, -1 },	       { 65535, 0, 0x1000, 0x2000, -1 },
		{ UINT32_MAX, 0, 0x1000, 0x2000, -1 }, { 8, 8, 0x1000, 0x2000, -1 },
		{ 8, 0, 0x1001, 0x2000, -1 },	       { 8, 0, 0x1000, 0x2002, -1 },
		{ 8, 0xff90, 0x1000, 0x2000, -1 },     { 8, 0, 0xfff0, 0x2000, -1 },
		{ 8, 0, 0x1000, 0xffbc, -1 },	       { 8, UINT64_MAX - 15, 0x1000, 0x2000, -1 },
		{ 8, 0xff80, 0xffea, 0xffb8, 0 },      { 1, 0, 0, 0, 0 },
		{ 8, 0, 0x1000, 0x2000, 0 },
	};
	struct driver d;
	struct virtqueue q;

	(void)state;
	driver_init(&d, RAM_END - DRIVER_RAM_GPA);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		virtq_init(&q, &d.gmem, SIZE);
		q.size = cases[i].size;
		q.desc_gpa = DRIVER_RAM_GPA + cases[i].desc;
		q.avail_gpa = DRIVER_RAM_GPA + cases[i].avail;
		q.used_gpa = DRIVER_RAM_GPA + cases[i].used;
		assert_int_equal(virtq_enable(&q, true, true), cases[i].result);
		assert_int_equal(q.ready, cases[i].result == 0);
		if (q.ready)
			assert_int_equal(virtq_enable(&q, true, true), -1);
	}
	driver_fini(&d);
}

/* One ring content per case: descriptors 0 and 1, an indirect table, and what is made available. */
struct bad {
	const char *why;
	struct {
		uint64_t addr;
		uint32_t len;
		uint16_t flags, next;
	} desc[2], table[2];
	uint16_t head;
	bool no_indirect;
};

#define W  VRING_DESC_F_WRITE
#define N  VRING_DESC_F_NEXT
#define IN VRING_DESC_F_INDIRECT

static const struct bad bad_cases[] = {
	{ .why = "head out of range", .head = SIZE },
	{ .why = "head out of range", .head = UINT16_MAX },
	{ .why = "descriptor index out of range", .desc[0] = { RAM_END - 1, 1, N, SIZE } },
	{ .why = "descriptor index out of range", .desc[0] = { 0, 0, N, 0xffff } },
	{ .why = "chain with more buffers than the queue", .desc[0] = { 0, 0, N, 0 } },
	{ .why = "chain with more buffers than the queue",
	  .desc = { { RAM_END - 1, 1, N, 1 }, { RAM_END - 1, 1, N, 0 } } },
	{ .why = "buffer outside memory", .desc[0] = { RAM_END - 1, 2, 0, 0 } },
	{ .why = "buffer outside memory", .desc[0] = { RAM_END, 1, W, 0 } },
	{ .why = "buffer outside memory", .desc[0] = { DRIVER_RAM_GPA - 1, 2, W, 0 } },
	{ .why = "buffer outside memory", .desc[0] = { UINT64_MAX, UINT32_MAX, W, 0 } },
	{ .why = "buffer outside memory", .desc[0] = { 0, 1, W, 0 } },
	{ .why = "readable buffer behind a writable one",
	  .desc = { { RAM_END - 1, 1, N | W, 1 }, { RAM_END - 1, 1, 0, 0 } } },
	{ .why = "indirect descriptor without the feature",
	  .desc[0] = { 1, 16, IN, 0 },
	  .no_indirect = true },
	{ .why = "indirect descriptor with a next one", .desc[0] = { 1, 16, IN | N, 1 } },
	{ .why = "indirect table of a bad length", .desc[0] = { 1, 0, IN, 0 } },
	{ .why = "indirect table of a bad length", .desc[0] = { 1, 17, IN, 0 } },
	{ .why = "indirect table of a bad length", .desc[0] = { 1, 16 * (SIZE + 1), IN, 0 } },
	{ .why = "indirect table of a bad length", .desc[0] = { 1, 0xfffffff0, IN, 0 } },
	{ .why = "indirect table outside memory", .desc[0] = { RAM_END - 15, 16, IN, 0 } },
	{ .why = "indirect table inside another",
	  .desc[0] = { 1, 32, IN, 0 },
	  .table[0] = { 1, 16, IN, 0 } },
	{ .why = "descriptor index out of range",
	  .desc[0] = { 1, 32, IN, 0 },
	  .table[0] = { RAM_END - 1, 1, N, 2 } },
	{ .why = "chain with more buffers than the queue",
	  .desc[0] = { 1, 32, IN, 0 },
	  .table = { { RAM_END - 1, 1, N, 1 }, { RAM_END - 1, 1, N, 0 } } },
	{ .why = "readable buffer behind a writable one",
	  .desc = { { RAM_END - 1, 1, N | W, 1 }, { 1, 16, IN, 0 } },
	  .table[0] = { RAM_END - 1, 1, 0, 0 } },
};

static void test_breaches(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad_cases); i++) {
		const struct bad *bad = &bad_cases[i];
		struct fixture f;
		uint64_t table;

		begin(&f, bad->no_indirect ? ~VIRTIO_FEATURE(VIRTIO_RING_F_INDIRECT_DESC) : ~0ULL);
		table = driver_alloc(&f.d, 32, 16);
		/* The table is written through the ring's door, with the ring at its place. */
		f.d.queues[0].desc_gpa = table;
		for (uint16_t n = 0; n < 2; n++)
			driver_set_desc(&f.d, 0, n, bad->table[n].addr, bad->table[n].len,
					bad->table[n].flags, bad->table[n].next);
		f.d.queues[0].desc_gpa = f.q->desc_gpa;
		for (uint16_t n = 0; n < 2; n++)
			driver_set_desc(&f.d, 0, n,
					bad->desc[n].addr == 1 ? table : bad->desc[n].addr,
					bad->desc[n].len, bad->desc[n].flags, bad->desc[n].next);
		driver_offer(&f.d, 0, bad->head);
		expect_broken(&f, bad->why);
		end(&f);
	}
}

/* A table as long as the queue is good, but not behind another descriptor. */
static void test_table_and_more(void **state)
{
	struct driver_buf bufs[SIZE];
	struct fixture f;

	(void)state;
	begin(&f, ~0ULL);
	for (unsigned i = 0; i < SIZE; i++)
		bufs[i] = (struct driver_buf){ .len = 1 };
	assert_int_equal(driver_add(&f.d, 0, bufs, SIZE, DRIVER_INDIRECT), 0);
	driver_set_desc(&f.d, 0, 1, RAM_END - 1, 1, N, 0);
	driver_set_avail(&f.d, 0, 0, 1);
	expect_broken(&f, "chain with more buffers than the queue");
	end(&f);
}

/* Not wrong, if odd: direct descriptors in front of the table, table flags W, a full table. */
static void test_oddities(void **state)
{
	struct driver_buf bufs[SIZE];
	struct fixture f;
	uint64_t table;

	(void)state;
	begin(&f, ~0ULL);
	for (unsigned i = 0; i < SIZE; i++)
		bufs[i] = (struct driver_buf){ .len = 1, .writable = i > 3 };
	driver_add(&f.d, 0, bufs, SIZE, DRIVER_INDIRECT);
	assert_int_equal(pop(&f), 1);
	assert_int_equal(f.chain.readable_count, 4);
	assert_int_equal(f.chain.writable_count, 4);

	/* Descriptors 5 -> 6, where 6 names a table of one, out of order in memory. */
	table = driver_alloc(&f.d, 16, 16);
	f.d.queues[0].desc_gpa = table;
	driver_set_desc(&f.d, 0, 0, RAM_END - 3, 3, W, 0);
	f.d.queues[0].desc_gpa = f.q->desc_gpa;
	driver_set_desc(&f.d, 0, 5, RAM_END - 9, 2, N | 0xff00, 6);
	driver_set_desc(&f.d, 0, 6, table, 16, IN | W, 99);
	driver_offer(&f.d, 0, 5);
	assert_int_equal(pop(&f), 1);
	assert_int_equal(f.chain.readable_bytes, 2);
	assert_int_equal(f.chain.writable_bytes, 3);
	end(&f);
}

/* Descriptor bytes are copied out, so a table that lies over its own buffers is just bytes. */
static void test_overlaps(void **state)
{
	struct fixture f;
	char text[16];

	(void)state;
	begin(&f, ~0ULL);
	driver_set_desc(&f.d, 0, 0, f.q->desc_gpa + 16, 16, IN, 0);
	driver_set_desc(&f.d, 0, 1, f.q->desc_gpa + 16, 16, 0, 0);
	driver_offer(&f.d, 0, 0);
	assert_int_equal(pop(&f), 1);
	assert_int_equal(virtq_chain_read(&f.chain, 0, text, 16), 16);
	assert_memory_equal(text, driver_at(&f.d, f.q->desc_gpa + 16, 16), 16);

	/* Buffers over the rings: we keep our own indexes. */
	driver_set_desc(&f.d, 0, 2, f.q->used_gpa, 4, W, 0);
	driver_offer(&f.d, 0, 2);
	assert_int_equal(pop(&f), 1);
	virtq_chain_write(&f.chain, 0, "\xff\xff\xff\xff", 4);
	virtq_push(f.q, 2, 4);
	assert_int_equal(driver_device_used_idx(&f.d, 0), 1);
	end(&f);
}

static void test_too_long(void **state)
{
	struct gmem gm = { .count = 0 };
	struct virtq_chain chain;
	struct virtqueue q;
	struct fixture f;

	/* Only the addresses of this region are ever computed. */
	(void)state;
	begin(&f, ~0ULL);
	assert_int_equal(gmem_add(&gm, DRIVER_RAM_GPA, f.d.ram_len, f.d.ram), 0);
	assert_int_equal(gmem_add(&gm, 1ULL << 40, 1ULL << 32, f.d.ram), 0);
	virtq_init(&q, &gm, SIZE);
	q.size = SIZE;
	q.desc_gpa = f.q->desc_gpa;
	q.avail_gpa = f.q->avail_gpa;
	q.used_gpa = f.q->used_gpa;
	assert_int_equal(virtq_enable(&q, true, true), 0);
	driver_set_desc(&f.d, 0, 0, 1ULL << 40, UINT32_MAX, 0, 0);
	driver_set_desc(&f.d, 0, 1, 1ULL << 40, UINT32_MAX, N, 2);
	driver_set_desc(&f.d, 0, 2, 1ULL << 40, 1, W, 0);
	driver_set_avail(&f.d, 0, 0, 0);
	driver_set_avail(&f.d, 0, 1, 1);
	driver_set_avail_idx(&f.d, 0, 2);
	assert_int_equal(virtq_pop(&q, &chain), 1);
	assert_int_equal(virtq_pop(&q, &chain), -1);
	assert_string_equal(q.broken_why, "chain longer than 2^32 - 1 bytes");
	end(&f);
}

static void test_available_jump(void **state)
{
	(void)state;
	for (unsigned by = SIZE; by <= SIZE + 2; by++) {
		struct fixture f;

		begin(&f, ~0ULL);
		for (uint16_t i = 0; i < SIZE; i++) {
			driver_set_desc(&f.d, 0, i, RAM_END - 1, 1, W, 0);
			driver_set_avail(&f.d, 0, i, i);
		}
		driver_set_avail_idx(&f.d, 0, (uint16_t)by);
		if (by > SIZE)
			expect_broken(&f, "available index jumped");
		else
			for (unsigned i = 0; i < SIZE; i++)
				assert_int_equal(pop(&f), 1);
		end(&f);
	}
}

static void test_held_twice(void **state)
{
	struct fixture f;

	(void)state;
	begin(&f, ~0ULL);
	driver_set_desc(&f.d, 0, 3, RAM_END - 1, 1, W, 0);
	driver_offer(&f.d, 0, 3);
	assert_int_equal(pop(&f), 1);
	driver_offer(&f.d, 0, 3);
	expect_broken(&f, "head made available twice");
	/* What is still held comes back to nobody. */
	virtq_push(f.q, 3, 1);
	assert_int_equal(driver_device_used_idx(&f.d, 0), 0);
	assert_false(virtq_should_notify(f.q));
	end(&f);

	begin(&f, ~0ULL);
	virtq_push(f.q, 3, 1);
	assert_true(f.q->broken);
	end(&f);
}

static void test_notify_flags(void **state)
{
	struct driver_buf buf = { .len = 1, .writable = true };
	struct fixture f;

	(void)state;
	begin(&f, ~VIRTIO_FEATURE(VIRTIO_RING_F_EVENT_IDX));
	assert_false(virtq_should_notify(f.q));
	for (unsigned flags = 0; flags < 2; flags++) {
		driver_set_avail_flags(&f.d, 0, (uint16_t)flags);
		driver_add(&f.d, 0, &buf, 1, 0);
		assert_int_equal(pop(&f), 1);
		virtq_push(f.q, f.chain.head, 0);
		assert_int_equal(virtq_should_notify(f.q), !flags);
		assert_false(virtq_should_notify(f.q));
		assert_true(driver_kick_if_wanted(&f.d, 0));
	}
	end(&f);
}

static void test_notify_event_idx(void **state)
{
	struct driver_buf buf = { .len = 1, .writable = true };
	struct fixture f;

	(void)state;
	begin(&f, ~0ULL);
	for (uint16_t i = 0; i < 6; i++) {
		driver_add(&f.d, 0, &buf, 1, 0);
		assert_int_equal(pop(&f), 1);
		/* Chains that the device still has to take need no kick. */
		assert_int_equal(driver_kick_if_wanted(&f.d, 0), i == 0);
		virtq_push(f.q, f.chain.head, 0);
		driver_set_used_event(&f.d, 0, 3);
		assert_int_equal(virtq_should_notify(f.q), i == 3);
	}
	/* Once it found the queue empty, it wants one. */
	assert_int_equal(pop(&f), 0);
	driver_add(&f.d, 0, &buf, 1, 0);
	assert_true(driver_kick_if_wanted(&f.d, 0));
	driver_add(&f.d, 0, &buf, 1, 0);
	assert_false(driver_kick_if_wanted(&f.d, 0));
	end(&f);
}

static void test_save(void **state)
{
	struct driver_buf buf = { .len = 1, .writable = true };
	struct virtq_state saved, bad;
	struct virtqueue other;
	struct fixture f;

	(void)state;
	begin(&f, ~0ULL);
	driver_add(&f.d, 0, &buf, 1, 0);
	assert_int_equal(pop(&f), 1);
	assert_int_equal(virtq_save(f.q, &saved), -1);
	virtq_push(f.q, f.chain.head, 0);
	assert_int_equal(virtq_save(f.q, &saved), 0);

	virtq_init(&other, &f.d.gmem, SIZE);
	assert_int_equal(virtq_restore(&other, &saved, true, true), 0);
	driver_add(&f.d, 0, &buf, 1, DRIVER_INDIRECT);
	assert_int_equal(virtq_pop(&other, &f.chain), 1);
	virtq_push(&other, f.chain.head, 0);
	assert_int_equal(driver_device_used_idx(&f.d, 0), 2);

	bad = saved;
	bad.size = 3;
	assert_int_equal(virtq_restore(&other, &bad, true, true), -1);
	bad = saved;
	bad.used_gpa = RAM_END;
	assert_int_equal(virtq_restore(&other, &bad, true, true), -1);
	bad = saved;
	bad.broken = 1;
	assert_int_equal(virtq_restore(&other, &bad, true, true), 0);
	assert_int_equal(virtq_pop(&other, &f.chain), -1);
	end(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_chain),	       cmocka_unit_test(test_many),
		cmocka_unit_test(test_enable),	       cmocka_unit_test(test_breaches),
		cmocka_unit_test(test_table_and_more), cmocka_unit_test(test_oddities),
		cmocka_unit_test(test_overlaps),       cmocka_unit_test(test_too_long),
		cmocka_unit_test(test_available_jump), cmocka_unit_test(test_held_twice),
		cmocka_unit_test(test_notify_flags),   cmocka_unit_test(test_notify_event_idx),
		cmocka_unit_test(test_save),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
