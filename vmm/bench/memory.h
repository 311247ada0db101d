/*
 * What idle pods take of the host's memory.
 */
#ifndef NACELLE_BENCH_MEMORY_H
#define NACELLE_BENCH_MEMORY_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "vmm/base/error.h"
#include "vmm/bench/subject.h"

enum { MEMORY_PODS_MAX = 1000 };

/* What the host's kernel takes for pods, by its own accounts (proc(5), /proc/meminfo). */
enum memory_part {
	MEMORY_PAGE_TABLES,
	MEMORY_GUEST_PAGE_TABLES,
	MEMORY_STACKS,
	MEMORY_SLABS,
	MEMORY_PER_CPU,
	MEMORY_TMPFS,
	MEMORY_PARTS,
};

/* All of it in KiB, of all pods together. */
struct memory {
	unsigned pods;
	uint64_t available_kib; /* by which MemAvailable went down */
	uint64_t rss_kib;	/* sums over all processes of the pods */
	uint64_t pss_kib;
	uint64_t private_kib; /* of which: */
	uint64_t guest_kib;   /*   memory of guests */
	uint64_t image_kib;   /*   pages of the guest kernel that its guest has changed */
	uint64_t own_kib;     /*   anything else of the pods' processes */
	uint64_t huge_kib;    /* of guest_kib, in huge pages */
	unsigned processes;
	unsigned unreadable; /* of them: if there are any, the sums above say nothing */
	uint64_t parts_kib[MEMORY_PARTS]; /* by which each went up */
	bool is_part_known[MEMORY_PARTS]; /* this host's kernel tells it */
};

/* The part's name in /proc/meminfo. */
const char *memory_part_field(enum memory_part part);
/* What of available_kib is in no other figure; negative if the others are more than that. */
int64_t memory_rest_kib(const struct memory *memory);

/* Adds one process, by its directory in /proc. One that is no longer there counts for nothing. */
void memory_add_process(struct memory *memory, const char *directory);

/*
 * Starts memory->pods pods of the image, one after the other, each of which says something when it
 * is there, and looks at the host's memory before and after; they are stopped again. Returns 0, or
 * -1 with err filled and no pod left.
 */
int memory_run(struct memory *memory, struct bench_task *task, FILE *progress, struct error *err);

#endif
