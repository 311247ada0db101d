/*
 * What the 9p server shares: named host directories or single files. The synthetic root directory
 * of the server has one entry per share.
 *
 * A share is a descriptor, never a path. The host may change what is beneath it at any time.
 */
#ifndef NACELLE_VIRTIO_P9_SHARE_H
#define NACELLE_VIRTIO_P9_SHARE_H

#include <stdbool.h>

#include "vmm/base/error.h"

enum { P9_SHARES_MAX = 256 };

/* What the caller says of a share. */
struct p9_share_config {
	const char *name; /* a file name; unique; copied */
	int fd;		  /* O_PATH, of a directory or of a regular file; becomes the server's */
	bool read_only;	  /* every change is answered with EROFS */
	bool recursive;	  /* also shows what is mounted beneath the share, now and later */
};

/* What the server keeps; the descriptor is in the node of its root. */
struct p9_share {
	unsigned number; /* of the server's shares, from 0 */
	bool read_only;
	bool recursive;
	bool added; /* while the server runs; such a one may be taken away */
	struct p9_node *root;
};

/*
 * Whether name and descriptor can be shared. Returns 0, or -1 with err filled with what is wrong.
 */
int p9_share_check(const struct p9_share_config *config, struct error *err)
    __attribute__((warn_unused_result));

#endif
