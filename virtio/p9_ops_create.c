/*
 * 9p: what makes new files: lcreate, mkdir, mknod, symlink, link.
 *
 * A file is created, then given to the user whom the fid stands for and to the group that the
 * client asks for. Where the host refuses that (a file system without owners, a user namespace
 * without the number), the file stays the server's own and loses set-id bits.
 */
#include "virtio/p9_ops.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "vmm/base/cleanup.h"

enum { TARGET_MAX = 4095 };

static const mode_t set_id_bits = S_ISUID | S_ISGID;

/* Gives the file that was just made its owner, and the mode bits that it lacks. */
static int give(struct p9_server *s, const struct p9_fid *dir, int fd, const struct statx *stx,
		uint32_t gid, mode_t mode)
{
	mode_t has = stx->stx_mode & 07000, wants = mode & 07000;
	uid_t uid = dir->uid == stx->stx_uid ? (uid_t)P9_NOID : dir->uid;

	if (gid == stx->stx_gid)
		gid = P9_NOID;
	if (s->owners == P9_OWNERS_SAME && (uid != P9_NOID || gid != P9_NOID)) {
		if (fchownat(fd, "", uid, gid, AT_EMPTY_PATH) == 0)
			has &= ~set_id_bits;
		else if (errno == EPERM || errno == EINVAL || errno == EOPNOTSUPP)
			wants &= ~set_id_bits;
		else
			return -errno;
	}
	if (has == wants || S_ISLNK(stx->stx_mode))
		return 0;
	return fchmodat(AT_FDCWD, p9_fd_name(fd).text, (stx->stx_mode & 0777) | wants, 0) < 0
		   ? -errno
		   : 0;
}

/* Of a file that was just made under this name: gives it away and puts its qid into the reply. */
static int finish(struct p9_server *s, const struct p9_request *req, const struct p9_fid *dir,
		  int dir_fd, struct p9_reply *r)
{
	_cleanup_fd_ int fd = p9_open_beneath(dir->node->share, dir_fd, req->name.data, O_PATH, 0);
	struct p9_qid qid;
	struct statx stx;
	int result = fd < 0 ? fd : p9_stat_fd(fd, &stx);

	if (result == 0)
		result = give(s, dir, fd, &stx, req->gid, req->mode & 07777);
	if (result < 0)
		return result;
	qid = p9_qid(s, dir->node, &stx);
	p9_put_qid(r, &qid);
	return 0;
}

int p9_dir_for_change(struct p9_server *s, uint32_t id, struct p9_fid **dir)
{
	int r;

	*dir = p9_file_fid(s, id);
	if (!*dir)
		return -EBADF;
	if (!S_ISDIR((*dir)->node->type))
		return -ENOTDIR;
	r = p9_node_check_writable((*dir)->node);
	return r < 0 ? r : p9_node_fd(&s->nodes, (*dir)->node);
}

/* The same, and the name is checked. */
static int dir_and_name(struct p9_server *s, const struct p9_request *req, struct p9_fid **dir)
{
	int r = p9_name_check(&req->name);

	return r < 0 ? r : p9_dir_for_change(s, req->fid, dir);
}

/* The file is there already and may be: it is opened like any other. */
static int open_existing(struct p9_server *s, struct p9_fid *fid, const struct p9_request *req,
			 struct statx *stx)
{
	struct p9_node *dir = fid->node, *node;
	int r = p9_node_walk(&s->nodes, dir, req->name.data, &node, stx);

	if (r < 0)
		return r;
	fid->node = node;
	r = p9_open_fid(s, fid, req->flags);
	if (r < 0)
		fid->node = dir;
	p9_node_unref(&s->nodes, r < 0 ? node : dir);
	return r;
}

/* The caller has reserved two descriptors: the file's, and its node's. */
static int create_new(struct p9_server *s, struct p9_fid *fid, int dir_fd,
		      const struct p9_request *req, struct statx *stx)
{
	struct p9_node *dir = fid->node, *node;
	mode_t mode = req->mode & 07777;
	int r,
	    fd = p9_open_beneath(dir->share, dir_fd, req->name.data,
				 (p9_host_flags(req->flags) & ~O_TRUNC) | O_CREAT | O_EXCL, mode);

	if (fd < 0)
		return fd;
	r = p9_stat_fd(fd, stx);
	if (r == 0)
		r = give(s, fid, fd, stx, req->gid, mode);
	if (r == 0)
		r = p9_node_of_created(&s->nodes, dir, req->name.data, fd, stx, &node);
	if (r < 0) {
		close(fd);
		return r;
	}
	fid->node = node;
	p9_node_unref(&s->nodes, dir);
	fid->io_fd = fd;
	fid->kind = P9_FID_OPEN;
	fid->access = (int)(req->flags & P9_OPEN_ACCMODE);
	return 0;
}

int p9_op_lcreate(struct p9_server *s, const struct p9_request *req, struct p9_reply *r)
{
	struct p9_fid *fid;
	struct p9_qid qid;
	struct statx stx;
	int result, dir_fd = dir_and_name(s, req, &fid);

	if (dir_fd < 0)
		return dir_fd;
	if (fid->kind != P9_FID_FILE)
		return -EBUSY;
	if ((req->flags & P9_OPEN_ACCMODE) == P9_OPEN_ACCMODE)
		return -EINVAL;
	/* Both before anything is made. */
	if (p9_fd_reserve(&s->nodes) < 0)
		return -ENFILE;
	if (p9_fd_reserve(&s->nodes) < 0) {
		p9_fd_unreserve(&s->nodes);
		return -ENFILE;
	}
	result = create_new(s, fid, dir_fd, req, &stx);
	if (result < 0) {
		p9_fd_unreserve(&s->nodes);
		p9_fd_unreserve(&s->nodes);
	}
	if (result == -EEXIST && !(req->flags & P9_OPEN_EXCL))
		result = open_existing(s, fid, req, &stx);
	if (result < 0)
		return result;
	qid = p9_qid(s, fid->node, &stx);
	p9_put_qid(r, &qid);
	p9_put_u32(r, p9_iounit(s));
	return 0;
}

int p9_op_mkdir(struct p9_server *s, const struct p9_request *req, struct p9_reply *r)
{
	struct p9_fid *dir;
	int dir_fd = dir_and_name(s, req, &dir);

	if (dir_fd < 0)
		return dir_fd;
	if (mkdirat(dir_fd, req->name.data, req->mode & 01777) < 0)
		return -errno;
	return finish(s, req, dir, dir_fd, r);
}

int p9_op_mknod(struct p9_server *s, const struct p9_request *req, struct p9_reply *r)
{
	mode_t type = req->mode & S_IFMT;
	struct p9_fid *dir;
	int dir_fd = dir_and_name(s, req, &dir);

	if (dir_fd < 0)
		return dir_fd;
	if (type && !S_ISREG(type) && !S_ISFIFO(type) && !S_ISSOCK(type))
		return -EPERM; /* no device is ever made on the host */
	if (mknodat(dir_fd, req->name.data, type | (req->mode & 07777), 0) < 0)
		return -errno;
	return finish(s, req, dir, dir_fd, r);
}

int p9_op_symlink(struct p9_server *s, const struct p9_request *req, struct p9_reply *r)
{
	struct p9_fid *dir;
	int dir_fd = dir_and_name(s, req, &dir);

	if (dir_fd < 0)
		return dir_fd;
	if (req->name2.len > TARGET_MAX)
		return -ENAMETOOLONG;
	if (memchr(req->name2.data, 0, req->name2.len))
		return -EINVAL;
	if (symlinkat(req->name2.data, dir_fd, req->name.data) < 0)
		return -errno;
	return finish(s, req, dir, dir_fd, r);
}

int p9_op_link(struct p9_server *s, const struct p9_request *req, struct p9_reply *r)
{
	struct p9_fid *dir, *file = p9_file_fid(s, req->other_fid);
	int fd, dir_fd = dir_and_name(s, req, &dir);

	(void)r;
	if (dir_fd < 0)
		return dir_fd;
	if (!file)
		return -EBADF;
	/* Even if both are on one file system: the other share may be a read-only one. */
	if (file->node->share != dir->node->share)
		return -EXDEV;
	fd = p9_node_fd(&s->nodes, file->node);
	if (fd < 0)
		return fd;
	return linkat(AT_FDCWD, p9_fd_name(fd).text, dir_fd, req->name.data, AT_SYMLINK_FOLLOW) < 0
		   ? -errno
		   : 0;
}
