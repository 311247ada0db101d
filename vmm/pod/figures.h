/*
 * What an app has used and may use, as the guest says: the text of RECORD_FIGURES
 * (guest-init/protocol.h), read.
 *
 * Trust: none. The guest's kernel writes the text, and whoever owns that may write another: lines,
 * names and numbers are bounded, what does not fit is left out, and nothing but numbers and names
 * of lower-case letters comes out.
 */
#ifndef NACELLE_POD_FIGURES_H
#define NACELLE_POD_FIGURES_H

#include <stddef.h>
#include <stdint.h>

#include "guest-init/protocol.h"
#include "vmm/base/error.h"

enum figure {
	FIGURE_CPUS,	  /* of the machine */
	FIGURE_TASKS,	  /* threads of the app */
	FIGURE_CPU_USAGE, /* microseconds, as the next two */
	FIGURE_CPU_USER,
	FIGURE_CPU_SYSTEM,
	FIGURE_CPU_PERIODS,
	FIGURE_CPU_THROTTLED,	   /* periods */
	FIGURE_CPU_THROTTLED_TIME, /* microseconds */
	FIGURE_CPU_QUOTA,	   /* microseconds; NONE: no limit */
	FIGURE_CPU_PERIOD,
	FIGURE_MEMORY, /* bytes; NONE: the app's is not counted */
	FIGURE_MEMORY_PEAK,
	FIGURE_MEMORY_MAX, /* NONE: no limit */
	FIGURE_MEMORY_MAX_EVENTS,
	FIGURE_OOM_KILLS,
	FIGURE_PIDS_MAX,      /* NONE: no limit */
	FIGURE_MACHINE_TOTAL, /* bytes, as the next */
	FIGURE_MACHINE_FREE,
	FIGURES,
};
#define FIGURE_NONE UINT64_MAX

enum { FIGURE_NAME_MAX = 31, FIGURE_DETAILS_MAX = 96 };

/* A line of memory.stat. */
struct figure_detail {
	char name[FIGURE_NAME_MAX + 1];
	uint64_t value;
};

struct figures {
	uint64_t values[FIGURES]; /* FIGURE_NONE where the text says nothing */
	struct figure_detail memory[FIGURE_DETAILS_MAX];
	size_t memory_count;
};

/*
 * Returns 0, or -1 with err filled if it is no such text, which has at least the machine's CPUs and
 * memory.
 */
int figures_parse(struct figures *figures, const void *text, size_t len, struct error *err);

/* What the app has in use: its own, or all of its machine's where its own is not counted. */
uint64_t figures_memory(const struct figures *figures);
/* What it can have at most. */
uint64_t figures_memory_limit(const struct figures *figures);

#endif
