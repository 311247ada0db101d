/*
 * What can be said of measurements.
 */
#ifndef NACELLE_BENCH_STATISTICS_H
#define NACELLE_BENCH_STATISTICS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A difference of two medians with its 95 % confidence interval, nanoseconds. */
struct difference {
	int64_t median_ns;
	int64_t low_ns;
	int64_t high_ns;
	bool is_shown; /* the interval leaves 0 out, and there were rounds enough to say so */
};

enum { STATISTICS_ROUNDS_MIN = 8, STATISTICS_PERMILLE_MEDIAN = 500 };

/*
 * The quantile of count values, in thousandths, by linear interpolation between neighbours. scratch
 * has room for count values and is overwritten. count is at least 1.
 */
uint64_t statistics_quantile(const uint64_t *values, size_t count, unsigned permille,
			     uint64_t *scratch);

/*
 * Median of a less median of b, a[i] and b[i] being of the same round: rounds are drawn again and
 * again (bootstrap, 2,000 times, always in the same way), so that whatever slowed a whole round
 * counts for both. scratch has room for count values.
 */
struct difference statistics_compare(const uint64_t *a, const uint64_t *b, size_t count,
				     uint64_t *scratch);

#endif
