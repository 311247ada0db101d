/*
 * What slows the starts of pods on this host, and what an administrator can do about it.
 */
#ifndef NACELLE_POD_HOST_SPEED_H
#define NACELLE_POD_HOST_SPEED_H

#include <stdbool.h>
#include <stdint.h>

#include "vmm/pod/host_cost.h"

enum { HOST_SPEED_TEXT_MAX = 400 };

/* One thing that was looked at: a sentence, with what it costs where that was measured. */
struct host_speed {
	const char *name; /* for programs */
	bool is_slow;
	int64_t cost_ns; /* -1: not measured */
	char text[HOST_SPEED_TEXT_MAX];
};

/* Told of each, in order. */
typedef void host_speed_say(void *context, const struct host_speed *found);

/*
 * Looks at the files of /proc and /sys below root ("" for the host's own; a test has others), and
 * at what was measured. Nothing is said of what a host does not have, and no cost of what was not
 * measured.
 */
void host_speed_look(const char *root, const struct host_costs *costs, host_speed_say *say,
		     void *context);

#endif
