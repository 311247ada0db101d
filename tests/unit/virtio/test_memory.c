#include "tests/unit/virtio/test.h"

#include <stdlib.h>
#include <string.h>

#include "virtio/memory.h"

enum { PAGE = GMEM_ALIGN_BYTES };

static uint8_t *pages(size_t count)
{
	uint8_t *mem = aligned_alloc(PAGE, count * PAGE);

	assert_non_null(mem);
	memset(mem, 0, count * PAGE);
	return mem;
}

static void test_add(void **state)
{
	struct gmem gm = { .count = 0 };
	uint8_t *host = pages(2);

	(void)state;
	assert_int_equal(gmem_add(&gm, 0, 0, host), -1);
	assert_int_equal(gmem_add(&gm, 1, PAGE, host), -1);
	assert_int_equal(gmem_add(&gm, 0, PAGE + 1, host), -1);
	assert_int_equal(gmem_add(&gm, 0, PAGE, host + 1), -1);
	assert_int_equal(gmem_add(&gm, 0, PAGE, NULL), -1);
	assert_int_equal(gmem_add(&gm, UINT64_MAX - PAGE + 1, PAGE, host), -1);

	assert_int_equal(gmem_add(&gm, 4 * PAGE, 2 * PAGE, host), 0);
	assert_int_equal(gmem_add(&gm, 5 * PAGE, PAGE, host), -1);
	assert_int_equal(gmem_add(&gm, 3 * PAGE, 2 * PAGE, host), -1);
	assert_int_equal(gmem_add(&gm, 3 * PAGE, 8 * PAGE, host), -1);
	assert_int_equal(gmem_add(&gm, 3 * PAGE, PAGE, host), 0);
	assert_int_equal(gmem_add(&gm, 6 * PAGE, PAGE, host), 0);
	assert_int_equal(gmem_add(&gm, 20 * PAGE, PAGE, host), 0);
	assert_int_equal(gmem_add(&gm, 30 * PAGE, PAGE, host), -1);
	free(host);
}

static void test_slice(void **state)
{
	struct gmem gm = { .count = 0 };
	uint8_t *low = pages(1), *high = pages(2);

	(void)state;
	assert_int_equal(gmem_add(&gm, PAGE, PAGE, low), 0);
	assert_int_equal(gmem_add(&gm, 2 * PAGE, 2 * PAGE, high), 0);

	assert_ptr_equal(gmem_slice(&gm, PAGE, 1), low);
	assert_ptr_equal(gmem_slice(&gm, PAGE, PAGE), low);
	assert_ptr_equal(gmem_slice(&gm, 2 * PAGE - 1, 1), low + PAGE - 1);
	assert_ptr_equal(gmem_slice(&gm, 2 * PAGE, 2 * PAGE), high);
	assert_ptr_equal(gmem_slice(&gm, 4 * PAGE - 1, 1), high + 2 * PAGE - 1);

	assert_null(gmem_slice(&gm, PAGE, 0));
	assert_null(gmem_slice(&gm, PAGE - 1, 1));
	assert_null(gmem_slice(&gm, PAGE - 1, 2));
	assert_null(gmem_slice(&gm, 0, UINT64_MAX));
	assert_null(gmem_slice(&gm, PAGE, UINT64_MAX));
	assert_null(gmem_slice(&gm, UINT64_MAX, 1));
	assert_null(gmem_slice(&gm, UINT64_MAX, 2 * PAGE));
	assert_null(gmem_slice(&gm, 4 * PAGE, 1));
	/* Regions that touch are still two. */
	assert_null(gmem_slice(&gm, 2 * PAGE - 1, 2));
	assert_null(gmem_slice(&gm, PAGE, 3 * PAGE));
	free(low);
	free(high);
}

static void test_copy(void **state)
{
	struct gmem gm = { .count = 0 };
	uint8_t *host = pages(1);
	char text[6] = "-----";

	(void)state;
	assert_int_equal(gmem_add(&gm, 0, PAGE, host), 0);
	assert_int_equal(gmem_write(&gm, PAGE - 5, "hello", 5), 0);
	assert_int_equal(gmem_write(&gm, PAGE - 4, "world", 5), -1);
	assert_int_equal(gmem_read(&gm, PAGE - 4, text, 5), -1);
	assert_string_equal(text, "-----");
	assert_int_equal(gmem_read(&gm, PAGE - 5, text, 5), 0);
	assert_string_equal(text, "hello");
	free(host);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_add),
		cmocka_unit_test(test_slice),
		cmocka_unit_test(test_copy),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
