/*
 * 9p: byte-range locks, as OFD locks of the host (fcntl(2)), one owner per open fid.
 *
 * Linux's client keeps the locks of its own processes apart itself and asks us for what it has
 * granted, so that guests and host processes on the same file exclude each other. It turns flock()
 * into a lock of the whole file, also through descriptors whose mode forbids such a lock; so unless
 * the fid is open for reading and writing, its locks are held by a descriptor of their own that is,
 * if the file can be opened so. If it cannot (a read-only share, a program that runs), an exclusive
 * lock is a shared one on the host.
 *
 * The server never waits: a lock that is taken is answered with P9_LOCK_BLOCKED, and the client
 * asks again.
 */
#include "virtio/p9_ops.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>

enum { CLIENT_ID_MAX = 1024 };

struct lock {
	struct p9_fid *fid;
	int fd;
	short type;
	uint64_t first;
	uint64_t last; /* inclusive */
};

/* The descriptor that holds the fid's locks, and whether it can hold exclusive ones. */
static int lock_fd(struct p9_server *s, struct p9_fid *fid, bool *writable)
{
	struct p9_fd_name io = p9_fd_name(fid->io_fd);
	int r;

	*writable = fid->access == O_RDWR;
	if (*writable)
		return fid->io_fd;
	if (fid->lock_fd < 0) {
		int flags = O_CLOEXEC | O_NOCTTY | O_NONBLOCK;

		r = p9_fd_reserve(&s->nodes);
		if (r < 0)
			return r;
		if (p9_node_check_writable(fid->node) == 0)
			fid->lock_fd = openat(AT_FDCWD, io.text, O_RDWR | flags);
		if (fid->lock_fd < 0)
			fid->lock_fd = openat(AT_FDCWD, io.text, O_RDONLY | flags);
		if (fid->lock_fd < 0) {
			r = -errno;
			p9_fd_unreserve(&s->nodes);
			return r;
		}
	}
	r = fcntl(fid->lock_fd, F_GETFL);
	*writable = r >= 0 && (r & O_ACCMODE) == O_RDWR;
	return fid->lock_fd;
}

/* What the message says, checked: the fid, the range, the type. */
static int take_lock(struct p9_server *s, const struct p9_request *req, struct lock *lock)
{
	static const short types[] = { F_RDLCK, F_WRLCK, F_UNLCK };
	bool writable;

	lock->fid = p9_fid_find(&s->fids, req->fid);
	if (!lock->fid || lock->fid->kind != P9_FID_OPEN)
		return -EBADF;
	if (req->lock_type >= ARRAY_SIZE(types) || req->name.len > CLIENT_ID_MAX ||
	    req->offset > INT64_MAX || req->size > (uint64_t)INT64_MAX - req->offset)
		return -EINVAL;
	if (!S_ISREG(lock->fid->node->type))
		return -EBADF;
	lock->type = types[req->lock_type];
	lock->first = req->offset;
	lock->last = req->size ? req->offset + req->size - 1 : INT64_MAX;
	lock->fd = lock_fd(s, lock->fid, &writable);
	if (lock->fd < 0)
		return lock->fd;
	if (!writable && lock->type == F_WRLCK)
		lock->type = F_RDLCK;
	return 0;
}

static struct flock host_lock(const struct lock *lock)
{
	return (struct flock){
		.l_type = lock->type,
		.l_whence = SEEK_SET,
		.l_start = (off_t)lock->first,
		.l_len = lock->last == INT64_MAX ? 0 : (off_t)(lock->last - lock->first + 1),
	};
}

int p9_op_lock(struct p9_server *s, const struct p9_request *req, struct p9_reply *r)
{
	struct p9_ranges *now, then;
	struct flock host;
	struct lock lock;
	uint32_t others;
	int result = take_lock(s, req, &lock);

	if (result < 0)
		return result;
	now = &lock.fid->locks;
	result = p9_ranges_plan(now, lock.first, lock.last, lock.type, &then);
	if (result < 0)
		return result;
	others = s->lock_ranges - (uint32_t)now->count;
	if (then.count > now->count && others + then.count > s->limits.lock_ranges) {
		p9_ranges_free(&then);
		return -ENOLCK;
	}
	host = host_lock(&lock);
	if (fcntl(lock.fd, F_OFD_SETLK, &host) < 0) {
		result = -errno;
		p9_ranges_free(&then);
		if (result != -EAGAIN && result != -EACCES)
			return result;
		p9_put_u8(r, P9_LOCK_BLOCKED);
		return 0;
	}
	p9_ranges_free(now);
	*now = then;
	s->lock_ranges = others + (uint32_t)then.count;
	p9_put_u8(r, P9_LOCK_SUCCESS);
	return 0;
}

int p9_op_getlock(struct p9_server *s, const struct p9_request *req, struct p9_reply *r)
{
	struct flock host;
	struct lock lock;
	uint8_t type = P9_LOCK_UNLOCK;
	int result = take_lock(s, req, &lock);

	if (result < 0)
		return result;
	/*
	 * Linux's client has forgotten by now which type was asked about and says unlock: the
	 * answer is then about exclusive locks of others, which is never wrong, if incomplete.
	 */
	if (lock.type == F_UNLCK)
		lock.type = F_RDLCK;
	host = host_lock(&lock);
	if (fcntl(lock.fd, F_OFD_GETLK, &host) < 0)
		return -errno;
	if (host.l_type != F_UNLCK)
		type = host.l_type == F_WRLCK ? P9_LOCK_WRITE : P9_LOCK_READ;
	p9_put_u8(r, type);
	p9_put_u64(r, type == P9_LOCK_UNLOCK ? req->offset : (uint64_t)host.l_start);
	p9_put_u64(r, type == P9_LOCK_UNLOCK ? req->size : (uint64_t)host.l_len);
	p9_put_u32(r, req->proc_id);
	p9_put_string(r, req->name.data, req->name.len);
	return 0;
}
