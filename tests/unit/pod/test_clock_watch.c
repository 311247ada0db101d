/*
 * The watch over the host's wall clock.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "vmm/pod/clock_watch.h"

#define SECOND 1000000000LL

/* The clocks of a host, and the looks at them. */
struct host {
	struct clock_watch watch;
	int64_t wall_ns, raw_ns;
};

static bool look(struct host *host, int64_t passed_ns, int64_t more_ns)
{
	host->raw_ns += passed_ns;
	host->wall_ns += passed_ns + more_ns;
	return clock_watch_look(&host->watch, host->wall_ns, host->raw_ns);
}

static struct host begin(void)
{
	struct host host = { .wall_ns = 1700000000 * SECOND, .raw_ns = 100 * SECOND };

	assert_false(look(&host, 0, 0));
	return host;
}

/* A clock that is wrong all the time is what a guest has learned. */
static void test_steady(void **state)
{
	const int64_t rates_ppm[] = { 0, -500, 500 };

	(void)state;
	for (size_t i = 0; i < sizeof(rates_ppm) / sizeof(rates_ppm[0]); i++) {
		struct host host = begin();

		for (int j = 0; j < 1000; j++)
			assert_false(look(&host, 15 * SECOND, rates_ppm[i] * 15000));
	}
}

static void test_set(void **state)
{
	const int64_t jumps_ns[] = { 86400 * SECOND, -90000 * SECOND, 50000000, -50000000 };

	(void)state;
	for (size_t i = 0; i < sizeof(jumps_ns) / sizeof(jumps_ns[0]); i++) {
		struct host host = begin();

		/* At once, twice in a moment, and later. */
		assert_true(look(&host, 1000, jumps_ns[i]));
		assert_true(look(&host, 1000, jumps_ns[i]));
		assert_false(look(&host, 15 * SECOND, 15000));
		assert_false(look(&host, 15 * SECOND, 15000));
		assert_true(look(&host, 7 * SECOND, jumps_ns[i]));
		assert_false(look(&host, 15 * SECOND, 15000));
	}
}

/* Another rate is told when it has made a millisecond, and then it is the known one. */
static void test_bent(void **state)
{
	struct host host = begin();
	int looks = 0;

	(void)state;
	assert_false(look(&host, 15 * SECOND, 150000));
	while (!look(&host, 15 * SECOND, 450000))
		looks++;
	assert_int_equal(looks, 3);
	for (int i = 0; i < 1000; i++)
		assert_false(look(&host, 15 * SECOND, 450000));
	/* 30 ms in three seconds, as by adjtimex(2), and then as before. */
	assert_true(look(&host, 15 * SECOND, 30450000));
	assert_false(look(&host, 15 * SECOND, 450000));
	assert_false(look(&host, 15 * SECOND, 450000));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_steady),
		cmocka_unit_test(test_set),
		cmocka_unit_test(test_bent),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
