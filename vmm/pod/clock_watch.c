#include "vmm/pod/clock_watch.h"

#include <stdlib.h>

enum {
	BENT_MAX_NS = 1000000,
	RATE_TIME_NS = 1000000000, /* what a rate is measured over, at least */
	RATE_MAX_PPM = 1000,	   /* no clock is wrong by more: somebody moves it */
};

static bool begin_anew(struct clock_watch *watch)
{
	watch->has_rate = false;
	watch->bent_ns = 0;
	return true;
}

bool clock_watch_look(struct clock_watch *watch, int64_t wall_ns, int64_t raw_ns)
{
	const bool is_first = watch->raw_ns == 0;
	const int64_t passed_ns = raw_ns - watch->raw_ns;
	const int64_t more_ns = wall_ns - watch->wall_ns - passed_ns;

	watch->wall_ns = wall_ns;
	watch->raw_ns = raw_ns;
	if (is_first)
		return false;
	if (watch->has_rate) {
		watch->bent_ns += more_ns - watch->rate_ppb * (passed_ns / 1000) / 1000000;
		return llabs(watch->bent_ns) > BENT_MAX_NS && begin_anew(watch);
	}
	if (llabs(more_ns) > BENT_MAX_NS + passed_ns / 1000000 * RATE_MAX_PPM)
		return begin_anew(watch);
	if (passed_ns >= RATE_TIME_NS) {
		watch->has_rate = true;
		watch->rate_ppb = more_ns * 1000000 / (passed_ns / 1000);
	}
	return false;
}
