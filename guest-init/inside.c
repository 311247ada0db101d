/*
 * Resolution inside an app's root. The image and, in a volume, the host's users chose what lies
 * there; the kernel's RESOLVE_IN_ROOT is what holds.
 */
#include "guest-init/inside.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "vmm/base/cleanup.h"
#include "vmm/base/io.h"

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

/* Opens the directory at path, made if it is missing; its parent is there. */
static int make_directory(int root, int parent, const char *path, const char *name)
{
	int fd = inside_open(root, path, O_PATH | O_DIRECTORY);

	if (fd >= 0 || errno != ENOENT)
		return fd;
	if (mkdirat(parent, name, 0755) < 0)
		return -1;
	return inside_open(root, path, O_PATH | O_DIRECTORY);
}

/* Opens the parent of path, with all directories on the way made; *name is what remains. */
static int make_parents(int root, char *path, char **name)
{
	_cleanup_fd_ int parent = inside_open(root, "/", O_PATH | O_DIRECTORY);
	char *at = path;

	if (parent < 0)
		return -1;
	for (;;) {
		char *end;
		int next;

		at += strspn(at, "/");
		end = at + strcspn(at, "/");
		if (end[strspn(end, "/")] == '\0') {
			*end = '\0';
			*name = at;
			return steal_fd(&parent);
		}
		*end = '\0';
		next = make_directory(root, parent, path, at);
		*end = '/';
		if (next < 0)
			return -1;
		close(parent);
		parent = next;
		at = end;
	}
}

int inside_make(int root, const char *path, bool directory, struct error *err)
{
	_cleanup_free_ char *copy = strdup(path);
	_cleanup_fd_ int parent = -1;
	_cleanup_fd_ int made = -1;
	struct stat st;
	char *name;
	int fd = inside_open(root, path, O_PATH);

	if (fd < 0 && errno == ENOENT && copy) {
		parent = make_parents(root, copy, &name);
		if (parent < 0)
			return error_set(err, errno, "cannot make the directories of %s", path);
		if (directory
			? mkdirat(parent, name, 0755) < 0
			: (made = openat(parent, name, O_CREAT | O_EXCL | O_CLOEXEC, 0644)) < 0)
			return error_set(err, errno, "cannot make %s", path);
		fd = inside_open(root, path, O_PATH);
	}
	if (fd < 0)
		return error_set(err, errno, "cannot open %s", path);
	if (fstat(fd, &st) == 0 && (S_ISDIR(st.st_mode) != 0) == directory)
		return fd;
	close(fd);
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
