/*
 * The guest's wall clock, kept close to the host's.
 *
 * Linux loses what passes between its first look at the wall clock and its first timer, and goes on
 * at the rate of the processor's counter, which the host's NTP corrects for the host alone. So the
 * clock is set before the first app starts, and looked after once in a while, and when the host
 * says that its clock was set or goes at another rate. Small differences are taken away by the
 * clock's rate, so that no app sees the time go back; what it has to be is learned.
 */
#ifndef NACELLE_GUEST_INIT_CLOCK_H
#define NACELLE_GUEST_INIT_CLOCK_H

#include <stdbool.h>
#include <stdint.h>

enum {
	CLOCK_PERIOD_MS = 15000,      /* until the next look, while it is not close */
	CLOCK_PERIOD_MAX_MS = 960000, /* twice as long each time that it is, up to this */
	CLOCK_STEP_NS = 10000000,     /* beyond it, it is not waited for */
	CLOCK_CLOSE_NS = 200000,
	CLOCK_RATE_MAX_PPB = 500000, /* the kernel's own limit */
};

/* What is known of the clock since the last look; all zero before the first. */
struct clock_state {
	int64_t looked_ns; /* when that was, by CLOCK_MONOTONIC */
	int64_t behind_ns; /* what was left then */
	int64_t slew_ppb;  /* what takes it away until the next look, of the rate */
	int64_t rate_ppb;  /* the rest of the rate: at it, the clock goes as the host's */
	/* For learning it: how much more than expected the clock went behind since. */
	int64_t learned_ns;
	int64_t learned_unsure_ns;
	int64_t drift_ns;
	int64_t period_ms;
};

/* What is done about it. */
struct clock_change {
	int64_t step_ns;  /* 0: it is not set */
	int64_t rate_ppb; /* what the clock's whole rate has to be from now on */
};

/*
 * A look at the clock at `now_ns` of CLOCK_MONOTONIC, which is `behind_ns` behind the host's, give
 * or take `unsure_ns`. `anew`: it has nothing to do with what was seen before, as at the first look
 * and after the host's clock was set. Pure.
 */
struct clock_change clock_judge(struct clock_state *state, int64_t now_ns, int64_t behind_ns,
				int64_t unsure_ns, bool anew);

/*
 * Sets the clock, or looks after it, when the host has said that it should. Without a host's clock
 * to read, nothing happens, now and later.
 */
void clock_set(void);

/* When the clock wants clock_keep() next, in milliseconds of CLOCK_MONOTONIC; 0: never. */
uint64_t clock_due_ms(void);
void clock_keep(void);

#endif
