/*
 * A small 9P2000.L client for tests: one function per message, straight into p9_server_handle(),
 * and a directory with shares and canaries to serve.
 *
 * Every function returns 0, the errno of an Rlerror, or CLIENT_DROPPED where the server took the
 * message for a breach of the protocol. What a reply holds beyond that is in the client.
 */
#ifndef NACELLE_TESTS_P9_CLIENT_H
#define NACELLE_TESTS_P9_CLIENT_H

#include <stdint.h>
#include <sys/types.h>

#include "virtio/p9_server.h"
#include "virtio/p9_wire.h"

enum { CLIENT_DROPPED = -1, CLIENT_ROOT = 1 };

struct p9_client {
	struct p9_server *server; /* NULL: in another process, at the end of the channel */
	int socket;
	uint8_t *slots;
	uint8_t request[P9_MSIZE_MAX];
	size_t request_len;
	uint8_t reply[P9_MSIZE_MAX + 1];
	size_t reply_len;
	size_t reply_max;
	struct cursor c; /* in the reply, behind its header */

	/* Of the last reply that has them. */
	struct p9_qid qid;
	uint16_t walked;
	uint32_t count;
	const uint8_t *data;
	uint64_t size;
};

struct p9_attr {
	struct p9_qid qid;
	uint64_t valid;
	uint32_t mode, uid, gid;
	uint64_t nlink, rdev, size, blksize, blocks;
	struct p9_time atime, mtime, ctime, btime;
	uint64_t generation;
};

/*
 * A fresh directory (in TMPDIR, if that is set) with, inside: canary (a file, and what it must
 * say), share/ (rw), ro/ (read-only), single (a file that is shared). share and ro hold file, dir/,
 * dir/sub, fifo, link -> ../canary, abslink -> the canary's absolute path, up -> .. ; and the
 * server that shares them as "share", "ro" and "single".
 */
struct p9_world {
	char path[80];
	int dir_fd;
	int share_fd;
	int old_cwd; /* of the tester, if the server is in its process */
	pid_t pid;   /* of the server's process, if it has one */
	struct p9_client client;
};

struct p9_world *p9_world_new(const struct p9_limits *limits, enum p9_owners owners);

/* The same, with the server as a process of role `files`, system call filter and all. */
struct p9_world *p9_world_new_role(void);
struct p9_world *p9_world_new_role_for_shares(void); /* it takes more of them */

/*
 * Checks the canary, stops the server and removes all. Returns the exit status of the server's
 * process, 0 if it has none.
 */
int p9_world_free(struct p9_world *w);

void p9_begin(struct p9_client *cl, uint8_t type);
void p9_u8(struct p9_client *cl, uint8_t v);
void p9_u16(struct p9_client *cl, uint16_t v);
void p9_u32(struct p9_client *cl, uint32_t v);
void p9_u64(struct p9_client *cl, uint64_t v);
void p9_bytes(struct p9_client *cl, const void *data, size_t len);
void p9_str(struct p9_client *cl, const char *s);
/* Sends what was put together; the size field is filled in. */
int p9_call(struct p9_client *cl);
/* Sends it with this size field. */
int p9_call_sized(struct p9_client *cl, uint32_t size);

int p9_version(struct p9_client *cl, uint32_t msize, const char *version);
int p9_attach(struct p9_client *cl, uint32_t fid, const char *aname, uint32_t uid);
/* Names separated by slashes; "" walks nowhere. */
int p9_walk(struct p9_client *cl, uint32_t fid, uint32_t newfid, const char *path);
int p9_clunk(struct p9_client *cl, uint32_t fid);
int p9_remove(struct p9_client *cl, uint32_t fid);
int p9_lopen(struct p9_client *cl, uint32_t fid, uint32_t flags);
int p9_lcreate(struct p9_client *cl, uint32_t fid, const char *name, uint32_t flags, uint32_t mode,
	       uint32_t gid);
int p9_read(struct p9_client *cl, uint32_t fid, uint64_t offset, uint32_t count);
int p9_write(struct p9_client *cl, uint32_t fid, uint64_t offset, const void *data, uint32_t len);
int p9_readdir(struct p9_client *cl, uint32_t fid, uint64_t offset, uint32_t count);
int p9_fsync(struct p9_client *cl, uint32_t fid, uint32_t datasync);
int p9_getattr(struct p9_client *cl, uint32_t fid, struct p9_attr *attr);
int p9_setattr(struct p9_client *cl, uint32_t fid, uint32_t valid, const struct p9_attr *attr);
int p9_mkdir(struct p9_client *cl, uint32_t fid, const char *name, uint32_t mode, uint32_t gid);
int p9_mknod(struct p9_client *cl, uint32_t fid, const char *name, uint32_t mode);
int p9_symlink(struct p9_client *cl, uint32_t fid, const char *name, const char *target);
int p9_readlink(struct p9_client *cl, uint32_t fid); /* data, count */
int p9_link(struct p9_client *cl, uint32_t dir, uint32_t fid, const char *name);
int p9_rename(struct p9_client *cl, uint32_t fid, uint32_t dir, const char *name);
int p9_renameat(struct p9_client *cl, uint32_t old_dir, const char *old_name, uint32_t new_dir,
		const char *new_name);
int p9_unlinkat(struct p9_client *cl, uint32_t dir, const char *name, uint32_t flags);
int p9_xattrwalk(struct p9_client *cl, uint32_t fid, uint32_t newfid, const char *name);
int p9_xattrcreate(struct p9_client *cl, uint32_t fid, const char *name, uint64_t size,
		   uint32_t flags);
/* The status of Rlock is in count. */
int p9_lock(struct p9_client *cl, uint32_t fid, uint8_t type, uint64_t start, uint64_t len);
/* The type of Rgetlock is in count. */
int p9_getlock(struct p9_client *cl, uint32_t fid, uint8_t type, uint64_t start, uint64_t len);
int p9_statfs(struct p9_client *cl, uint32_t fid); /* the type is in count */
int p9_flush(struct p9_client *cl, uint16_t tag);

/* Walks from the root and opens. */
int p9_open_path(struct p9_client *cl, uint32_t fid, const char *path, uint32_t flags);

#endif
