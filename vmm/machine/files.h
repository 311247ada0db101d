/*
 * The files role: the 9p server for the shares of one pod, in a process of its own that sees
 * neither KVM, guest memory nor a network.
 */
#ifndef NACELLE_MACHINE_FILES_H
#define NACELLE_MACHINE_FILES_H

#include <stdbool.h>
#include <sys/types.h>

#include "virtio/p9_channel.h"
#include "virtio/p9_files.h"
#include "virtio/p9_share.h"

struct files_request {
	bool change_ids;
	pid_t pid; /* as the plan has it */
	unsigned channel_count;
	struct files_channel {
		int socket;	   /* the server's end of the channel to the machine */
		int memory;	   /* the channel's memory */
		bool takes_shares; /* more of them, from the supervisor, on the socket */
		unsigned share_count;
		struct p9_share_config shares[P9_SHARES_MAX];
	} channels[P9_FILES_CHANNELS_MAX];
};

/*
 * The role's entry. Takes everything else away from itself, serves until the machine has gone, and
 * ends the process.
 */
void files_run(const struct files_request *request) __attribute__((noreturn));

/*
 * For whoever has the device's end of the socket of a channel that takes shares: hands one over, or
 * takes away those whose names begin like this. Nothing is waited for. The role closes its copy of
 * the token, any descriptor, when nothing of them is open there, but for what an fsync is in hand
 * of. The descriptors stay the caller's. 0, or -1 with errno set.
 */
int files_add_share(int socket, const struct p9_share_config *share);
int files_remove_shares(int socket, const char *prefix, int token);

#endif
