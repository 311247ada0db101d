/*
 * Shares for a files role that runs: packets on the socket between the device and the server.
 */
#include <errno.h>
#include <stdio.h>

#include "vmm/base/descriptors.h"
#include "vmm/machine/files.h"

static int send_packet(int socket, uint32_t flags, const char *name, int fd)
{
	struct p9_share_packet packet = { .slot = P9_SLOT_SHARE, .flags = flags };

	if (snprintf(packet.name, sizeof(packet.name), "%s", name) >= (int)sizeof(packet.name)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	return descriptors_send(socket, &packet, sizeof(packet), &fd, 1);
}

int files_add_share(int socket, const struct p9_share_config *share)
{
	uint32_t flags = (share->read_only ? (uint32_t)P9_SHARE_READ_ONLY : 0) |
			 (share->recursive ? (uint32_t)P9_SHARE_RECURSIVE : 0);

	return send_packet(socket, flags, share->name, share->fd);
}

int files_remove_shares(int socket, const char *prefix, int token)
{
	return send_packet(socket, P9_SHARE_REMOVE, prefix, token);
}
