/*
 * Quantiles, and differences that are and are not.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "vmm/bench/statistics.h"

enum { COUNT = 40 };

static uint64_t scratch[COUNT];

static void test_quantiles(void **state)
{
	const uint64_t values[] = { 50, 10, 40, 20, 30 };
	const uint64_t even[] = { 4, 1, 3, 2 };

	(void)state;
	assert_int_equal(statistics_quantile(values, 5, 0, scratch), 10);
	assert_int_equal(statistics_quantile(values, 5, 500, scratch), 30);
	assert_int_equal(statistics_quantile(values, 5, 900, scratch), 46);
	assert_int_equal(statistics_quantile(values, 5, 1000, scratch), 50);
	assert_int_equal(statistics_quantile(values, 1, 990, scratch), 50);
	assert_int_equal(statistics_quantile(even, 4, 500, scratch), 2);
}

/* Each round is slower than the one before, both sides alike; what is between them is noise. */
static void fill(uint64_t *a, uint64_t *b, size_t count, uint64_t step)
{
	for (size_t i = 0; i < count; i++) {
		a[i] = 1000000 + i * 1000 + (i * 7919) % 500;
		b[i] = 1000000 + i * 1000 + (i * 104729) % 500 + step;
	}
}

static void test_difference(void **state)
{
	uint64_t a[COUNT], b[COUNT];
	struct difference found;

	(void)state;
	fill(a, b, COUNT, 2000);
	found = statistics_compare(a, b, COUNT, scratch);
	assert_true(found.is_shown);
	assert_true(found.low_ns <= found.median_ns && found.median_ns <= found.high_ns);
	assert_in_range(-found.median_ns, 1500, 2500);
	found = statistics_compare(b, a, COUNT, scratch);
	assert_true(found.is_shown && found.low_ns > 0);
}

static void test_no_difference(void **state)
{
	uint64_t a[COUNT], b[COUNT];
	struct difference found;

	(void)state;
	fill(a, b, COUNT, 0);
	found = statistics_compare(a, b, COUNT, scratch);
	assert_false(found.is_shown);
	found = statistics_compare(a, a, COUNT, scratch);
	assert_false(found.is_shown);
	assert_int_equal(found.median_ns, 0);
	assert_int_equal(found.low_ns, 0);
	/* However clear it looks: too few rounds. */
	fill(a, b, COUNT, 500000);
	assert_false(statistics_compare(a, b, STATISTICS_ROUNDS_MIN - 1, scratch).is_shown);
	assert_true(statistics_compare(a, b, STATISTICS_ROUNDS_MIN, scratch).is_shown);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_quantiles),
		cmocka_unit_test(test_difference),
		cmocka_unit_test(test_no_difference),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
