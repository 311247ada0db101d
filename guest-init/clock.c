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
};

static struct clock_state state;
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

static int64_t within(int64_t value, int64_t limit)
{
	return value < -limit ? -limit : value > limit ? limit : value;
}

/* How much of a distance comes about in a second, if all of it does in this time (1 us and more).
 */
static int64_t per_second(int64_t distance_ns, int64_t time_ns)
{
	return distance_ns * 1000000 / (time_ns / 1000);
}

static void learn_anew(struct clock_state *clock, int64_t now_ns, int64_t unsure_ns)
{
	clock->drift_ns = 0;
	clock->learned_ns = now_ns;
	clock->learned_unsure_ns = unsure_ns;
}

/*
 * The rate is known to a millionth once what is not sure is less than that of the time. What no
 * rate explains was a jump.
 */
static void learn(struct clock_state *clock, int64_t now_ns, int64_t behind_ns, int64_t unsure_ns)
{
	int64_t passed_ns = now_ns - clock->looked_ns, learned_ns = now_ns - clock->learned_ns;
	int64_t slewed_ns = clock->slew_ppb * (passed_ns / 1000) / 1000000;

	clock->drift_ns += behind_ns - (clock->behind_ns - slewed_ns);
	if (learned_ns / 1000000 <= unsure_ns + clock->learned_unsure_ns)
		return;
	if (clock->drift_ns == within(clock->drift_ns, learned_ns / 1000))
		clock->rate_ppb = within(clock->rate_ppb + per_second(clock->drift_ns, learned_ns),
					 CLOCK_RATE_MAX_PPB);
	learn_anew(clock, now_ns, unsure_ns);
}

struct clock_change clock_judge(struct clock_state *clock, int64_t now_ns, int64_t behind_ns,
				int64_t unsure_ns, bool anew)
{
	const int64_t distance_ns = behind_ns < 0 ? -behind_ns : behind_ns;
	const bool is_first = clock->looked_ns == 0;
	struct clock_change change = { 0 };

	if (anew)
		learn_anew(clock, now_ns, unsure_ns);
	else
		learn(clock, now_ns, behind_ns, unsure_ns);
	clock->period_ms = anew ? CLOCK_PERIOD_MS : 2 * clock->period_ms;
	clock->looked_ns = now_ns;
	clock->behind_ns = behind_ns;
	clock->slew_ppb = 0;
	if (distance_ns > CLOCK_CLOSE_NS || unsure_ns > CLOCK_CLOSE_NS)
		clock->period_ms = CLOCK_PERIOD_MS;
	else if (clock->period_ms > CLOCK_PERIOD_MAX_MS)
		clock->period_ms = CLOCK_PERIOD_MAX_MS;
	if (distance_ns > (is_first ? CLOCK_CLOSE_NS : CLOCK_STEP_NS) && distance_ns > unsure_ns) {
		change.step_ns = behind_ns;
		clock->behind_ns = 0;
	} else if (!is_first && distance_ns > unsure_ns) {
		clock->slew_ppb = per_second(behind_ns, clock->period_ms * 1000000);
	}
	change.rate_ppb = within(clock->rate_ppb + clock->slew_ppb, CLOCK_RATE_MAX_PPB);
	clock->slew_ppb = change.rate_ppb - clock->rate_ppb;
	return change;
}

static void apply(const struct clock_change *change)
{
	static int64_t rate_ppb;
	struct timex timex = { 0 };

	if (change->rate_ppb != rate_ppb) {
		timex.modes |= ADJ_FREQUENCY;
		timex.freq = change->rate_ppb * 65536 / 1000;
		rate_ppb = change->rate_ppb;
	}
	if (change->step_ns) {
		timex.modes |= ADJ_SETOFFSET | ADJ_NANO;
		timex.time.tv_sec = change->step_ns / 1000000000;
		/* Nanoseconds, by ADJ_NANO; not negative. */
		timex.time.tv_usec = change->step_ns % 1000000000;
		if (timex.time.tv_usec < 0) {
			timex.time.tv_sec--;
			timex.time.tv_usec += 1000000000;
		}
	}
	if (timex.modes)
		(void)adjtimex(&timex);
}

static void look(bool anew)
{
	int64_t behind_ns = 0, unsure_ns = 0, now;
	struct clock_change change;

	due_ms = 0;
	if (!measure(&behind_ns, &unsure_ns))
		return;
	now = now_ns(CLOCK_MONOTONIC);
	change = clock_judge(&state, now, behind_ns, unsure_ns, anew);
	apply(&change);
	due_ms = (uint64_t)(now / 1000000 + state.period_ms);
}

void clock_set(void)
{
	look(true);
}

uint64_t clock_due_ms(void)
{
	return due_ms;
}

void clock_keep(void)
{
	look(false);
}
