/*
 * Processes that the host adds to running apps, and containers that it adds to the pod (FRAME_ADD):
 * each has a slot, from the frame until its exit has been told. Nothing here waits, and nothing
 * that goes wrong with one of them touches an app or ends the pod.
 */
#ifndef NACELLE_GUEST_INIT_ADDED_H
#define NACELLE_GUEST_INIT_ADDED_H

#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "guest-init/app.h"
#include "guest-init/control.h"

enum { ADDED_POLLFDS_MAX = FRAME_ADDED_MAX * APP_POLLFDS };

struct added_process;

struct added {
	struct control *control;
	struct app *apps;
	size_t app_count;
	size_t count; /* of slots in use */
	bool had_members;
	bool closed; /* the apps have ended, or shall: no member comes any more */
	/* A cgroup that a container could keep from being removed is no other's. */
	uint32_t next_group;
	uint64_t begun; /* how many there have been */
	struct added_process *slots[FRAME_ADDED_MAX];
	/* The process that changes limits, one at a time, or 0; for whom, if he is there still. */
	pid_t changer;
	struct added_process *changing;
	int64_t end_ms; /* when the pod's end waits no more for their output; 0: no end is near */
};

/* The apps may be fewer than app_count for now, but not move. */
void added_init(struct added *added, struct control *control, struct app *apps, size_t app_count);

/* FRAME_ADD; those for an id in use and for what is no app are answered by an exit, or not at all.
 */
int added_begin(struct added *added, const struct host_frame *frame, struct error *err);

/* FRAME_SIGNAL, FRAME_START and FRAME_WINSIZE for an id of FRAME_ID_ADDED_FIRST or above. */
int added_signal(struct added *added, uint32_t id, uint32_t signal, struct error *err);
void added_release(struct added *added, uint32_t id);
void added_resize(struct added *added, uint32_t id, uint16_t rows, uint16_t columns);

/* Fills at most ADDED_POLLFDS_MAX entries for poll() and returns how many. */
size_t added_wants(struct added *added, struct pollfd *fds);

/* Does what can be done. -1 with err filled only if the host cannot be told. */
int added_step(struct added *added, const struct pollfd *fds, struct error *err);

/* A process has been reaped; if it is one of these, that is taken note of. */
int added_reap(struct added *added, pid_t pid, int wait_status, struct error *err);

/*
 * All apps are done: members that have been started go on without them, those that wait for their
 * start end, and none is added any more. Returns as added_step().
 */
int added_close(struct added *added, struct error *err);

/* Whether a member has a process. */
bool added_has_members(const struct added *added);

/*
 * To all members: each its stop signal, and none is added any more, which returns as added_step();
 * or SIGKILL.
 */
int added_stop(struct added *added, struct error *err);
void added_kill(struct added *added);

/*
 * All apps and members are done, so other processes are too: returns how long to poll for the rest
 * of their output, or 0 when all is told, or was given up.
 */
int added_finish(struct added *added, int *poll_ms, struct error *err);

#endif
