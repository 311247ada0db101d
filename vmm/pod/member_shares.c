/*
 * The socket is shared with the machine, which may have filled it for its guest: nothing waits for
 * room here.
 */
#include "vmm/pod/member_shares.h"

#include <errno.h>
#include <fcntl.h>
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

int member_shares_remove(struct member_shares *shares, uint32_t slot, int *gone, struct error *err)
{
	_cleanup_fd_ int ours = -1, token = -1;
	char prefix[MEMBER_SHARE_NAME_MAX];
	int ends[2];

	*gone = -1;
	if (shares->socket < 0)
		return 0;
	if (pipe2(ends, O_CLOEXEC) < 0)
		return error_set(err, errno, "cannot make a pipe");
	ours = ends[0];
	token = ends[1];
	(void)snprintf(prefix, sizeof(prefix), "m%" PRIu32 ".", slot);
	if (files_remove_shares(shares->socket, prefix, token) < 0)
		return error_set(err, errno, "cannot take a container's directories from the pod");
	*gone = steal_fd(&ours);
	return 0;
}
