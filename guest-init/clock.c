/*
 * The host's wall clock is read by a hypercall (platform_host_time()), between two looks at our
 * own.
 */
#include "guest-init/clock.h"

#include <stdlib.h>
#include <sys/timex.h>
#include <time.h>

#include "guest-init/platform.h"

enum {
	TRIES = 3,
	SPAN_MAX_NS = 500000, /* a measurement that took longer was interrupted */
	NO_TIME_CONSTANT = 0, /* a quarter of the distance in each second */
};

static uint64_t due_ms;

static int64_t now_ns(clockid_t id)
{
	struct timespec now;

	(void)clock_gettime(id, &now);
	return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

/* Of a few measurements, the one that took the shortest time. Returns false if there is no clock.
 */
static bool measure(int64_t *behind_ns, int64_t *unsure_ns)
{
	int64_t best = INT64_MAX;

	for (int i = 0; i < TRIES && best > SPAN_MAX_NS; i++) {
		int64_t before = now_ns(CLOCK_REALTIME), host, span;

		if (platform_host_time(&host) < 0)
			return false;
		span = now_ns(CLOCK_REALTIME) - before;
		if (span >= best)
			continue;
		best = span;
		*behind_ns = host - (before + span / 2);
		*unsure_ns = span / 2;
	}
	return true;
}

enum clock_action clock_judge(int64_t behind_ns, int64_t unsure_ns, bool set)
{
	int64_t distance = behind_ns < 0 ? -behind_ns : behind_ns;

	if (distance <= CLOCK_CLOSE_NS || distance <= unsure_ns)
		return CLOCK_LEAVE;
	return set || distance > CLOCK_STEP_NS ? CLOCK_STEP : CLOCK_SLEW;
}

static void step(int64_t by_ns)
{
	struct timex change = { .modes = ADJ_SETOFFSET | ADJ_NANO };

	change.time.tv_sec = by_ns / 1000000000;
	change.time.tv_usec = by_ns % 1000000000; /* nanoseconds, by ADJ_NANO; not negative */
	if (change.time.tv_usec < 0) {
		change.time.tv_sec--;
		change.time.tv_usec += 1000000000;
	}
	(void)adjtimex(&change);
}

/* The kernel's own control loop, which learns the rate too. What reads the clock's status still
 * sees one that nobody vouches for. */
static void slew(int64_t by_ns)
{
	struct timex change = { .modes = ADJ_STATUS | ADJ_NANO | ADJ_TIMECONST | ADJ_OFFSET,
				.status = STA_PLL | STA_UNSYNC,
				.constant = NO_TIME_CONSTANT,
				.offset = by_ns };

	(void)adjtimex(&change);
}

static void keep(bool set)
{
	int64_t behind_ns = 0, unsure_ns = 0;
	bool right;

	due_ms = 0;
	if (!measure(&behind_ns, &unsure_ns))
		return;
	right = behind_ns <= CLOCK_RIGHT_NS && behind_ns >= -CLOCK_RIGHT_NS;
	due_ms = (uint64_t)now_ns(CLOCK_MONOTONIC) / 1000000 +
		 (set || right ? CLOCK_PERIOD_MS : CLOCK_SOON_MS);
	switch (clock_judge(behind_ns, unsure_ns, set)) {
	case CLOCK_LEAVE:
		return;
	case CLOCK_SLEW:
		slew(behind_ns);
		return;
	case CLOCK_STEP:
		step(behind_ns);
		return;
	}
}

void clock_set(void)
{
	keep(true);
}

uint64_t clock_due_ms(void)
{
	return due_ms;
}

void clock_keep(void)
{
	keep(false);
}
