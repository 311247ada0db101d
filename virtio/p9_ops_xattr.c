/*
 * 9p: extended attributes. A walk to one makes a fid that holds its value; creating one makes a fid
 * into which the value is written, and which sets it when it is clunked.
 *
 * The calls go through /proc/self/fd, since there are none for O_PATH descriptors; so no file is
 * opened. Memory for values is limited, per value and together, and is zeroed.
 */
#include "virtio/p9_ops.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/xattr.h>

/* Names that we pass on. Whether the server may set them is the host kernel's decision. */
static int check_name(const struct p9_string *name)
{
	static const char *const allowed[] = { "user.", "trusted.", "security.",
					       "system.posix_acl_" };

	if (name->len > P9_NAME_MAX)
		return -ERANGE;
	if (memchr(name->data, 0, name->len))
		return -EINVAL;
	for (size_t i = 0; i < ARRAY_SIZE(allowed); i++) {
		if (!strncmp(name->data, allowed[i], strlen(allowed[i])))
			return 0;
	}
	return -EOPNOTSUPP;
}

static int new_xattr(struct p9_server *s, const struct p9_string *name, size_t size,
		     struct p9_xattr **xattr)
{
	if (size > s->limits.xattr_bytes - s->xattr_bytes)
		return -ENOMEM;
	*xattr = calloc(1, sizeof(**xattr) + size);
	if (!*xattr)
		return -ENOMEM;
	(*xattr)->size = size;
	memcpy((*xattr)->name, name->data, name->len);
	s->xattr_bytes += (uint32_t)size;
	return 0;
}

/* The value, or with an empty name the list, into the scratch buffer; its size or an error. */
static ssize_t get(struct p9_server *s, struct p9_node *node, const struct p9_string *name)
{
	struct p9_fd_name path;
	ssize_t n;
	int fd, r = name->len ? check_name(name) : 0;

	if (r < 0)
		return r;
	if (!node->share)
		return name->len ? -ENODATA : 0;
	fd = p9_node_fd(&s->nodes, node);
	if (fd < 0)
		return fd;
	path = p9_fd_name(fd);
	n = name->len ? getxattr(path.text, name->data, s->scratch, P9_XATTR_MAX)
		      : listxattr(path.text, (char *)s->scratch, P9_XATTR_MAX);
	return n < 0 ? -errno : n;
}

int p9_op_xattrwalk(struct p9_server *s, const struct p9_request *req, struct p9_reply *r)
{
	struct p9_fid *fid, *from = p9_file_fid(s, req->fid);
	struct p9_xattr *xattr;
	ssize_t n;
	int result;

	if (!from)
		return -EBADF;
	if (p9_fid_find(&s->fids, req->other_fid))
		return -EEXIST;
	n = get(s, from->node, &req->name);
	if (n < 0)
		return (int)n;
	result = new_xattr(s, &req->name, (size_t)n, &xattr);
	if (result < 0)
		return result;
	memcpy(xattr->value, s->scratch, (size_t)n);
	result = p9_fid_add(&s->fids, req->other_fid, from->uid, from->node, &fid);
	if (result < 0) {
		s->xattr_bytes -= (uint32_t)n;
		free(xattr);
		return result;
	}
	p9_node_ref(from->node);
	fid->kind = P9_FID_XATTR_GET;
	fid->xattr = xattr;
	p9_put_u64(r, (uint64_t)n);
	return 0;
}

int p9_op_xattrcreate(struct p9_server *s, const struct p9_request *req, struct p9_reply *r)
{
	struct p9_fid *fid = p9_file_fid(s, req->fid);
	int result = check_name(&req->name);

	(void)r;
	if (!fid)
		return -EBADF;
	if (fid->kind != P9_FID_FILE)
		return -EBUSY;
	if (result == 0)
		result = p9_node_check_writable(fid->node);
	if (result == 0 && req->flags & ~(uint32_t)(XATTR_CREATE | XATTR_REPLACE))
		result = -EINVAL;
	if (result == 0 && req->size > P9_XATTR_MAX)
		result = -E2BIG;
	if (result == 0)
		result = new_xattr(s, &req->name, (size_t)req->size, &fid->xattr);
	if (result < 0)
		return result;
	fid->xattr->flags = (int)req->flags;
	fid->kind = P9_FID_XATTR_SET;
	return 0;
}

int p9_xattr_read(const struct p9_fid *fid, const struct p9_request *req, struct p9_reply *r)
{
	const struct p9_xattr *xattr = fid->xattr;
	size_t room = (size_t)(r->end - r->start) - P9_READ_BYTES;
	size_t count = 0;
	void *space;

	if (req->offset < xattr->size)
		count = xattr->size - (size_t)req->offset;
	if (count > req->count)
		count = req->count;
	if (count > room)
		count = room;
	p9_put_u32(r, (uint32_t)count);
	space = p9_put_space(r, count);
	if (count && space)
		memcpy(space, xattr->value + req->offset, count);
	return 0;
}

/* A value is written from its beginning to its end. */
int p9_xattr_write(struct p9_server *s, struct p9_fid *fid, const struct p9_request *req,
		   struct p9_reply *r)
{
	struct p9_xattr *xattr = fid->xattr;

	if (req->offset != xattr->done)
		return -EINVAL;
	if (req->count > xattr->size - xattr->done)
		return -ENOSPC;
	memcpy(xattr->value + xattr->done, s->payload, req->count);
	xattr->done += req->count;
	p9_put_u32(r, req->count);
	return 0;
}

int p9_xattr_commit(struct p9_server *s, struct p9_fid *fid)
{
	const struct p9_xattr *xattr = fid->xattr;
	int r, fd = p9_node_fd(&s->nodes, fid->node);
	struct p9_fd_name path;

	if (fd < 0)
		return fd;
	if (xattr->done != xattr->size)
		return -EINVAL;
	path = p9_fd_name(fd);
	/* The protocol has no message for it: this is how Linux's client removes an attribute. */
	if (!xattr->size && xattr->flags == XATTR_REPLACE)
		r = removexattr(path.text, xattr->name);
	else
		r = setxattr(path.text, xattr->name, xattr->value, xattr->size, xattr->flags);
	return r < 0 ? -errno : 0;
}
