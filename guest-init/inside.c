/*
 * Resolution inside an app's root. The image and, in a volume, the host's users chose what lies
 * there; the kernel's RESOLVE_IN_ROOT is what holds.
 */
#include "guest-init/inside.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "vmm/base/cleanup.h"
#include "vmm/base/io.h"

enum { LINKS_MAX = 40 }; /* as the kernel follows */

int inside_open(int root, const char *path, int flags)
{
	struct open_how how = { .flags = (unsigned)(flags | O_CLOEXEC),
				.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS };

	int fd;

	/* The kernel gives up with EAGAIN when something is mounted or renamed meanwhile. */
	do
		fd = (int)syscall(SYS_openat2, root, path, &how, sizeof(how));
	while (fd < 0 && errno == EAGAIN);
	return fd;
}

/*
 * If `name` in parent is a symbolic link, which leads nowhere or it would have been followed, puts
 * its target in place of the `used` bytes at the beginning of *path, up to and with the name.
 * Returns 1, 0 if it is no link, or -1 with errno.
 */
static int replace_link(int parent, const char *name, size_t used, char **path)
{
	size_t directory = used - strlen(name);
	const char *rest = *path + used;
	char target[PATH_MAX];
	char *longer;
	ssize_t n = readlinkat(parent, name, target, sizeof(target) - 1);

	if (n < 0)
		return errno == EINVAL || errno == ENOENT ? 0 : -1;
	target[n] = '\0';
	if (target[0] == '/')
		directory = 0;
	if (directory + (size_t)n + strlen(rest) >= PATH_MAX) {
		errno = ENAMETOOLONG;
		return -1;
	}
	if (asprintf(&longer, "%.*s%s%s", (int)directory, *path, target, rest) < 0)
		return -1;
	free(*path);
	*path = longer;
	return 1;
}

/* Makes a directory, or an empty file, where nothing is. */
static int make_entry(int parent, const char *name, bool directory)
{
	int fd;

	if (directory)
		return mkdirat(parent, name, 0755);
	fd = openat(parent, name, O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	if (fd < 0)
		return -1;
	close(fd);
	return 0;
}

/*
 * Makes what is missing of *path. Returns 0; 1 if a link that leads nowhere was in the way: *path
 * is then the path with its target; or -1 with errno.
 */
static int make_missing(int root, char **path, bool directory)
{
	_cleanup_fd_ int parent = inside_open(root, "/", O_PATH | O_DIRECTORY);
	size_t at = 0;

	for (;;) {
		size_t end = (at += strspn(*path + at, "/"), at + strcspn(*path + at, "/"));
		bool last = (*path)[end + strspn(*path + end, "/")] == '\0';
		_cleanup_free_ char *until = strndup(*path, end);
		const char *name;
		int next, r;

		if (parent < 0 || !until)
			return -1;
		name = until + at;
		next = inside_open(root, until, O_PATH | (last ? 0 : O_DIRECTORY));
		if (next < 0 && errno == ENOENT) {
			r = replace_link(parent, name, end, path);
			if (r != 0)
				return r;
			if (make_entry(parent, name, directory || !last) < 0)
				return -1;
			next = inside_open(root, until, O_PATH);
		}
		if (next < 0)
			return -1;
		close(parent);
		parent = next;
		if (last)
			return 0;
		at = end;
	}
}

int inside_make(int root, const char *path, bool directory, struct error *err)
{
	_cleanup_free_ char *copy = strdup(path);
	_cleanup_fd_ int fd = inside_open(root, path, O_PATH);
	struct stat st;

	for (int links = 0; fd < 0 && errno == ENOENT && copy; links++) {
		int r = make_missing(root, &copy, directory);

		if (r > 0 && links == LINKS_MAX) {
			errno = ELOOP;
			r = -1;
		}
		if (r < 0)
			return error_set(err, errno, "cannot make %s", path);
		fd = inside_open(root, copy, O_PATH);
	}
	if (fd < 0)
		return error_set(err, errno, "cannot open %s", path);
	if (fstat(fd, &st) == 0 && (S_ISDIR(st.st_mode) != 0) == directory)
		return steal_fd(&fd);
	return error_set(err, directory ? ENOTDIR : EISDIR, "cannot mount on %s", path);
}

int inside_read(int root, const char *path, size_t max, char **data, size_t *len)
{
	_cleanup_fd_ int fd = inside_open(root, path, O_RDONLY | O_NONBLOCK | O_NOCTTY);
	_cleanup_free_ char *text = NULL;
	struct stat st;
	ssize_t n;

	if (fd < 0 || fstat(fd, &st) < 0)
		return -1;
	if (!S_ISREG(st.st_mode) || (uint64_t)st.st_size > max) {
		errno = S_ISREG(st.st_mode) ? EFBIG : EINVAL;
		return -1;
	}
	text = malloc((size_t)st.st_size + 1);
	if (!text)
		return -1;
	n = io_read_full(fd, text, (size_t)st.st_size);
	if (n < 0)
		return -1;
	*data = steal_ptr(text);
	*len = (size_t)n;
	return 0;
}
