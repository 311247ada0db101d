/*
 * Commands on their way to the machine. Its socket takes only a few packets at a time
 * (net.unix.max_dgram_qlen), and the supervisor never waits; so what does not go now goes later, in
 * order.
 */
#ifndef NACELLE_POD_MACHINE_QUEUE_H
#define NACELLE_POD_MACHINE_QUEUE_H

#include <stdbool.h>

#include "vmm/machine/machine.h"

enum { MACHINE_QUEUE_MAX = 256 };

struct machine_queue_item {
	struct machine_command command;
	int fds[MACHINE_ADD_FDS_MAX];
	unsigned fd_count;
};

struct machine_queue {
	unsigned first, count;
	struct machine_queue_item items[MACHINE_QUEUE_MAX];
};

/*
 * Sends a command, or keeps it; the descriptors are taken over. Returns false if it is lost: the
 * machine has gone, or has not listened for very long.
 */
bool machine_queue_send(struct machine_queue *queue, int socket,
			const struct machine_command *command, int *fds, unsigned fd_count);

/* Sends what goes, when the socket is writable. Returns whether some is left. */
bool machine_queue_flush(struct machine_queue *queue, int socket);

#endif
