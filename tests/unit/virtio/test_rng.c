#include "tests/unit/virtio/test.h"

#include <string.h>

#include "tests/driver/driver.h"
#include "virtio/rng.h"

struct fixture {
	struct driver d;
	struct virtio_rng rng;
	bool dry;
	size_t asked;
};

static int source(void *ctx, void *to, size_t len)
{
	struct fixture *f = ctx;

	f->asked = len;
	if (f->dry)
		return -1;
	memset(to, 0x5a, len);
	return 0;
}

static void begin(struct fixture *f)
{
	memset(f, 0, sizeof(*f));
	driver_init(&f->d, 1 << 20);
	virtio_rng_init(&f->rng, &f->d.gmem, source, f);
	driver_attach(&f->d, &f->rng.dev);
	assert_int_equal(driver_start(&f->d, ~0ULL), 15);
}

static void end(struct fixture *f)
{
	virtio_rng_fini(&f->rng);
	driver_fini(&f->d);
}

static uint32_t ask(struct fixture *f, struct driver_buf *bufs, unsigned count)
{
	struct driver_used used;
	uint16_t head = driver_add(&f->d, 0, bufs, count, 0);

	driver_kick(&f->d, 0);
	assert_true(driver_collect(&f->d, 0, &used));
	assert_int_equal(used.id, head);
	return used.len;
}

static void test_bytes(void **state)
{
	struct driver_buf bufs[] = { { .len = 3, .writable = true },
				     { .len = 5, .writable = true } };
	struct fixture f;

	(void)state;
	begin(&f);
	assert_int_equal(ask(&f, bufs, 2), 8);
	assert_memory_equal(driver_at(&f.d, bufs[1].gpa, 5), "ZZZZZ", 5);
	assert_int_equal(*(uint8_t *)driver_at(&f.d, bufs[1].gpa + 5, 1), 0);
	assert_int_equal(f.d.raised, 1);
	end(&f);
}

static void test_limits(void **state)
{
	struct driver_buf big = { .len = 100000, .writable = true };
	struct driver_buf readable = { .len = 16 };
	struct driver_buf none = { .len = 0, .writable = true };
	struct fixture f;

	(void)state;
	begin(&f);
	assert_int_equal(ask(&f, &big, 1), VIRTIO_RNG_REQUEST_MAX);
	assert_int_equal(f.asked, VIRTIO_RNG_REQUEST_MAX);
	assert_int_equal(((uint8_t *)driver_at(&f.d, big.gpa, 5000))[VIRTIO_RNG_REQUEST_MAX], 0);
	assert_int_equal(ask(&f, &readable, 1), 0);
	assert_int_equal(ask(&f, &none, 1), 0);
	f.dry = true;
	assert_int_equal(ask(&f, &big, 1), 0);
	end(&f);
}

static void test_getrandom(void **state)
{
	uint8_t bytes[64] = { 0 }, zero[64] = { 0 };

	(void)state;
	assert_int_equal(virtio_rng_getrandom(NULL, bytes, sizeof(bytes)), 0);
	assert_memory_not_equal(bytes, zero, sizeof(bytes));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_bytes),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_getrandom),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
