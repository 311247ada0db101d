/*
 * Quantiles, and the bootstrap of a difference of medians.
 */
#include "vmm/bench/statistics.h"

#include <stdlib.h>
#include <string.h>

enum { DRAWS = 2000, LOW_PERMILLE = 25, HIGH_PERMILLE = 975 };

static int compare_unsigned(const void *left, const void *right)
{
	uint64_t a = *(const uint64_t *)left, b = *(const uint64_t *)right;

	return a < b ? -1 : a > b;
}

static int compare_signed(const void *left, const void *right)
{
	int64_t a = *(const int64_t *)left, b = *(const int64_t *)right;

	return a < b ? -1 : a > b;
}

static uint64_t quantile_of_sorted(const uint64_t *sorted, size_t count, unsigned permille)
{
	uint64_t at = (uint64_t)(count - 1) * permille;
	size_t index = (size_t)(at / 1000);

	if (index + 1 >= count)
		return sorted[count - 1];
	return sorted[index] + (sorted[index + 1] - sorted[index]) * (at % 1000) / 1000;
}

uint64_t statistics_quantile(const uint64_t *values, size_t count, unsigned permille,
			     uint64_t *scratch)
{
	memcpy(scratch, values, count * sizeof(values[0]));
	qsort(scratch, count, sizeof(scratch[0]), compare_unsigned);
	return quantile_of_sorted(scratch, count, permille);
}

/* splitmix64 (Steele, Lea, Flood: Fast Splittable Pseudorandom Number Generators, 2014). */
static uint64_t draw(uint64_t *state)
{
	uint64_t z = *state += 0x9e3779b97f4a7c15;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
	z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
	return z ^ (z >> 31);
}

/* The median of the values of the rounds that are drawn from this state of the generator. */
static uint64_t median_of_draw(const uint64_t *values, size_t count, uint64_t state,
			       uint64_t *scratch)
{
	for (size_t i = 0; i < count; i++)
		scratch[i] = values[draw(&state) % count];
	qsort(scratch, count, sizeof(scratch[0]), compare_unsigned);
	return quantile_of_sorted(scratch, count, STATISTICS_PERMILLE_MEDIAN);
}

struct difference statistics_compare(const uint64_t *a, const uint64_t *b, size_t count,
				     uint64_t *scratch)
{
	int64_t drawn[DRAWS];
	uint64_t state = 1;
	struct difference found = {
		.median_ns =
		    (int64_t)statistics_quantile(a, count, STATISTICS_PERMILLE_MEDIAN, scratch) -
		    (int64_t)statistics_quantile(b, count, STATISTICS_PERMILLE_MEDIAN, scratch),
	};

	for (size_t i = 0; i < DRAWS; i++) {
		uint64_t seed = draw(&state);

		drawn[i] = (int64_t)median_of_draw(a, count, seed, scratch) -
			   (int64_t)median_of_draw(b, count, seed, scratch);
	}
	qsort(drawn, DRAWS, sizeof(drawn[0]), compare_signed);
	found.low_ns = drawn[DRAWS * LOW_PERMILLE / 1000];
	found.high_ns = drawn[DRAWS * HIGH_PERMILLE / 1000 - 1];
	found.is_shown = count >= STATISTICS_ROUNDS_MIN && (found.low_ns > 0 || found.high_ns < 0);
	return found;
}
