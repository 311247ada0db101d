/*
 * Starts of several subjects, one of each in turn.
 */
#ifndef NACELLE_BENCH_STARTS_H
#define NACELLE_BENCH_STARTS_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "vmm/bench/phases.h"
#include "vmm/bench/statistics.h"
#include "vmm/bench/subject.h"

enum { STARTS_ROWS_MAX = 16, STARTS_ROUNDS_MAX = 10000, STARTS_TRACED = 5 };

enum starts_figure { STARTS_FIRST_BYTE, STARTS_END, STARTS_FIGURES };

struct starts_row {
	struct subject subject;
	uint64_t *values_ns[STARTS_FIGURES]; /* one of each round */
	bool has_failed;		     /* it was started no more, and has no figures */
	struct error why;
};

/* What was left out, and why. */
struct starts_absent {
	char name[SUBJECT_NAME_MAX];
	struct error why;
};

struct starts {
	unsigned rounds;
	unsigned row_count;
	struct starts_row rows[STARTS_ROWS_MAX];
	unsigned absent_count;
	struct starts_absent absent[STARTS_ROWS_MAX];
	struct phases phases;	/* of a start of nacelle that was as long as most; or none */
	struct error no_phases; /* why there are none, or "" */
	uint64_t *scratch;	/* room for a value of each round */
};

/* What median, p90 and p99 are, in thousandths. */
enum { STARTS_P90 = 900, STARTS_P99 = 990 };
/* With fewer rounds one value alone, the slowest, makes the 99th percentile. */
enum { STARTS_P99_ROUNDS_MIN = 200 };

/*
 * Adds a row. Where is_wanted is false, a subject that cannot be measured here is noted as absent.
 * Returns 0, or -1 with err filled.
 */
int starts_add(struct starts *starts, const char *name, bool is_wanted, struct bench_task *task,
	       struct error *err);
int starts_add_oci(struct starts *starts, const char *runtime, struct bench_task *task,
		   struct error *err);
int starts_add_command(struct starts *starts, const char *name, const char *command,
		       struct error *err);

/*
 * Starts each of them once to warm up and then starts->rounds times, in turn, and nacelle, if it is
 * among them, some times more with a timeline. progress, unless NULL, is told how far it has come.
 * One that fails is started no more, and the others go on. Returns how many have failed (a timeline
 * that could not be taken among them), or -1 with err filled: all have, or there was a signal, and
 * no figure means anything. starts_free() must follow.
 */
int starts_run(struct starts *starts, struct bench_task *task, FILE *progress, struct error *err);
void starts_free(struct starts *starts);

/* The first row that has figures: the others are compared with it. */
unsigned starts_first(const struct starts *starts);

uint64_t starts_quantile(const struct starts *starts, const struct starts_row *row,
			 enum starts_figure figure, unsigned permille);
struct difference starts_compare(const struct starts *starts, const struct starts_row *a,
				 const struct starts_row *b, enum starts_figure figure);

#endif
