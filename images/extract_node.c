/*
 * Nodes are made without permissions for others, filled, and given what they should have last; the
 * owner before the attributes and the mode, since a new owner takes those away.
 */
#include "images/extract_node.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "vmm/base/cleanup.h"
#include "vmm/base/io.h"

enum { COPY_SIZE = 128 * 1024, COPY_AT_ONCE = 1 << 30 };

/* What an ordinary user may not do. */
static bool is_forbidden(int code)
{
	return code == EPERM || code == EINVAL || code == EOPNOTSUPP;
}

static int cannot(const struct extract_entry *entry, struct error *err)
{
	return error_set(err, errno, "cannot create %s", entry->name[0] ? entry->name : "the root");
}

/* For file systems between which the kernel does not copy. */
static int copy_by_hand(int from, off_t at, int to, off_t to_at, uint64_t len)
{
	_cleanup_free_ uint8_t *buffer = malloc(COPY_SIZE);

	while (buffer && len) {
		size_t want = len < COPY_SIZE ? (size_t)len : COPY_SIZE;

		if (io_pread_full(from, buffer, want, (uint64_t)at) != (ssize_t)want ||
		    io_pwrite_all(to, buffer, want, (uint64_t)to_at) < 0)
			return -1;
		at += (off_t)want;
		to_at += (off_t)want;
		len -= want;
	}
	return buffer ? 0 : -1;
}

static int copy_range(int from, off_t at, int to, off_t to_at, uint64_t len)
{
	while (len) {
		size_t want = len < COPY_AT_ONCE ? (size_t)len : COPY_AT_ONCE;
		ssize_t n = copy_file_range(from, &at, to, &to_at, want, 0);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno != ENOSPC && errno != EDQUOT && errno != EIO && errno != EFBIG)
			return copy_by_hand(from, at, to, to_at, len);
		if (n < 0)
			return -1;
		if (n == 0) {
			errno = EIO; /* the image has become shorter */
			return -1;
		}
		len -= (uint64_t)n;
	}
	return 0;
}

/* Copies the contents, and leaves holes where the image has holes. */
static int copy_contents(const struct extract_entry *entry, int image_fd, int fd)
{
	off_t at = (off_t)entry->data, end = at + (off_t)entry->size_bytes;

	while (at < end) {
		off_t data = lseek(image_fd, at, SEEK_DATA);
		off_t hole;

		if (data < 0 && errno == ENXIO)
			break;
		if (data < 0)
			data = at;
		if (data >= end)
			break;
		hole = lseek(image_fd, data, SEEK_HOLE);
		if (hole < 0 || hole > end)
			hole = end;
		if (copy_range(image_fd, data, fd, data - (off_t)entry->data,
			       (uint64_t)(hole - data)) < 0)
			return -1;
		at = hole;
	}
	return ftruncate(fd, (off_t)entry->size_bytes);
}

static int set_xattrs(const struct extract_entry *entry, int fd, struct extract_result *result,
		      struct error *err)
{
	struct extract_xattr xattr;
	size_t offset = 0;
	int more;

	while ((more = extract_entry_xattr(entry, &offset, &xattr)) > 0) {
		if (fsetxattr(fd, xattr.name, xattr.value, xattr.value_len, 0) == 0)
			continue;
		if (!is_forbidden(errno))
			return cannot(entry, err);
		result->xattrs++;
	}
	return more < 0 ? error_set(err, 0, "the image reader reported nonsense") : 0;
}

/* The mode that the node gets, once it is known whether its owner could be set. */
static mode_t mode_for(const struct extract_entry *entry, bool is_owned,
		       struct extract_result *result)
{
	mode_t mode = entry->mode & 07777;
	bool gives_rights = mode & S_ISUID || (mode & S_ISGID && !S_ISDIR(entry->mode));

	if (is_owned || !gives_rights)
		return mode;
	result->set_ids++;
	return mode & ~(mode_t)(S_ISUID | S_ISGID);
}

int extract_node_finish(const struct extract_entry *entry, int fd, struct extract_result *result,
			struct error *err)
{
	const struct timespec times[2] = { { entry->mtime_s, entry->mtime_ns },
					   { entry->mtime_s, entry->mtime_ns } };
	bool is_owned = fchown(fd, entry->uid, entry->gid) == 0;

	if (!is_owned && !is_forbidden(errno))
		return cannot(entry, err);
	if (!is_owned)
		result->owners++;
	if (set_xattrs(entry, fd, result, err) < 0)
		return -1;
	if (fchmod(fd, mode_for(entry, is_owned, result)) < 0 || futimens(fd, times) < 0)
		return cannot(entry, err);
	return 0;
}

static int make_file(const struct extract_entry *entry, int image_fd, int directory_fd,
		     struct extract_result *result, struct error *err)
{
	_cleanup_fd_ int fd = openat(directory_fd, entry->name,
				     O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);

	if (fd < 0 || copy_contents(entry, image_fd, fd) < 0)
		return cannot(entry, err);
	return extract_node_finish(entry, fd, result, err) < 0 ? -1 : 1;
}

/* Owner and times of what cannot be opened without doing something: links, pipes, devices. */
static int finish_by_name(const struct extract_entry *entry, int directory_fd,
			  struct extract_result *result, struct error *err)
{
	const struct timespec times[2] = { { entry->mtime_s, entry->mtime_ns },
					   { entry->mtime_s, entry->mtime_ns } };
	struct extract_xattr xattr;
	size_t offset = 0;

	if (fchownat(directory_fd, entry->name, entry->uid, entry->gid, AT_SYMLINK_NOFOLLOW) < 0) {
		if (!is_forbidden(errno))
			return cannot(entry, err);
		result->owners++;
	}
	if (utimensat(directory_fd, entry->name, times, AT_SYMLINK_NOFOLLOW) < 0)
		return cannot(entry, err);
	while (extract_entry_xattr(entry, &offset, &xattr) > 0)
		result->xattrs++; /* Linux gives such nodes none of those that images carry */
	return 1;
}

static int make_special(const struct extract_entry *entry, int directory_fd,
			struct extract_result *result, struct error *err)
{
	/* As Linux writes a device number into 32 bits. */
	dev_t rdev =
	    makedev(entry->rdev >> 8 & 0xfff, (entry->rdev & 0xff) | (entry->rdev >> 12 & 0xfff00));

	if (!S_ISFIFO(entry->mode) && geteuid() != 0) {
		result->devices++;
		return 0;
	}
	if (mknodat(directory_fd, entry->name, entry->mode & (S_IFMT | 01777), rdev) < 0) {
		if (S_ISFIFO(entry->mode) || !is_forbidden(errno))
			return cannot(entry, err);
		result->devices++;
		return 0;
	}
	return finish_by_name(entry, directory_fd, result, err);
}

int extract_node_make(const struct extract_entry *entry, int image_fd, int directory_fd,
		      struct extract_result *result, struct error *err)
{
	switch (entry->mode & S_IFMT) {
	case S_IFREG:
		return make_file(entry, image_fd, directory_fd, result, err);
	case S_IFLNK:
		if (symlinkat(entry->target, directory_fd, entry->name) < 0)
			return cannot(entry, err);
		return finish_by_name(entry, directory_fd, result, err);
	case S_IFCHR:
	case S_IFBLK:
	case S_IFIFO:
		return make_special(entry, directory_fd, result, err);
	default:
		return error_set(err, 0, "the image reader reported nonsense");
	}
}
