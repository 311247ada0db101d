/*
 * 9p: getattr, setattr, statfs. None of them opens a file, so they work on special files too.
 */
#include "virtio/p9_ops.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/vfs.h>
#include <unistd.h>

enum {
	V9FS_MAGIC = 0x01021997,
	ROOT_BLOCK_BYTES = 4096,
	NOBODY = 65534,
	NSEC_PER_SEC = 1000000000,
};

static void put_time(struct p9_reply *r, const struct statx_timestamp *t)
{
	p9_put_u64(r, (uint64_t)t->tv_sec);
	p9_put_u64(r, t->tv_nsec);
}

/* As Linux's new_encode_dev(): what a 32-bit dev_t looks like to user space. */
static uint64_t encode_device(const struct statx *stx)
{
	uint32_t minor = stx->stx_rdev_minor;

	return (minor & 0xff) | stx->stx_rdev_major << 8 | (minor & ~(uint32_t)0xff) << 12;
}

static uint32_t guest_id(const struct p9_server *s, uint32_t id, uint32_t own)
{
	if (s->owners == P9_OWNERS_SAME)
		return id;
	return id == own ? 0 : NOBODY;
}

static int root_attributes(struct statx *stx)
{
	*stx = (struct statx){
		.stx_mode = S_IFDIR | 0555,
		.stx_nlink = 2,
		.stx_blksize = ROOT_BLOCK_BYTES,
	};
	return 0;
}

static int attributes(struct p9_server *s, struct p9_fid *fid, struct statx *stx)
{
	int fd;

	if (!fid->node->share)
		return root_attributes(stx);
	fd = fid->io_fd >= 0 ? fid->io_fd : p9_node_fd(&s->nodes, fid->node);
	if (fd < 0)
		return fd;
	if (p9_stat_fd(fd, stx) < 0)
		return -errno;
	stx->stx_uid = guest_id(s, stx->stx_uid, s->own_uid);
	stx->stx_gid = guest_id(s, stx->stx_gid, s->own_gid);
	return 0;
}

int p9_op_getattr(struct p9_server *s, const struct p9_request *req, struct p9_reply *r)
{
	struct p9_fid *fid = p9_file_fid(s, req->fid);
	uint64_t valid = P9_STATS_BASIC;
	struct p9_qid qid;
	struct statx stx;
	int result;

	if (!fid)
		return -EBADF;
	result = attributes(s, fid, &stx);
	if (result < 0)
		return result;
	qid = fid->node->share ? p9_qid(s, fid->node, &stx) : p9_root_qid();
	if (stx.stx_mask & STATX_BTIME)
		valid |= P9_STATS_BTIME | P9_STATS_GEN;
	p9_put_u64(r, valid);
	p9_put_qid(r, &qid);
	p9_put_u32(r, stx.stx_mode);
	p9_put_u32(r, stx.stx_uid);
	p9_put_u32(r, stx.stx_gid);
	p9_put_u64(r, stx.stx_nlink);
	p9_put_u64(r, encode_device(&stx));
	p9_put_u64(r, stx.stx_size);
	p9_put_u64(r, stx.stx_blksize);
	p9_put_u64(r, stx.stx_blocks);
	put_time(r, &stx.stx_atime);
	put_time(r, &stx.stx_mtime);
	put_time(r, &stx.stx_ctime);
	put_time(r, &stx.stx_btime);
	p9_put_u64(r, p9_generation(&stx));
	p9_put_u64(r, 0); /* data version */
	return 0;
}

static int set_size(const struct p9_fid *fid, int node_fd, uint64_t size)
{
	int r;

	if (S_ISDIR(fid->node->type))
		return -EISDIR;
	if (!S_ISREG(fid->node->type) || size > INT64_MAX)
		return -EINVAL;
	/* A file that was opened for writing may have a mode by now that forbids to open it. */
	if (fid->io_fd >= 0 && fid->access != O_RDONLY)
		r = ftruncate(fid->io_fd, (off_t)size);
	else
		r = truncate(p9_fd_name(node_fd).text, (off_t)size);
	return r < 0 ? -errno : 0;
}

static int set_owner(const struct p9_server *s, int fd, const struct p9_request *req)
{
	uid_t uid = req->valid & P9_SET_UID ? req->uid : (uid_t)P9_NOID;
	gid_t gid = req->valid & P9_SET_GID ? req->gid : (gid_t)P9_NOID;

	if (s->owners == P9_OWNERS_SQUASH)
		uid = gid = (uid_t)P9_NOID;
	return fchownat(fd, "", uid, gid, AT_EMPTY_PATH) < 0 ? -errno : 0;
}

/* What utimensat() wants of one time stamp. */
static struct timespec new_time(uint32_t valid, uint32_t bit, uint32_t bit_set,
				const struct p9_time *t)
{
	if (!(valid & bit))
		return (struct timespec){ .tv_nsec = UTIME_OMIT };
	if (!(valid & bit_set))
		return (struct timespec){ .tv_nsec = UTIME_NOW };
	return (struct timespec){ .tv_sec = (time_t)t->sec, .tv_nsec = (long)t->nsec };
}

static int set_times(int fd, const struct p9_request *req)
{
	struct timespec times[2] = {
		new_time(req->valid, P9_SET_ATIME, P9_SET_ATIME_SET, &req->atime),
		new_time(req->valid, P9_SET_MTIME, P9_SET_MTIME_SET, &req->mtime),
	};

	/* The kernel has names for numbers above this. */
	if ((req->valid & P9_SET_ATIME_SET && req->atime.nsec >= NSEC_PER_SEC) ||
	    (req->valid & P9_SET_MTIME_SET && req->mtime.nsec >= NSEC_PER_SEC))
		return -EINVAL;
	return utimensat(fd, "", times, AT_EMPTY_PATH) < 0 ? -errno : 0;
}

/*
 * The size comes first, since it changes times; the owner before the mode, since it takes set-id
 * bits away; the times last.
 */
int p9_op_setattr(struct p9_server *s, const struct p9_request *req, struct p9_reply *r)
{
	struct p9_fid *fid = p9_file_fid(s, req->fid);
	int fd, result;

	(void)r;
	if (!fid)
		return -EBADF;
	result = p9_node_check_writable(fid->node);
	fd = result < 0 ? result : p9_node_fd(&s->nodes, fid->node);
	if (fd < 0)
		return fd;
	if (req->valid & P9_SET_SIZE)
		result = set_size(fid, fd, req->size);
	/* A change time alone is set by a change of owner that changes nothing. */
	if (result == 0 && (req->valid & (P9_SET_UID | P9_SET_GID) || req->valid == P9_SET_CTIME))
		result = set_owner(s, fd, req);
	if (result == 0 && req->valid & P9_SET_MODE &&
	    fchmodat(AT_FDCWD, p9_fd_name(fd).text, req->mode & 07777, 0) < 0)
		result = -errno;
	if (result == 0 && req->valid & (P9_SET_ATIME | P9_SET_MTIME))
		result = set_times(fd, req);
	return result;
}

int p9_op_statfs(struct p9_server *s, const struct p9_request *req, struct p9_reply *r)
{
	struct p9_fid *fid = p9_file_fid(s, req->fid);
	struct statfs st = { .f_bsize = ROOT_BLOCK_BYTES, .f_namelen = P9_NAME_MAX };
	int fd;

	if (!fid)
		return -EBADF;
	if (fid->node->share) {
		fd = p9_node_fd(&s->nodes, fid->node);
		if (fd < 0)
			return fd;
		if (fstatfs(fd, &st) < 0)
			return -errno;
	}
	p9_put_u32(r, V9FS_MAGIC);
	p9_put_u32(r, (uint32_t)st.f_bsize);
	p9_put_u64(r, st.f_blocks);
	p9_put_u64(r, st.f_bfree);
	p9_put_u64(r, st.f_bavail);
	p9_put_u64(r, st.f_files);
	p9_put_u64(r, st.f_ffree);
	p9_put_u64(r, 0);
	p9_put_u32(r, (uint32_t)st.f_namelen);
	return 0;
}
