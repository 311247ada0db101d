/*
 * Those who have attached to one app, as the logger sees them. Nobody is waited for: output that
 * one does not take is dropped for that one, and counted; input is read from one only when the app
 * has taken what came before.
 */
#ifndef NACELLE_POD_ATTACHED_H
#define NACELLE_POD_ATTACHED_H

#include <poll.h>
#include <stdbool.h>
#include <stddef.h>

#include "vmm/pod/attach_packet.h"

enum { ATTACHED_MAX = 16 }; /* at the same time, to one app */

struct attached_client {
	int socket;
	uint64_t lost_bytes;
};

struct attached {
	unsigned count;
	struct attached_client clients[ATTACHED_MAX];
	int app_stdin; /* non-blocking, owned; -1: the app has none, or does not read it any more */
	size_t input_start, input_end; /* of what the app has not taken yet */
	struct attach_packet input;
};

void attached_init(struct attached *attached, int app_stdin);

/* Takes over the socket; closes it at once if there are too many. */
void attached_add(struct attached *attached, int socket);

/* Output of the app, len <= ATTACH_DATA_MAX, for everyone. */
void attached_send(struct attached *attached, enum attach_kind kind, const void *data, size_t len);

/* Fills ATTACHED_MAX + 1 entries for poll(). */
void attached_wants(const struct attached *attached, struct pollfd fds[ATTACHED_MAX + 1]);

/* Moves input, and forgets those who have gone, after poll() has filled the entries. */
void attached_step(struct attached *attached, const struct pollfd fds[ATTACHED_MAX + 1]);

/* The app has ended: closes everything. */
void attached_end(struct attached *attached);

#endif
