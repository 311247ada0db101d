/*
 * The timeline of a start (--trace): stages with CLOCK_MONOTONIC stamps, of the supervisor, the
 * machine and the guest, written as text that a person reads and a program splits at blanks.
 */
#ifndef NACELLE_POD_TIMELINE_H
#define NACELLE_POD_TIMELINE_H

#include <stddef.h>
#include <stdint.h>

#include "vmm/base/error.h"

enum { TIMELINE_MAX = 96 };

/* Stages of the supervisor; those of the machine and the guest have numbers of their own. */
enum timeline_stage {
	TIMELINE_STARTED = 64, /* main() */
	TIMELINE_IMAGE,	       /* the image is found, and imported if it had to be */
	TIMELINE_ASSEMBLED,    /* plan and pod record are complete, everything is open */
	TIMELINE_FORKED,       /* the pod's processes are started */
	TIMELINE_APP_STARTED,  /* told by the guest: the first app runs */
	TIMELINE_EXITED,       /* the pod's status is known */
};

struct timeline {
	size_t count;
	struct {
		uint32_t stage;
		uint64_t time_ns;
	} entries[TIMELINE_MAX];
};

/* Notes a stage now, or at a time that was taken elsewhere. Beyond TIMELINE_MAX nothing is kept. */
void timeline_stamp(struct timeline *timeline, uint32_t stage);
void timeline_add(struct timeline *timeline, uint32_t stage, uint64_t time_ns);

/*
 * Writes the file (made anew, mode 0644): two comment lines, the second of which says
 * when on CLOCK_MONOTONIC the first stage was ("# 0 is N ns of ..."), then for each stage in order
 * of time "microseconds since the first, microseconds since the one before, side, stage".
 */
int timeline_write(struct timeline *timeline, const char *path, struct error *err);

#endif
