/*
 * What idle pods take of the host's memory.
 */
#ifndef NACELLE_BENCH_MEMORY_H
#define NACELLE_BENCH_MEMORY_H

#include <stdint.h>
#include <stdio.h>

#include "vmm/base/error.h"
#include "vmm/bench/subject.h"

enum { MEMORY_PODS_MAX = 1000 };

/* All of it in KiB, of all pods together. */
struct memory {
	unsigned pods;
	uint64_t available_kib; /* by which MemAvailable went down */
	uint64_t rss_kib;	/* sums over all processes of the pods */
	uint64_t pss_kib;
	uint64_t private_kib;
	unsigned processes;
};

/*
 * Starts memory->pods pods of the image, one after the other, each of which says something when it
 * is there, and looks at the host's memory before and after; they are stopped again. Returns 0, or
 * -1 with err filled and no pod left.
 */
int memory_run(struct memory *memory, struct bench_task *task, FILE *progress, struct error *err);

#endif
