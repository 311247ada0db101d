/*
 * 9p: what takes names away or moves them: unlinkat, remove, renameat, rename; and readlink.
 *
 * A name is one checked component below the descriptor of a directory, and none of these calls
 * follows a symbolic link in the last component, so nothing outside the share is touched.
 */
#include "virtio/p9_ops.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

enum { TARGET_MAX = 4095 };

int p9_op_unlinkat(struct p9_server *s, const struct p9_request *req, struct p9_reply *r)
{
	int flags = req->flags & P9_UNLINK_REMOVEDIR ? AT_REMOVEDIR : 0;
	int dir_fd, result = p9_name_check(&req->name);
	struct p9_fid *dir;

	(void)r;
	if (result < 0)
		return result;
	if (req->flags & ~(uint32_t)P9_UNLINK_REMOVEDIR)
		return -EINVAL;
	dir_fd = p9_dir_for_change(s, req->fid, &dir);
	if (dir_fd < 0)
		return dir_fd;
	p9_node_name_goes(&s->nodes, dir->node, req->name.data);
	return unlinkat(dir_fd, req->name.data, flags) < 0 ? -errno : 0;
}

/* The directory and the name by which the node is known, if they may be changed and still hold. */
static int entry_for_change(struct p9_server *s, struct p9_node *node)
{
	int r;

	if (!node->parent || !node->parent->share)
		return -EBUSY; /* a root */
	r = p9_node_check_writable(node);
	if (r < 0)
		return r;
	if (!p9_node_name_holds(&s->nodes, node))
		return -ENOENT;
	return p9_node_fd(&s->nodes, node->parent);
}

static int remove_node(struct p9_server *s, struct p9_node *node)
{
	int dir_fd = entry_for_change(s, node);

	if (dir_fd < 0)
		return dir_fd;
	p9_node_name_goes(&s->nodes, node->parent, node->name);
	return unlinkat(dir_fd, node->name, S_ISDIR(node->type) ? AT_REMOVEDIR : 0) < 0 ? -errno
											: 0;
}

/* The fid is gone afterwards, whether the file is or not. */
int p9_op_remove(struct p9_server *s, const struct p9_request *req, struct p9_reply *r)
{
	struct p9_fid *fid = p9_file_fid(s, req->fid);
	int result = fid ? remove_node(s, fid->node) : 0;
	int clunked = p9_op_clunk(s, req, r);

	return result < 0 ? result : clunked;
}

int p9_op_renameat(struct p9_server *s, const struct p9_request *req, struct p9_reply *r)
{
	int old_fd, new_fd, result = p9_name_check(&req->name);
	struct p9_fid *old_dir, *new_dir;

	(void)r;
	if (result == 0)
		result = p9_name_check(&req->name2);
	if (result < 0)
		return result;
	old_fd = p9_dir_for_change(s, req->fid, &old_dir);
	if (old_fd < 0)
		return old_fd;
	new_fd = p9_dir_for_change(s, req->other_fid, &new_dir);
	if (new_fd < 0)
		return new_fd;
	if (old_dir->node->share != new_dir->node->share)
		return -EXDEV;
	p9_node_name_goes(&s->nodes, old_dir->node, req->name.data);
	p9_node_name_goes(&s->nodes, new_dir->node, req->name2.data);
	return renameat(old_fd, req->name.data, new_fd, req->name2.data) < 0 ? -errno : 0;
}

int p9_op_rename(struct p9_server *s, const struct p9_request *req, struct p9_reply *r)
{
	struct p9_fid *dir, *fid = p9_file_fid(s, req->fid);
	int old_fd, new_fd, result = p9_name_check(&req->name);

	(void)r;
	if (result < 0)
		return result;
	if (!fid)
		return -EBADF;
	old_fd = entry_for_change(s, fid->node);
	if (old_fd < 0)
		return old_fd;
	new_fd = p9_dir_for_change(s, req->other_fid, &dir);
	if (new_fd < 0)
		return new_fd;
	if (fid->node->share != dir->node->share)
		return -EXDEV;
	p9_node_name_goes(&s->nodes, fid->node->parent, fid->node->name);
	p9_node_name_goes(&s->nodes, dir->node, req->name.data);
	return renameat(old_fd, fid->node->name, new_fd, req->name.data) < 0 ? -errno : 0;
}

int p9_op_readlink(struct p9_server *s, const struct p9_request *req, struct p9_reply *r)
{
	struct p9_fid *fid = p9_file_fid(s, req->fid);
	ssize_t n;
	int fd;

	if (!fid)
		return -EBADF;
	if (!S_ISLNK(fid->node->type))
		return -EINVAL;
	fd = p9_node_fd(&s->nodes, fid->node);
	if (fd < 0)
		return fd;
	n = readlinkat(fd, "", (char *)s->scratch, TARGET_MAX);
	if (n < 0)
		return -errno;
	p9_put_string(r, (const char *)s->scratch, (size_t)n);
	return 0;
}
