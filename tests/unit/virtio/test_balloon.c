#include "tests/unit/virtio/test.h"

#include <linux/virtio_balloon.h>
#include <string.h>

#include "tests/driver/driver.h"
#include "virtio/balloon.h"

enum { INFLATE = 0, REPORTING_LINUX = 2, REPORTING = 4, PAGE = 4096, RANGES_MAX = 64 };

struct fixture {
	struct driver d;
	struct virtio_balloon balloon;
	unsigned count;
	struct iovec ranges[RANGES_MAX];
};

static void note(void *ctx, void *host, size_t len)
{
	struct fixture *f = ctx;

	assert_true(f->count < RANGES_MAX);
	assert_true(len > 0 && len % PAGE == 0 && (uintptr_t)host % PAGE == 0);
	assert_true((uint8_t *)host >= f->d.ram && len <= f->d.ram_len &&
		    (uint64_t)((uint8_t *)host - f->d.ram) <= f->d.ram_len - len);
	f->ranges[f->count++] = (struct iovec){ host, len };
}

static void begin(struct fixture *f, uint64_t features)
{
	memset(f, 0, sizeof(*f));
	driver_init(&f->d, 1 << 20);
	virtio_balloon_init(&f->balloon, &f->d.gmem, note, f);
	driver_attach(&f->d, &f->balloon.dev);
	assert_int_equal(driver_start(&f->d, features), 15);
}

static void end(struct fixture *f)
{
	virtio_balloon_fini(&f->balloon);
	driver_fini(&f->d);
}

/* Reports ranges, and expects the chain back with nothing written to it. */
static void report(struct fixture *f, unsigned queue, struct driver_buf *bufs, unsigned count)
{
	struct driver_used used;
	uint16_t head = driver_add(&f->d, queue, bufs, count, 0);

	driver_kick(&f->d, queue);
	assert_true(driver_collect(&f->d, queue, &used));
	assert_int_equal(used.id, head);
	assert_int_equal(used.len, 0);
}

static void expect(const struct fixture *f, unsigned index, uint64_t gpa, size_t len)
{
	assert_true(index < f->count);
	assert_ptr_equal(f->ranges[index].iov_base, f->d.ram + (gpa - DRIVER_RAM_GPA));
	assert_int_equal(f->ranges[index].iov_len, len);
}

static void test_ranges(void **state)
{
	const uint64_t at = DRIVER_RAM_GPA + 0x80000;
	struct driver_buf bufs[] = {
		{ .gpa = at, .len = 4 * PAGE, .writable = true },
		{ .gpa = at + 0x10000, .len = PAGE, .writable = true },
		{ .gpa = at, .len = 2 * PAGE, .writable = true }, /* once more, in part */
	};
	struct fixture f;

	(void)state;
	begin(&f, ~0ULL);
	report(&f, REPORTING_LINUX, bufs, 3);
	assert_int_equal(f.count, 3);
	expect(&f, 0, at, 4 * PAGE);
	expect(&f, 1, at + 0x10000, PAGE);
	expect(&f, 2, at, 2 * PAGE);
	assert_int_equal(f.balloon.discarded_bytes, 7 * PAGE);
	report(&f, REPORTING, bufs, 1);
	assert_int_equal(f.count, 4);
	assert_int_equal(f.d.raised, 2);
	end(&f);
}

static void test_whole_pages(void **state)
{
	const uint64_t at = DRIVER_RAM_GPA + 0x80000;
	struct driver_buf bufs[] = {
		{ .gpa = at + 1, .len = 3 * PAGE, .writable = true },
		{ .gpa = at + 1, .len = 2 * PAGE - 2, .writable = true },
		{ .gpa = at + 100, .len = PAGE, .writable = true },
		{ .gpa = at, .len = PAGE - 1, .writable = true },
		{ .gpa = at, .len = 0, .writable = true },
	};
	struct fixture f;

	(void)state;
	begin(&f, ~0ULL);
	report(&f, REPORTING_LINUX, bufs, 5);
	assert_int_equal(f.count, 1);
	expect(&f, 0, at + PAGE, 2 * PAGE);
	end(&f);
}

/* All of memory, the queue's own rings included, is the guest's to give away. */
static void test_all_of_memory(void **state)
{
	struct driver_buf all = { .gpa = DRIVER_RAM_GPA, .len = 1 << 20, .writable = true };
	struct fixture f;

	(void)state;
	begin(&f, ~0ULL);
	report(&f, REPORTING_LINUX, &all, 1);
	assert_int_equal(f.count, 1);
	end(&f);
}

static void test_outside_of_memory(void **state)
{
	static const struct driver_buf outside[] = {
		{ .gpa = DRIVER_RAM_GPA + (1 << 20), .len = PAGE, .writable = true },
		{ .gpa = DRIVER_RAM_GPA + (1 << 20) - PAGE, .len = 2 * PAGE, .writable = true },
		{ .gpa = UINT64_MAX - PAGE + 1, .len = 2 * PAGE, .writable = true },
		{ .gpa = PAGE, .len = UINT32_MAX, .writable = true },
	};

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(outside); i++) {
		struct driver_buf bufs[2] = {
			{ .gpa = DRIVER_RAM_GPA + 0x80000, .len = PAGE, .writable = true },
			outside[i],
		};
		struct driver_used used;
		struct fixture f;

		begin(&f, ~0ULL);
		(void)driver_add(&f.d, REPORTING_LINUX, bufs, 2, 0);
		driver_kick(&f.d, REPORTING_LINUX);
		assert_false(driver_collect(&f.d, REPORTING_LINUX, &used));
		assert_int_equal(f.count, 0);
		assert_int_equal(f.balloon.dev.breaks, 1);
		assert_false(virtio_device_running(&f.balloon.dev));
		end(&f);
	}
}

/* Nothing goes by any other way: a balloon's pages, buffers to read, reports without the feature.
 */
static void test_no_report(void **state)
{
	const uint64_t at = DRIVER_RAM_GPA + 0x80000;
	struct driver_buf writable = { .gpa = at, .len = PAGE, .writable = true };
	struct driver_buf readable = { .gpa = at, .len = PAGE };
	struct fixture f;

	(void)state;
	begin(&f, ~0ULL);
	report(&f, INFLATE, &writable, 1);
	report(&f, INFLATE + 1, &readable, 1);
	report(&f, REPORTING_LINUX + 1, &writable, 1);
	report(&f, REPORTING_LINUX, &readable, 1);
	assert_int_equal(f.count, 0);
	end(&f);
	begin(&f, VIRTIO_FEATURES_BASIC);
	report(&f, REPORTING_LINUX, &writable, 1);
	assert_int_equal(f.count, 0);
	end(&f);
}

static void test_configuration(void **state)
{
	struct fixture f;

	(void)state;
	begin(&f, ~0ULL);
	assert_int_equal(driver_read(&f.d, 0x100), 0);
	driver_write(&f.d, 0x104, 1000); /* "actual": the balloon has no room for it */
	assert_int_equal(driver_read(&f.d, 0x104), 0);
	assert_int_equal(f.balloon.dev.features_offered & ~VIRTIO_FEATURES_BASIC,
			 VIRTIO_FEATURE(VIRTIO_BALLOON_F_REPORTING));
	end(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ranges),	      cmocka_unit_test(test_whole_pages),
		cmocka_unit_test(test_all_of_memory), cmocka_unit_test(test_outside_of_memory),
		cmocka_unit_test(test_no_report),     cmocka_unit_test(test_configuration),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
