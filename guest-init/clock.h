/*
 * The guest's wall clock, kept close to the host's.
 *
 * Linux loses what passes between its first look at the wall clock and its first timer, and goes on
 * at the rate of the processor's counter, which the host's NTP corrects for the host alone. So the
 * clock is set before the first app starts, and looked after once in a while, and when the host
 * says that its clock was set. Small differences are slewed away, so that no app sees the time go
 * back, and the clock's rate with them.
 */
#ifndef NACELLE_GUEST_INIT_CLOCK_H
#define NACELLE_GUEST_INIT_CLOCK_H

#include <stdbool.h>
#include <stdint.h>

enum {
	CLOCK_PERIOD_MS = 15000,  /* 7.5 ms of the most, 500 ppm, that NTP bends a host's rate */
	CLOCK_SOON_MS = 2000,	  /* until the next look, while it is not right */
	CLOCK_STEP_NS = 10000000, /* beyond it, it is not waited for */
	CLOCK_RIGHT_NS = 1000000,
	CLOCK_CLOSE_NS = 200000, /* closer need not be */
};

/*
 * What is done about a clock that is `behind_ns` behind the host's, give or take `unsure_ns`.
 * `set`: it is set now, by whatever distance.
 */
enum clock_action { CLOCK_LEAVE, CLOCK_SLEW, CLOCK_STEP };
enum clock_action clock_judge(int64_t behind_ns, int64_t unsure_ns, bool set);

/* Sets the clock. Without a host's clock to read, nothing happens, now and later. */
void clock_set(void);

/* When the clock wants clock_keep() next, in milliseconds of CLOCK_MONOTONIC; 0: never. */
uint64_t clock_due_ms(void);
void clock_keep(void);

#endif
