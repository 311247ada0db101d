/*
 * Fids: the numbers by which a client names files, and what each stands for. The table grows with
 * its content, up to a limit; the client chooses the numbers.
 */
#ifndef NACELLE_VIRTIO_P9_FID_H
#define NACELLE_VIRTIO_P9_FID_H

#include <stdint.h>

#include "virtio/p9_node.h"
#include "virtio/p9_ranges.h"

enum p9_fid_kind {
	P9_FID_FILE,	  /* a file that is not open */
	P9_FID_OPEN,	  /* an open file or directory */
	P9_FID_XATTR_GET, /* the value, or the list, of extended attributes */
	P9_FID_XATTR_SET, /* a value that is being written, and set when the fid is clunked */
};

/* An extended attribute on its way. */
struct p9_xattr {
	size_t size; /* of value */
	size_t done; /* bytes written to it so far */
	int flags;
	char name[P9_NAME_MAX + 1];
	uint8_t value[]; /* all zeroes at first */
};

struct p9_fid {
	uint32_t id;
	uint32_t uid; /* of the attach that it descends from; P9_NOID if that told none */
	enum p9_fid_kind kind;
	struct p9_node *node; /* a reference */
	int io_fd;	      /* of P9_FID_OPEN, but for the synthetic root */
	int lock_fd;	      /* another descriptor that holds the locks, or -1 */
	int access;	      /* O_ACCMODE bits of io_fd */
	uint64_t dir_offset;  /* where io_fd, a directory, stands */
	struct p9_xattr *xattr;
	struct p9_ranges locks;
};

struct p9_fids {
	struct p9_fid **table; /* open addressing, linear probing */
	size_t capacity;       /* a power of two, or 0 */
	size_t count;
	size_t limit;
};

void p9_fids_init(struct p9_fids *fids, size_t limit);

/* The fid of this number, or NULL. */
struct p9_fid *p9_fid_find(const struct p9_fids *fids, uint32_t id);

/*
 * A new fid of kind P9_FID_FILE; the node's reference passes to it. Returns 0 with *fid; -EINVAL
 * for P9_NOFID, -EEXIST, -ENFILE at the limit, or -ENOMEM, and the reference stays the caller's.
 */
int p9_fid_add(struct p9_fids *fids, uint32_t id, uint32_t uid, struct p9_node *node,
	       struct p9_fid **fid) __attribute__((warn_unused_result));

/* Takes the fid out of the table. The caller releases what it holds, and frees it. */
void p9_fid_remove(struct p9_fids *fids, struct p9_fid *fid);

/*
 * The fid at or behind a place in the table, 0 at first; NULL behind the last. If each is removed
 * when it is found, all are found.
 */
struct p9_fid *p9_fid_next(const struct p9_fids *fids, size_t *at);

/* Releases the empty table's memory. */
void p9_fids_fini(struct p9_fids *fids);

#endif
