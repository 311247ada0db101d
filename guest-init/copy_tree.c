/*
 * Copies a tree that an image's author made, of any width and of a bounded depth, without
 * recursion: a stack of open directories, the source's and its copy. Nothing is followed: names are
 * single components, opened with O_NOFOLLOW. Descriptors are two for each level.
 */
#include "guest-init/copy_tree.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "vmm/base/cleanup.h"
#include "vmm/base/io.h"

enum {
	DEPTH_MAX = 200,
	BUFFER_BYTES = 64 * 1024,
	XATTR_LIST_BYTES = 8 * 1024,
	NAME_BYTES = 256,
};

struct level {
	DIR *from;
	int to;
};

struct copy {
	struct level levels[DEPTH_MAX];
	unsigned depth;
	char name[NAME_BYTES]; /* the entry in hand, for messages */
	struct error *err;
	char buffer[BUFFER_BYTES];
};

static int fail(const struct copy *copy, const char *what)
{
	return error_set(copy->err, errno, "cannot %s '%s' into a volume", what, copy->name);
}

/* Values that do not fit, or that the volume's file system does not have, are left out. */
static int copy_attributes(struct copy *copy, int from, int to)
{
	char names[XATTR_LIST_BYTES];
	ssize_t n = flistxattr(from, names, sizeof(names));

	for (ssize_t at = 0; at < n; at += (ssize_t)strlen(names + at) + 1) {
		ssize_t size = fgetxattr(from, names + at, copy->buffer, sizeof(copy->buffer));

		if (size >= 0 && fsetxattr(to, names + at, copy->buffer, (size_t)size, 0) < 0 &&
		    errno != EOPNOTSUPP)
			return fail(copy, "copy the attributes of");
	}
	return 0;
}

/* The owner before the mode, whose set-id bits it would take away; the times last. */
static int finish(struct copy *copy, int from, int to, const struct stat *st)
{
	const struct timespec times[2] = { st->st_atim, st->st_mtim };

	if (fchown(to, st->st_uid, st->st_gid) < 0 || fchmod(to, st->st_mode & 07777) < 0)
		return fail(copy, "copy the owner of");
	if (copy_attributes(copy, from, to) < 0)
		return -1;
	return futimens(to, times) < 0 ? fail(copy, "copy the times of") : 0;
}

static int copy_content(struct copy *copy, int from, int to)
{
	ssize_t n;

	while ((n = read(from, copy->buffer, sizeof(copy->buffer))) > 0) {
		if (io_write_all(to, copy->buffer, (size_t)n) < 0)
			return fail(copy, "copy");
	}
	return n < 0 ? fail(copy, "read") : 0;
}

static int copy_file(struct copy *copy, const struct level *level, const struct stat *st)
{
	_cleanup_fd_ int from =
	    openat(dirfd(level->from), copy->name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
	_cleanup_fd_ int to = -1;

	if (from < 0)
		return fail(copy, "read");
	to = openat(level->to, copy->name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (to < 0)
		return fail(copy, "copy");
	return copy_content(copy, from, to) < 0 ? -1 : finish(copy, from, to, st);
}

static int copy_link(struct copy *copy, const struct level *level, const struct stat *st)
{
	char target[PATH_MAX];
	ssize_t n = readlinkat(dirfd(level->from), copy->name, target, sizeof(target) - 1);

	if (n < 0)
		return fail(copy, "read");
	target[n] = '\0';
	if (symlinkat(target, level->to, copy->name) < 0 ||
	    fchownat(level->to, copy->name, st->st_uid, st->st_gid, AT_SYMLINK_NOFOLLOW) < 0)
		return fail(copy, "copy");
	return 0;
}

static int copy_special(struct copy *copy, const struct level *level, const struct stat *st)
{
	/* The mode comes with the node (our mask is 0): fchmodat() would follow a link in its
	 * place.
	 */
	if (mknodat(level->to, copy->name, st->st_mode, st->st_rdev) < 0 ||
	    fchownat(level->to, copy->name, st->st_uid, st->st_gid, AT_SYMLINK_NOFOLLOW) < 0)
		return fail(copy, "copy");
	return 0;
}

/* Takes over both descriptors. */
static int push(struct copy *copy, int from, int to)
{
	_cleanup_fd_ int from_fd = from, to_fd = to;
	DIR *dir;

	if (copy->depth == DEPTH_MAX) {
		errno = ELOOP;
		return fail(copy, "copy");
	}
	dir = from_fd >= 0 && to_fd >= 0 ? fdopendir(from_fd) : NULL;
	if (!dir)
		return fail(copy, "open");
	(void)steal_fd(&from_fd);
	copy->levels[copy->depth++] = (struct level){ .from = dir, .to = steal_fd(&to_fd) };
	return 0;
}

static int enter_directory(struct copy *copy, const struct level *level)
{
	const int flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;

	if (mkdirat(level->to, copy->name, 0700) < 0)
		return fail(copy, "copy");
	return push(copy, openat(dirfd(level->from), copy->name, flags),
		    openat(level->to, copy->name, flags));
}

static int copy_entry(struct copy *copy, const struct level *level, dev_t dev)
{
	struct stat st;

	if (fstatat(dirfd(level->from), copy->name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return fail(copy, "look at");
	if (S_ISDIR(st.st_mode))
		return st.st_dev == dev ? enter_directory(copy, level) : 0;
	if (S_ISREG(st.st_mode))
		return copy_file(copy, level, &st);
	return S_ISLNK(st.st_mode) ? copy_link(copy, level, &st) : copy_special(copy, level, &st);
}

/* The directory on top is done: its attributes, now that nothing is made in it any more. */
static int pop(struct copy *copy)
{
	struct level *level = &copy->levels[--copy->depth];
	struct stat st;
	int r = fstat(dirfd(level->from), &st) < 0
		    ? fail(copy, "look at")
		    : finish(copy, dirfd(level->from), level->to, &st);

	(void)closedir(level->from);
	close(level->to);
	return r;
}

static bool is_dots(const char *name)
{
	return strcmp(name, ".") == 0 || strcmp(name, "..") == 0;
}

static int copy_all(struct copy *copy, dev_t dev)
{
	int r = 0;

	while (r == 0 && copy->depth) {
		struct level *level = &copy->levels[copy->depth - 1];
		struct dirent *entry;

		errno = 0;
		entry = readdir(level->from);
		if (!entry && errno) {
			r = fail(copy, "read");
		} else if (!entry) {
			r = pop(copy);
		} else if (!is_dots(entry->d_name)) {
			memcpy(copy->name, entry->d_name, strlen(entry->d_name) + 1);
			r = copy_entry(copy, level, dev);
		}
	}
	while (copy->depth) {
		copy->depth--;
		(void)closedir(copy->levels[copy->depth].from);
		close(copy->levels[copy->depth].to);
	}
	return r;
}

/* 1, 0, or -1 with errno. Takes the descriptor over; if it is -1 errno stands. */
static int is_empty(int fd)
{
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *entry;
	bool empty = true;

	if (!dir)
		return -1;
	while (empty && (entry = readdir(dir)))
		empty = is_dots(entry->d_name);
	(void)closedir(dir);
	return empty;
}

int copy_tree_if_empty(int from, int to, struct error *err)
{
	const int flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC;
	_cleanup_free_ struct copy *copy = NULL;
	struct stat st;
	int empty;

	if (fstat(from, &st) < 0)
		return error_set(err, errno, "cannot look at a volume's place");
	if (!S_ISDIR(st.st_mode))
		return 0;
	empty = is_empty(openat(to, ".", flags));
	if (empty < 0)
		return error_set(err, errno, "cannot look into a volume");
	if (!empty)
		return 0;
	copy = malloc(sizeof(*copy));
	if (!copy)
		return error_set(err, ENOMEM, "cannot fill a volume");
	copy->depth = 0;
	copy->err = err;
	memcpy(copy->name, ".", 2);
	if (push(copy, openat(from, ".", flags), openat(to, ".", flags)) < 0)
		return -1;
	return copy_all(copy, st.st_dev);
}
