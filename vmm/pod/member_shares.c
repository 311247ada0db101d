/*
 * The socket is shared with the machine, which may have filled it for its guest: nothing waits for
 * room here.
 */
#include "vmm/pod/member_shares.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#include "vmm/base/cleanup.h"
#include "vmm/machine/files.h"

void member_shares_name(char name[MEMBER_SHARE_NAME_MAX], uint32_t slot, uint32_t index)
{
	(void)snprintf(name, MEMBER_SHARE_NAME_MAX, "m%" PRIu32 ".%" PRIu32, slot, index);
}

int member_shares_add(struct member_shares *shares, uint32_t slot, uint32_t index, int fd,
		      bool read_only, bool recursive, struct error *err)
{
	_cleanup_fd_ int taken = fd;
	char name[MEMBER_SHARE_NAME_MAX];
	const struct p9_share_config share = {
		.name = name, .fd = taken, .read_only = read_only, .recursive = recursive
	};

	if (shares->socket < 0)
		return error_set(err, ENOTSUP, "the pod takes no other containers");
	member_shares_name(name, slot, index);
	if (files_add_share(shares->socket, &share) < 0)
		return error_set(err, errno, "cannot hand a directory to the pod");
	return 0;
}

bool member_shares_remove(struct member_shares *shares, uint32_t slot)
{
	char prefix[MEMBER_SHARE_NAME_MAX];

	if (shares->socket < 0)
		return true;
	(void)snprintf(prefix, sizeof(prefix), "m%" PRIu32 ".", slot);
	return files_remove_shares(shares->socket, prefix) == 0;
}
