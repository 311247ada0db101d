/*
 * Where a report goes.
 */
#include "vmm/bench/output.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "vmm/base/cleanup.h"
#include "vmm/base/io.h"

/* Some file systems say at the end only that they are full. */
static int close_checked(int *fd)
{
	return close(steal_fd(fd));
}

static int write_special(const char *path, const char *text, size_t len, struct error *err)
{
	_cleanup_fd_ int fd = open(path, O_WRONLY | O_CLOEXEC | O_NOCTTY);

	if (fd < 0 || io_write_all(fd, text, len) < 0 || close_checked(&fd) < 0)
		return error_set(err, errno, "cannot write %s", path);
	return 0;
}

static int check_special(const char *path, struct error *err)
{
	struct stat st;

	if (stat(path, &st) == 0 && S_ISDIR(st.st_mode))
		return error_set(err, EISDIR, "cannot write %s", path);
	return access(path, W_OK) < 0 ? error_set(err, errno, "cannot write %s", path) : 0;
}

static mode_t rights_of_new_files(void)
{
	mode_t mask = umask(0);

	(void)umask(mask);
	return 0666 & ~mask;
}

/* An empty file beside the one that it will replace. partial holds PATH_MAX bytes. */
static int open_partial(const char *path, char *partial, struct error *err)
{
	int fd;

	if (snprintf(partial, PATH_MAX, "%s.XXXXXX", path) >= PATH_MAX)
		return error_set(err, ENAMETOOLONG, "%s", path);
	fd = mkostemp(partial, O_CLOEXEC);
	return fd < 0 ? error_set(err, errno, "cannot write %s", path) : fd;
}

static int write_regular(const char *path, mode_t mode, const char *text, size_t len,
			 struct error *err)
{
	char partial[PATH_MAX];
	_cleanup_fd_ int fd = open_partial(path, partial, err);

	if (fd < 0)
		return -1;
	if (fchmod(fd, mode) == 0 && io_write_all(fd, text, len) == 0 && fdatasync(fd) == 0 &&
	    close_checked(&fd) == 0 && rename(partial, path) == 0)
		return 0;
	(void)error_set(err, errno, "cannot write %s", path);
	(void)unlink(partial);
	return -1;
}

/* What a path leads to. */
struct target {
	char *path; /* allocated; NULL: a special file, which is written to and not replaced */
	mode_t mode;
};

static void target_free(struct target *target)
{
	free(target->path);
}

static int find_target(const char *path, struct target *target, struct error *err)
{
	struct stat st;

	if (stat(path, &st) == 0 && !S_ISREG(st.st_mode))
		return 0;
	target->mode = rights_of_new_files();
	if (lstat(path, &st) < 0) {
		target->path = strdup(path);
		return target->path ? 0 : error_set(err, errno, "%s", path);
	}
	target->path = realpath(path, NULL);
	if (!target->path || stat(target->path, &st) < 0)
		return error_set(err, errno, "cannot follow the link %s", path);
	target->mode = st.st_mode & 07777;
	return 0;
}

int output_write(const char *path, const char *text, size_t len, struct error *err)
{
	_cleanup_(target_free) struct target target = { .path = NULL };

	if (find_target(path, &target, err) < 0)
		return -1;
	if (!target.path)
		return write_special(path, text, len, err);
	return write_regular(target.path, target.mode, text, len, err);
}

int output_check(const char *path, struct error *err)
{
	_cleanup_(target_free) struct target target = { .path = NULL };
	char partial[PATH_MAX];
	_cleanup_fd_ int fd = -1;

	if (find_target(path, &target, err) < 0)
		return -1;
	/* To open a pipe would tell its reader too much. */
	if (!target.path)
		return check_special(path, err);
	fd = open_partial(target.path, partial, err);
	if (fd < 0)
		return -1;
	(void)unlink(partial);
	return 0;
}
