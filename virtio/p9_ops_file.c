/*
 * 9p: open, read, write, fsync and readdir.
 *
 * Only regular files and directories are ever opened. The type is that of the O_PATH descriptor,
 * and the open goes through that descriptor's link in /proc/self/fd, so it is the type of what is
 * opened: there is no second lookup that could find something else.
 */
#include "virtio/p9_ops.h"
#include "virtio/p9_sync.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "vmm/base/cleanup.h"

enum {
	PAGE_BYTES = 4096,
	HOST_DIRENT_MAX = 280, /* one entry of getdents64 with the longest name */
};

int p9_host_flags(uint32_t flags)
{
	static const struct {
		uint32_t guest;
		int host;
	} allowed[] = {
		{ P9_OPEN_TRUNC, O_TRUNC },
		{ P9_OPEN_APPEND, O_APPEND },
		{ P9_OPEN_DSYNC, O_DSYNC },
		{ P9_OPEN_SYNC, O_SYNC },
	};
	int host = (int)(flags & P9_OPEN_ACCMODE); /* O_RDONLY, O_WRONLY and O_RDWR are 0, 1, 2 */

	for (size_t i = 0; i < ARRAY_SIZE(allowed); i++) {
		if (flags & allowed[i].guest)
			host |= allowed[i].host;
	}
	return host;
}

uint32_t p9_iounit(const struct p9_server *s)
{
	uint32_t most = s->msize - P9_IO_BYTES;

	return most < PAGE_BYTES ? most : most - most % PAGE_BYTES;
}

/* Whether this node may be opened with these flags. */
static int check_open(const struct p9_node *node, uint32_t flags)
{
	uint32_t access = flags & P9_OPEN_ACCMODE;
	bool changes = access != O_RDONLY || flags & P9_OPEN_TRUNC;

	if (access == P9_OPEN_ACCMODE)
		return -EINVAL;
	if (S_ISDIR(node->type))
		return changes ? -EISDIR : 0;
	if (flags & P9_OPEN_DIRECTORY)
		return -ENOTDIR;
	if (S_ISLNK(node->type))
		return -ELOOP;
	if (!S_ISREG(node->type))
		return -ENXIO;
	return changes ? p9_node_check_writable(node) : 0;
}

int p9_open_fid(struct p9_server *s, struct p9_fid *fid, uint32_t flags)
{
	int node_fd, r;

	if (fid->kind != P9_FID_FILE)
		return -EBUSY;
	r = check_open(fid->node, flags);
	if (r < 0)
		return r;
	if (fid->node->share) {
		node_fd = p9_node_fd(&s->nodes, fid->node);
		if (node_fd < 0)
			return node_fd;
		r = p9_fd_reserve(&s->nodes);
		if (r < 0)
			return r;
		fid->io_fd = openat(AT_FDCWD, p9_fd_name(node_fd).text,
				    p9_host_flags(flags) | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
		if (fid->io_fd < 0) {
			r = -errno;
			p9_fd_unreserve(&s->nodes);
			return r;
		}
	}
	fid->kind = P9_FID_OPEN;
	fid->access = (int)(flags & P9_OPEN_ACCMODE);
	fid->dir_offset = 0;
	return 0;
}

int p9_op_lopen(struct p9_server *s, const struct p9_request *req, struct p9_reply *r)
{
	struct p9_fid *fid = p9_file_fid(s, req->fid);
	struct p9_qid qid = p9_root_qid();
	struct statx stx;
	int result;

	if (!fid)
		return -EBADF;
	result = p9_open_fid(s, fid, req->flags);
	if (result < 0)
		return result;
	if (fid->node->share) {
		result = p9_stat_fd(fid->io_fd, &stx);
		if (result < 0) {
			p9_fid_close(s, fid);
			return result;
		}
		qid = p9_qid(s, fid->node, &stx);
	}
	p9_put_qid(r, &qid);
	p9_put_u32(r, p9_iounit(s));
	return 0;
}

/* An open file, or NULL with *error a negative errno value. */
static struct p9_fid *open_file(struct p9_server *s, uint32_t id, int *error)
{
	struct p9_fid *fid = p9_fid_find(&s->fids, id);

	*error = -EBADF;
	if (!fid || fid->kind != P9_FID_OPEN)
		return NULL;
	*error = -EISDIR;
	return S_ISDIR(fid->node->type) ? NULL : fid;
}

/* How many bytes of data the reply has room for behind the count, of those asked for. */
static uint32_t data_room(const struct p9_reply *r, uint32_t count)
{
	size_t room = (size_t)(r->end - r->start) - P9_READ_BYTES;

	return count < room ? count : (uint32_t)room;
}

int p9_op_read(struct p9_server *s, const struct p9_request *req, struct p9_reply *r)
{
	struct p9_fid *fid = p9_fid_find(&s->fids, req->fid);
	uint32_t count = data_room(r, req->count);
	ssize_t n;
	int error;

	if (fid && fid->kind == P9_FID_XATTR_GET)
		return p9_xattr_read(fid, req, r);
	fid = open_file(s, req->fid, &error);
	if (!fid)
		return error;
	n = pread(fid->io_fd, r->at + sizeof(le32), count, (off_t)req->offset);
	if (n < 0)
		return -errno;
	p9_put_u32(r, (uint32_t)n);
	(void)p9_put_space(r, (size_t)n);
	return 0;
}

int p9_op_write(struct p9_server *s, const struct p9_request *req, struct p9_reply *r)
{
	struct p9_fid *fid = p9_fid_find(&s->fids, req->fid);
	ssize_t n;
	int error;

	if (fid && fid->kind == P9_FID_XATTR_SET)
		return p9_xattr_write(s, fid, req, r);
	fid = open_file(s, req->fid, &error);
	if (!fid)
		return error;
	n = pwrite(fid->io_fd, s->payload, req->count, (off_t)req->offset);
	if (n < 0)
		return -errno;
	p9_put_u32(r, (uint32_t)n);
	return 0;
}

int p9_op_fsync(struct p9_server *s, const struct p9_request *req, struct p9_reply *r)
{
	struct p9_fid *fid = p9_fid_find(&s->fids, req->fid);

	(void)r;
	if (!fid || fid->kind != P9_FID_OPEN)
		return -EBADF;
	if (fid->io_fd < 0)
		return 0; /* the synthetic root */
	if (s->sync && p9_sync_fsync(s->sync, s->slot, req->tag, fid->io_fd, req->flags) == 0)
		return P9_LATER;
	return (req->flags ? fdatasync(fid->io_fd) : fsync(fid->io_fd)) < 0 ? -errno : 0;
}

static bool put_dirent(struct p9_reply *r, const struct p9_qid *qid, uint64_t offset, uint8_t type,
		       const char *name, size_t limit)
{
	size_t len = strlen(name);

	if ((size_t)(r->at - r->start) + P9_DIRENT_BYTES + len > limit)
		return false;
	p9_put_qid(r, qid);
	p9_put_u64(r, offset);
	p9_put_u8(r, type);
	p9_put_string(r, name, len);
	return true;
}

/* The entries of the synthetic root: `.`, `..` and the shares; an entry's offset is its number. */
static int read_root(struct p9_server *s, uint64_t offset, struct p9_reply *r, size_t limit)
{
	for (; offset < s->share_count + 2; offset++) {
		const struct p9_share *share = offset < 2 ? NULL : s->shares[offset - 2];
		const struct p9_node *node = share ? share->root : s->root;
		const char *name = offset == 0 ? "." : offset == 1 ? ".." : node->name;
		struct p9_qid qid = p9_root_qid();

		if (offset >= 2 && !share)
			continue;
		if (share)
			qid =
			    (struct p9_qid){ .type = S_ISDIR(node->type) ? P9_QID_DIR : P9_QID_FILE,
					     .path = p9_qid_path(s, node->share, node->dev,
								 node->ino) };
		if (!put_dirent(r, &qid, offset + 1, (uint8_t)IFTODT(node->type), name, limit))
			break;
	}
	return 0;
}

/* The identity that the directory tells of an entry; above a share's root is the synthetic one. */
static struct p9_qid dirent_qid(struct p9_server *s, const struct p9_node *dir,
				const struct dirent64 *entry)
{
	if (!dir->parent->share && !strcmp(entry->d_name, ".."))
		return p9_root_qid();
	return (struct p9_qid){
		.type = entry->d_type == DT_DIR	  ? P9_QID_DIR
			: entry->d_type == DT_LNK ? P9_QID_SYMLINK
						  : P9_QID_FILE,
		.path = p9_qid_path(s, dir->share, dir->dev, entry->d_ino),
	};
}

static int read_dir(struct p9_server *s, struct p9_fid *fid, uint64_t offset, struct p9_reply *r,
		    size_t limit)
{
	/*
	 * An entry takes at most 7/6 of its size on the host, so nothing that is read is left
	 * over; but one entry of any length must fit.
	 */
	size_t room = (limit - P9_READ_BYTES) / 7 * 6;
	ssize_t n;

	if (offset != fid->dir_offset && lseek(fid->io_fd, (off_t)offset, SEEK_SET) < 0)
		return -errno;
	fid->dir_offset = UINT64_MAX; /* until we know better */
	n = getdents64(fid->io_fd, s->scratch, room < HOST_DIRENT_MAX ? HOST_DIRENT_MAX : room);
	if (n < 0)
		return -errno;
	for (ssize_t at = 0; at < n;) {
		const struct dirent64 *entry = (const void *)(s->scratch + at);
		struct p9_qid qid = dirent_qid(s, fid->node, entry);

		if (!put_dirent(r, &qid, (uint64_t)entry->d_off, entry->d_type, entry->d_name,
				limit))
			return at ? 0 : -EINVAL;
		offset = (uint64_t)entry->d_off;
		at += entry->d_reclen;
	}
	fid->dir_offset = offset;
	return 0;
}

int p9_op_readdir(struct p9_server *s, const struct p9_request *req, struct p9_reply *r)
{
	struct p9_fid *fid = p9_fid_find(&s->fids, req->fid);
	size_t limit = P9_READ_BYTES + data_room(r, req->count);
	uint8_t *count_at = r->at;
	le32 count;
	int result;

	if (!fid || fid->kind != P9_FID_OPEN)
		return -EBADF;
	if (!S_ISDIR(fid->node->type))
		return -ENOTDIR;
	p9_put_u32(r, 0);
	result = fid->node->share ? read_dir(s, fid, req->offset, r, limit)
				  : read_root(s, req->offset, r, limit);
	count = le32_make((uint32_t)((size_t)(r->at - r->start) - P9_READ_BYTES));
	memcpy(count_at, &count, sizeof(count));
	return result;
}
