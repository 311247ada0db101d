/*
 * Reading a timeline.
 */
#include "vmm/bench/phases.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "vmm/base/cleanup.h"

static void add(struct phases *phases, const char *side, const char *name, uint64_t at_ns)
{
	unsigned i = phases->count;

	if (i == PHASES_MAX)
		return;
	for (; i > 0 && phases->items[i - 1].at_ns > at_ns; i--)
		phases->items[i] = phases->items[i - 1];
	phases->items[i] = (struct phase){ .at_ns = at_ns };
	(void)snprintf(phases->items[i].side, PHASE_TEXT_MAX, "%s", side);
	(void)snprintf(phases->items[i].name, PHASE_TEXT_MAX, "%s", name);
	phases->count++;
}

bool phase_is_large(const struct phases *phases, unsigned index)
{
	uint64_t whole_ns = phases->items[phases->count - 1].at_ns;

	return phases->items[index].took_ns * 1000 > whole_ns * PHASE_LARGE_PERMILLE;
}

int phases_read(struct phases *phases, const char *path, const struct measurement *measured,
		struct error *err)
{
	_cleanup_file_ FILE *file = fopen(path, "re");
	char line[256], side[PHASE_TEXT_MAX], name[PHASE_TEXT_MAX];
	uint64_t origin_ns = 0, previous_ns = 0;
	double at_us;

	*phases = (struct phases){ .count = 0 };
	if (!file)
		return error_set(err, errno, "cannot read the timeline of a start");
	while (fgets(line, sizeof(line), file)) {
		if (sscanf(line, "# 0 is %" SCNu64, &origin_ns) == 1)
			continue;
		if (sscanf(line, "%lf %*f %31s %31s", &at_us, side, name) == 3 &&
		    origin_ns >= measured->started_ns && at_us >= 0)
			add(phases, side, name,
			    origin_ns - measured->started_ns + (uint64_t)(at_us * 1000));
	}
	if (phases->count == 0)
		return error_set(err, 0, "the timeline of a start has nothing in it");
	add(phases, "bench", "first-byte", measured->first_byte_ns - measured->started_ns);
	add(phases, "bench", "waited-for", measured->ended_ns - measured->started_ns);
	for (unsigned i = 0; i < phases->count; i++) {
		phases->items[i].took_ns = phases->items[i].at_ns - previous_ns;
		previous_ns = phases->items[i].at_ns;
	}
	return 0;
}
