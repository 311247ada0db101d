/*
 * Directories and files for the containers that are added to a running pod: from the supervisor to
 * the files role, on the socket of its 9p device, so in order with what the guest asks of it. The
 * machine never has them.
 */
#ifndef NACELLE_POD_MEMBER_SHARES_H
#define NACELLE_POD_MEMBER_SHARES_H

#include <stdbool.h>
#include <stdint.h>

#include "vmm/base/error.h"

struct member_shares {
	int socket;	    /* of a pod that takes them (run_options.members); else -1 */
	unsigned own_count; /* the pod's own shares, of the same device */
};

enum { MEMBER_SHARE_NAME_MAX = 24 };

/* The name in the guest of a share of the member in this slot: "mSLOT.INDEX". */
void member_shares_name(char name[MEMBER_SHARE_NAME_MAX], uint32_t slot, uint32_t index);

/*
 * Adds a share; fd, which is taken over also on failure, is O_PATH, of a directory or regular file.
 * To be called before MACHINE_COMMAND_ADD. There is no answer: what the role cannot share is not
 * there when the guest looks for it. Returns 0, or -1 with err filled.
 */
int member_shares_add(struct member_shares *shares, uint32_t slot, uint32_t index, int fd,
		      bool read_only, bool recursive, struct error *err)
    __attribute__((warn_unused_result));

/*
 * Takes away all shares of the slot: what the guest still has open there is of no use any more, and
 * the files role lets go of it. *gone, the caller's, is the end of a pipe that hangs up when it has
 * done so, and of which nothing shall be read; -1: there is nothing to wait for. Returns 0, or -1
 * with err filled if that could not be told: the device is stuck, or the host has no descriptors.
 */
int member_shares_remove(struct member_shares *shares, uint32_t slot, int *gone, struct error *err)
    __attribute__((warn_unused_result));

#endif
