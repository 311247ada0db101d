/*
 * Inside the 9p server: its state, and one function per T-message. For p9_server.c and p9_ops_*.c.
 */
#ifndef NACELLE_VIRTIO_P9_OPS_H
#define NACELLE_VIRTIO_P9_OPS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "virtio/p9_fid.h"
#include "virtio/p9_node.h"
#include "virtio/p9_server.h"
#include "virtio/p9_share.h"
#include "virtio/p9_wire.h"

enum {
	P9_DEVICES_MAX = 64,
	P9_SCRATCH_BYTES = P9_MSIZE_MAX, /* room for a getdents64 or the longest attribute */
	P9_XATTR_MAX = 64 * 1024,
};

struct p9_server {
	enum p9_owners owners;
	bool takes_shares;
	struct p9_limits limits;
	uid_t own_uid;
	gid_t own_gid;

	struct p9_node *root;			/* the synthetic root */
	struct p9_share *shares[P9_SHARES_MAX]; /* by number; NULL: taken away */
	unsigned share_count;			/* that there have been at once, at most */
	struct {
		const struct p9_share *share; /* NULL: taken away */
		dev_t dev;
	} devices[P9_DEVICES_MAX]; /* see p9_qid() */
	unsigned device_count;

	/* The session. */
	bool versioned;
	uint32_t msize;
	struct p9_fids fids;
	struct p9_nodes nodes;
	uint32_t xattr_bytes;
	uint32_t lock_ranges;

	struct p9_sync *sync; /* answers fsyncs; NULL: they are answered at once */

	/* The message in hand. */
	uint32_t slot;		/* only with sync */
	const uint8_t *payload; /* of a Twrite: it may change while we look */
	uint8_t head[P9_HEAD_MAX + 1];
	_Alignas(uint64_t) uint8_t scratch[P9_SCRATCH_BYTES];
};

/*
 * Each handles one message: puts the reply's fields into r and returns 0, or returns a negative
 * errno value, which becomes an Rlerror, or P9_LATER if somebody else replies.
 */
enum { P9_LATER = 1 };
typedef int (*p9_op)(struct p9_server *s, const struct p9_request *req, struct p9_reply *r);

int p9_op_attach(struct p9_server *s, const struct p9_request *req, struct p9_reply *r);
int p9_op_walk(struct p9_server *s, const struct p9_request *req, struct p9_reply *r);
int p9_op_clunk(struct p9_server *s, const struct p9_request *req, struct p9_reply *r);
int p9_op_statfs(struct p9_server *s, const struct p9_request *req, struct p9_reply *r);
int p9_op_getattr(struct p9_server *s, const struct p9_request *req, struct p9_reply *r);
int p9_op_setattr(struct p9_server *s, const struct p9_request *req, struct p9_reply *r);
int p9_op_lopen(struct p9_server *s, const struct p9_request *req, struct p9_reply *r);
int p9_op_read(struct p9_server *s, const struct p9_request *req, struct p9_reply *r);
int p9_op_write(struct p9_server *s, const struct p9_request *req, struct p9_reply *r);
int p9_op_fsync(struct p9_server *s, const struct p9_request *req, struct p9_reply *r);
int p9_op_readdir(struct p9_server *s, const struct p9_request *req, struct p9_reply *r);
int p9_op_lcreate(struct p9_server *s, const struct p9_request *req, struct p9_reply *r);
int p9_op_mkdir(struct p9_server *s, const struct p9_request *req, struct p9_reply *r);
int p9_op_mknod(struct p9_server *s, const struct p9_request *req, struct p9_reply *r);
int p9_op_symlink(struct p9_server *s, const struct p9_request *req, struct p9_reply *r);
int p9_op_readlink(struct p9_server *s, const struct p9_request *req, struct p9_reply *r);
int p9_op_link(struct p9_server *s, const struct p9_request *req, struct p9_reply *r);
int p9_op_rename(struct p9_server *s, const struct p9_request *req, struct p9_reply *r);
int p9_op_renameat(struct p9_server *s, const struct p9_request *req, struct p9_reply *r);
int p9_op_unlinkat(struct p9_server *s, const struct p9_request *req, struct p9_reply *r);
int p9_op_remove(struct p9_server *s, const struct p9_request *req, struct p9_reply *r);
int p9_op_xattrwalk(struct p9_server *s, const struct p9_request *req, struct p9_reply *r);
int p9_op_xattrcreate(struct p9_server *s, const struct p9_request *req, struct p9_reply *r);
int p9_op_lock(struct p9_server *s, const struct p9_request *req, struct p9_reply *r);
int p9_op_getlock(struct p9_server *s, const struct p9_request *req, struct p9_reply *r);

/* The making and the end of a share: in p9_server_shares.c. */
int p9_share_add(struct p9_server *s, const struct p9_share_config *config, struct error *err)
    __attribute__((warn_unused_result));
void p9_share_forget(struct p9_server *s, unsigned number); /* one that is not there is fine */

/* The fid of a file, open or not; NULL (the error is EBADF) if there is none of this number. */
struct p9_fid *p9_file_fid(struct p9_server *s, uint32_t id);

/*
 * The descriptor of a directory in a share that may be changed, by its fid; or a negative errno.
 * *dir is set on success.
 */
int p9_dir_for_change(struct p9_server *s, uint32_t id, struct p9_fid **dir)
    __attribute__((warn_unused_result));

/* Releases all that the fid has, and the fid. Not in the table any more. */
void p9_fid_release(struct p9_server *s, struct p9_fid *fid);

/* Closes what is open in a fid (file, locks, attribute), whose node stays. */
void p9_fid_close(struct p9_server *s, struct p9_fid *fid);

/* Commits an attribute that was written through the fid. Returns 0 or a negative errno value. */
int p9_xattr_commit(struct p9_server *s, struct p9_fid *fid) __attribute__((warn_unused_result));

/* Read and write of fids that are attributes. */
int p9_xattr_read(const struct p9_fid *fid, const struct p9_request *req, struct p9_reply *r);
int p9_xattr_write(struct p9_server *s, struct p9_fid *fid, const struct p9_request *req,
		   struct p9_reply *r);

/*
 * Opens what a fid stands for, which is no special file, in place. Returns 0 or a negative errno.
 */
int p9_open_fid(struct p9_server *s, struct p9_fid *fid, uint32_t flags)
    __attribute__((warn_unused_result));

/* The host's open flags for those of the guest: an allow list. */
int p9_host_flags(uint32_t flags);

/* What an Rlopen and an Rlcreate advise as size of one transfer: whole pages. */
uint32_t p9_iounit(const struct p9_server *s);

/*
 * The qid of a file. Its path is unique for each (share, device, inode number): the inode number
 * itself on the first share and device that the server met, with the number of the pair in the
 * upper bits on others, and a hash of all where that does not fit. The share counts, since a client
 * that caches would take a directory that is in two shares for one that has moved. Its version
 * changes with the content on a read-only share, so that a guest that caches hard notices;
 * elsewhere it is 0, since Linux's client would take a file that it has just written itself for
 * another one.
 */
struct p9_qid p9_qid(struct p9_server *s, const struct p9_node *node, const struct statx *stx);
uint64_t p9_qid_path(struct p9_server *s, const struct p9_share *share, dev_t dev, uint64_t ino);
struct p9_qid p9_root_qid(void);

#endif
