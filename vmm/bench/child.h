/*
 * A process that is measured: started with its output in a pipe, watched, and stopped in good
 * order.
 */
#ifndef NACELLE_BENCH_CHILD_H
#define NACELLE_BENCH_CHILD_H

#include <poll.h>
#include <stdint.h>
#include <sys/types.h>

#include "vmm/base/error.h"

struct child {
	pid_t pid;     /* -1: there is none; also the number of its process group */
	int pid_fd;    /* readable when it has ended */
	int output_fd; /* the pipe's end, not blocking */
};

#define CHILD_NONE                                                                                 \
	{                                                                                          \
		-1, -1, -1                                                                         \
	}

/*
 * From now on SIGINT, SIGTERM and SIGHUP are blocked but while something is waited for, so that
 * none is lost in between. child_signal() is the one that came last, or 0; each further one while
 * a child is being stopped makes that impatient.
 */
void child_catch_signals(void);
int child_signal(void);
/* What is started from now on is not refused, or stopped, for a signal that has come already. */
void child_forget_signal(void);

/*
 * Starts argv[0] (a path, or a name of PATH) with /dev/null as its input, what it says on stderr in
 * error_path, made anew, and in a process group of its own, which a terminal's Ctrl-C does not
 * reach. If this process dies, however, it gets SIGTERM. Returns 0, or -1 with err filled and no
 * process left.
 */
int child_begin(struct child *child, char *const argv[], const char *error_path, struct error *err);

/*
 * Waits until one of its two descriptors can be looked at, until deadline_ns of CLOCK_MONOTONIC.
 * Returns 0, -ETIMEDOUT, or -EINTR after a signal.
 */
int child_wait(struct pollfd watched[2], uint64_t deadline_ns);

/*
 * Stops it: SIGTERM, so that it can take down what it has set up, and, after 15 seconds or a
 * further signal to this process, SIGKILL to its group. Its output is read meanwhile. Nothing is
 * left open. Does nothing if there is none.
 */
void child_stop(struct child *child);

uint64_t child_now_ns(void);

#endif
