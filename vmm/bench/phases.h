/*
 * The phases of one start of nacelle, from its own timeline (nacelle run --trace) and the
 * stopwatch around it, by one clock.
 */
#ifndef NACELLE_BENCH_PHASES_H
#define NACELLE_BENCH_PHASES_H

#include <stdbool.h>
#include <stdint.h>

#include "vmm/base/error.h"
#include "vmm/bench/measure.h"

enum { PHASES_MAX = 104, PHASE_TEXT_MAX = 32 };

/* What ended at at_ns after the start of the process, having begun with the phase before it. */
struct phase {
	char side[PHASE_TEXT_MAX];
	char name[PHASE_TEXT_MAX];
	uint64_t at_ns;
	uint64_t took_ns;
};

/* In order of time; their took_ns add up to the last one's at_ns. */
struct phases {
	struct phase items[PHASES_MAX];
	unsigned count;
};

/* What one phase may take of the whole, in thousandths, before the report points at it. */
enum { PHASE_LARGE_PERMILLE = 100 };
bool phase_is_large(const struct phases *phases, unsigned index);

/*
 * Reads the timeline at path, which nacelle has written for the start that was measured, and puts
 * the first byte and the end in between. Returns 0, or -1 with err filled.
 */
int phases_read(struct phases *phases, const char *path, const struct measurement *measured,
		struct error *err);

#endif
