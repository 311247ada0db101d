/*
 * Processes that are added to a running pod: each has a slot, streams of its own, and one start and
 * one exit. The exit is told when all output has been written, as it is for the pod.
 *
 * The command comes from the supervisor, which gives out the slots; a slot is free from the exit
 * record on. Everything but added_hold() belongs to the loop's thread.
 */
#ifndef NACELLE_MACHINE_ADDED_H
#define NACELLE_MACHINE_ADDED_H

#include <stdbool.h>

#include "vmm/machine/control.h"
#include "vmm/machine/machine.h"
#include "vmm/machine/streams.h"

typedef void added_send_fn(void *ctx, const struct machine_event *event);

struct added_slot {
	bool used;
	bool has_exited; /* exit is held back */
	struct machine_event exit;
};

struct added {
	struct control *control;
	struct streams *streams;
	added_send_fn *send;
	void *ctx;
	struct added_slot slots[FRAME_ADDED_MAX];
};

void added_init(struct added *added, struct control *control, struct streams *streams,
		added_send_fn *send, void *ctx);

/*
 * MACHINE_COMMAND_ADD with its descriptors, which are taken over. If nothing can be started, an
 * exit with EXIT_KIND_INIT_FAILURE says so.
 */
void added_start(struct added *added, const struct machine_command *command, const int *fds,
		 unsigned fd_count);

/* MACHINE_COMMAND_HANG_UP: the one who asked for the process has gone. */
void added_hang_up(struct added *added, const struct machine_command *command);

/*
 * An event of the guest, with the vsock device's lock held. Returns true if it is an exit that is
 * sent later.
 */
bool added_hold(struct added *added, const struct machine_event *event);

/* The pod is over and its output is written: sends the exits that are still held back. */
void added_flush(struct added *added);

#endif
