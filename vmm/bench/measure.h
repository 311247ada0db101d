/*
 * One start of a command, with a stopwatch.
 */
#ifndef NACELLE_BENCH_MEASURE_H
#define NACELLE_BENCH_MEASURE_H

#include <stdint.h>
#include <sys/types.h>

#include "vmm/base/error.h"

/* Times of CLOCK_MONOTONIC, in nanoseconds. */
struct measurement {
	uint64_t started_ns;	/* before the process was made */
	uint64_t first_byte_ns; /* of its output */
	uint64_t ended_ns;	/* waitpid() returned */
};

/*
 * From now on SIGINT, SIGTERM and SIGHUP end what is being measured, and nothing more is started;
 * measure_interrupted() is the signal, or 0. measure_clean_up() says that what is started from now
 * on cleans up, so that an earlier signal does not keep it from running.
 */
void measure_catch_signals(void);
int measure_interrupted(void);
void measure_clean_up(void);

/*
 * Starts argv[0] (a path, or a name of PATH) with /dev/null as its input, and waits for its end,
 * at most for a minute. What it says on stderr goes to error_path, made anew. Returns 0, or -1 with
 * err filled: it could not be started, ended with another status than 0, or without output.
 */
int measure_start(char *const argv[], const char *error_path, struct measurement *measured,
		  struct error *err);

/* The same for a command whose output and times do not matter; it may take a quarter of an hour. */
int measure_run(char *const argv[], const char *error_path, struct error *err);

/*
 * Starts argv[0] and returns when the first byte of its output is there, with its process in *pid
 * and the pipe's end in *output_fd, which the caller closes. Returns 0, or -1 with err filled and
 * no process left.
 */
int measure_begin(char *const argv[], const char *error_path, pid_t *pid, int *output_fd,
		  struct error *err);

/* Ends what measure_begin() has started: SIGTERM, and after ten seconds SIGKILL. */
void measure_end(pid_t pid, int output_fd);

uint64_t measure_now_ns(void);

#endif
