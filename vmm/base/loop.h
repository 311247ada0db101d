/*
 * A small event loop over epoll: level-triggered descriptors, timers, and events that any thread
 * may raise. One thread runs it and calls all functions; nothing is allocated after a member has
 * been added.
 *
 * Members (loop_fd, loop_timer, loop_event) are embedded in the structs of those who use them and
 * stay where they are until they are removed. The loop owns no descriptor that it was given:
 * remove first, close afterwards.
 *
 * Threads: loop_fd_modify(), loop_timer_set(), loop_event_raise() and loop_stop() may be called by
 * any thread at any time, those on one loop_fd by one thread at a time (a lock of the caller's).
 * Everything else belongs to the thread that runs the loop. A function may still be called once for
 * a readiness that was there before interest was taken away, so it looks at its own state first.
 *
 * Regular files and some devices, which epoll refuses (EPERM), count as ready for everything.
 */
#ifndef NACELLE_BASE_LOOP_H
#define NACELLE_BASE_LOOP_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/epoll.h>

#include "vmm/base/error.h"

enum { LOOP_BATCH_MAX = 32 };

struct loop_fd;
struct loop_timer;
struct loop_event;

/* events: EPOLLIN, EPOLLOUT, EPOLLHUP, EPOLLERR, ... as epoll reports them. */
typedef void loop_fd_fn(struct loop_fd *member, uint32_t events);
typedef void loop_timer_fn(struct loop_timer *member);
typedef void loop_event_fn(struct loop_event *member);

struct loop_fd {
	struct loop *loop;
	loop_fd_fn *fn;
	int fd;		 /* not owned */
	int always_fd;	 /* stands in for a descriptor that epoll refuses; -1: none */
	uint32_t events; /* interest; atomic, since the loop looks at it too */
};

struct loop_timer {
	struct loop_fd member;
	loop_timer_fn *fn;
};

struct loop_event {
	struct loop_fd member;
	loop_event_fn *fn;
};

struct loop {
	int epoll_fd;
	struct loop_event stop;
	bool stopped;
	int batch_count; /* of the dispatch that is under way */
	struct epoll_event batch[LOOP_BATCH_MAX];
};

int loop_init(struct loop *loop, struct error *err);
/* All members have been removed before. */
void loop_fini(struct loop *loop);

/*
 * Waits for at most timeout_ms (-1: without a limit, 0: not at all) and calls the functions of what
 * is ready. Returns 0 (also after a signal), or -1 with err filled.
 */
int loop_run_once(struct loop *loop, int timeout_ms, struct error *err);

/* Runs until loop_stop(), which may have come before; the stop is then used up. */
int loop_run(struct loop *loop, struct error *err);
void loop_stop(struct loop *loop);
/* For those who call loop_run_once(): whether it has seen a stop that no loop_run() has used up. */
bool loop_stopped(const struct loop *loop);

/*
 * Adds a descriptor with the events that fn is to be called for; 0 for none yet. EPOLLERR and
 * EPOLLHUP count while there is any interest, and not while there is none. The same descriptor
 * cannot be added twice: duplicate it.
 */
int loop_fd_add(struct loop *loop, struct loop_fd *member, int fd, uint32_t events, loop_fd_fn *fn,
		struct error *err);
/* Changes the interest. Does nothing if it is the same already. */
void loop_fd_modify(struct loop_fd *member, uint32_t events);
/* Once it returns, fn is not called again. A member that was never added (all zero) is ignored. */
void loop_fd_remove(struct loop_fd *member);

/* A timer that is not set. */
int loop_timer_add(struct loop *loop, struct loop_timer *timer, loop_timer_fn *fn,
		   struct error *err);
/* Calls fn once, after delay_ms of CLOCK_MONOTONIC; replaces what was set. 0 takes it back. */
void loop_timer_set(struct loop_timer *timer, uint64_t delay_ms);
/* The same, unless it is set to an earlier time. Not for 0. */
void loop_timer_set_earlier(struct loop_timer *timer, uint64_t delay_ms);
/*
 * Calls fn once, when the wall clock is set, or the host wakes from suspend, or when delay_ms of
 * the wall clock are over, whatever comes first; replaces what was set.
 */
void loop_timer_set_on_clock(struct loop_timer *timer, uint64_t delay_ms, loop_timer_fn *fn);
void loop_timer_remove(struct loop_timer *timer);

/* Calls fn once for any number of raises since the last call. */
int loop_event_add(struct loop *loop, struct loop_event *event, loop_event_fn *fn,
		   struct error *err);
void loop_event_raise(struct loop_event *event);
void loop_event_remove(struct loop_event *event);

#endif
