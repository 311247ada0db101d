/*
 * The socket is shared with the machine, which may have filled it for its guest: nothing waits for
 * room here.
 */
#include "vmm/pod/member_shares.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#include "virtio/p9_channel.h"
#include "vmm/base/cleanup.h"
#include "vmm/base/descriptors.h"

static_assert((int)MEMBER_SHARE_NAME_MAX <= (int)P9_SHARE_PACKET_NAME, "names fit");

void member_shares_name(char name[MEMBER_SHARE_NAME_MAX], uint32_t slot, uint32_t index)
{
	(void)snprintf(name, MEMBER_SHARE_NAME_MAX, "m%" PRIu32 ".%" PRIu32, slot, index);
}

int member_shares_add(struct member_shares *shares, uint32_t slot, uint32_t index, int fd,
		      bool read_only, bool recursive, struct error *err)
{
	_cleanup_fd_ int taken = fd;
	struct p9_share_packet packet = { .slot = P9_SLOT_SHARE,
					  .flags = (read_only ? (uint32_t)P9_SHARE_READ_ONLY : 0) |
						   (recursive ? (uint32_t)P9_SHARE_RECURSIVE : 0) };

	if (shares->socket < 0)
		return error_set(err, ENOTSUP, "the pod takes no other containers");
	member_shares_name(packet.name, slot, index);
	if (descriptors_send(shares->socket, &packet, sizeof(packet), &taken, 1) < 0)
		return error_set(err, errno, "cannot hand a directory to the pod");
	return 0;
}

bool member_shares_remove(struct member_shares *shares, uint32_t slot)
{
	struct p9_share_packet packet = { .slot = P9_SLOT_SHARE, .flags = P9_SHARE_REMOVE };

	if (shares->socket < 0)
		return true;
	(void)snprintf(packet.name, sizeof(packet.name), "m%" PRIu32 ".", slot);
	return descriptors_send(shares->socket, &packet, sizeof(packet), NULL, 0) == 0;
}
