/*
 * Whether the host's wall clock goes as it did: guests know the rate at which it went when they
 * last looked at it, and would not notice another one for a quarter of an hour.
 */
#ifndef NACELLE_POD_CLOCK_WATCH_H
#define NACELLE_POD_CLOCK_WATCH_H

#include <stdbool.h>
#include <stdint.h>

enum { CLOCK_WATCH_PERIOD_MS = 15000 };

/* All zero before the first look. */
struct clock_watch {
	int64_t wall_ns; /* at the last look */
	int64_t raw_ns;
	bool has_rate;
	int64_t rate_ppb; /* by how much the wall clock went faster than the raw one */
	int64_t bent_ns;  /* how far it has come from where that rate leads */
};

/*
 * A look at CLOCK_REALTIME and CLOCK_MONOTONIC_RAW: is there a difference by now, of a millisecond,
 * of which guests are to be told? Then what follows is measured from here. Pure.
 */
bool clock_watch_look(struct clock_watch *watch, int64_t wall_ns, int64_t raw_ns);

#endif
