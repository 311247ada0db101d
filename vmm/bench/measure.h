/*
 * One start of a command, with a stopwatch.
 */
#ifndef NACELLE_BENCH_MEASURE_H
#define NACELLE_BENCH_MEASURE_H

#include <stdint.h>

#include "vmm/base/error.h"
#include "vmm/bench/child.h"

/* Times of CLOCK_MONOTONIC, in nanoseconds. */
struct measurement {
	uint64_t started_ns;	/* before the process was made */
	uint64_t first_byte_ns; /* of its output */
	uint64_t ended_ns;	/* waitpid() returned */
};

/*
 * Starts argv[0] (a path, or a name of PATH) with /dev/null as its input, and waits for its end,
 * at most for a minute. What it says on stderr goes to error_path, made anew. Returns 0, or -1 with
 * err filled: it could not be started, ended with another status than 0, or without output.
 * Whatever is left of it after a signal or too long a time has been stopped by child_stop().
 */
int measure_start(char *const argv[], const char *error_path, struct measurement *measured,
		  struct error *err);

/* The same for a command whose output and times do not matter; it may take a quarter of an hour. */
int measure_run(char *const argv[], const char *error_path, struct error *err);

/*
 * Starts argv[0] and returns when the first byte of its output is there; child_stop() ends it.
 * Returns 0, or -1 with err filled and no process left.
 */
int measure_begin(char *const argv[], const char *error_path, struct child *child,
		  struct error *err);

#endif
