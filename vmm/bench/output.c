/*
 * Where a report goes.
 */
#include "vmm/bench/output.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
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

static mode_t rights_of_new_files(void)
{
	mode_t mask = umask(0);

	(void)umask(mask);
	return 0666 & ~mask;
}

static int write_regular(const char *path, mode_t mode, const char *text, size_t len,
			 struct error *err)
{
	char partial[PATH_MAX];
	_cleanup_fd_ int fd = -1;

	if (snprintf(partial, sizeof(partial), "%s.XXXXXX", path) >= (int)sizeof(partial))
		return error_set(err, ENAMETOOLONG, "%s", path);
	fd = mkostemp(partial, O_CLOEXEC);
	if (fd < 0)
		return error_set(err, errno, "cannot write %s", path);
	if (fchmod(fd, mode) == 0 && io_write_all(fd, text, len) == 0 && fdatasync(fd) == 0 &&
	    close_checked(&fd) == 0 && rename(partial, path) == 0)
		return 0;
	(void)error_set(err, errno, "cannot write %s", path);
	(void)unlink(partial);
	return -1;
}

int output_write(const char *path, const char *text, size_t len, struct error *err)
{
	_cleanup_free_ char *resolved = NULL;
	struct stat st;

	if (stat(path, &st) == 0 && !S_ISREG(st.st_mode))
		return write_special(path, text, len, err);
	if (lstat(path, &st) < 0)
		return write_regular(path, rights_of_new_files(), text, len, err);
	resolved = realpath(path, NULL);
	if (!resolved || stat(resolved, &st) < 0)
		return error_set(err, errno, "cannot follow the link %s", path);
	return write_regular(resolved, st.st_mode & 07777, text, len, err);
}
