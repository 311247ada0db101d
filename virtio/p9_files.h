/*
 * The process role `files`: a 9p server and nothing else. What it needs of the host is here: what
 *to prepare while the process still can, and the list of system calls afterwards.
 *
 * The order for whoever starts it, in the role's own process and with one thread:
 *
 *	links_fd = p9_server_prepare_process(&err);	while /proc is there
 *	lockdown_namespaces(), lockdown_ids(), lockdown_close_fds()
 *	p9_files_run(&plan, &err)			returns when the machine has gone
 *
 * Capabilities, as root: CHOWN and FOWNER for P9_OWNERS_SAME, DAC_OVERRIDE to serve files of
 * other users, FSETID to keep set-group-id bits on what they own.
 */
#ifndef NACELLE_VIRTIO_P9_FILES_H
#define NACELLE_VIRTIO_P9_FILES_H

#include <stdbool.h>
#include <stddef.h>

#include "virtio/p9_server.h"
#include "vmm/base/lockdown.h"

/* One device and its shares. */
struct p9_files_channel {
	const struct p9_share_config *shares; /* their descriptors become the server's */
	unsigned share_count;
	bool takes_shares; /* and more on its socket: struct p9_share_packet */
	int socket;	   /* the server's end */
	int memory_fd;	   /* closed */
};

enum { P9_FILES_CHANNELS_MAX = 2 };

struct p9_files_plan {
	enum p9_owners owners;
	int links_fd; /* of p9_server_prepare_process(); closed */
	unsigned channel_count;
	struct p9_files_channel channels[P9_FILES_CHANNELS_MAX];
};

/*
 * Makes a server for each channel, allows itself the system calls below, and serves, the servers
 * beside each other, until the device's end of a socket is closed. To be called once in a process.
 * Returns 0, or -1 with err filled.
 */
int p9_files_run(const struct p9_files_plan *plan, struct error *err)
    __attribute__((warn_unused_result));

/*
 * All that a server does once it serves, and all that it needs to end. The first is for one that
 * takes shares alone.
 */
extern const struct lockdown_rule p9_files_rules[];
extern const size_t p9_files_rule_count;

#endif
