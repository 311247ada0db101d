/*
 * Names in the making. The paths are the user's own; others may write to the same directory.
 */
#include "images/partial.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

int partial_name(char partial[PATH_MAX], const char *path, struct error *err)
{
	size_t len = strlen(path);
	struct stat st;

	while (len > 1 && path[len - 1] == '/')
		len--;
	if (len == 0 || len + sizeof(".partial") > PATH_MAX)
		return error_set(err, ENAMETOOLONG, "cannot write \"%s\"", path);
	(void)snprintf(partial, PATH_MAX, "%.*s", (int)len, path);
	if (lstat(partial, &st) == 0)
		return error_set(err, 0, "%s exists already; what is written takes a new name",
				 partial);
	strcat(partial, ".partial");
	return 0;
}

int partial_cannot_create(const char *partial, struct error *err)
{
	return error_set(err, errno, "cannot create %s%s", partial,
			 errno == EEXIST ? ", which an interrupted run may have left" : "");
}

/*
 * For file systems without RENAME_NOREPLACE (NFS, some of FUSE): what appears between the look and
 * the rename is replaced, if it is a file or an empty directory.
 */
static int look_and_rename(const char *partial, const char *path)
{
	struct stat st;

	if (lstat(path, &st) == 0) {
		errno = EEXIST;
		return -1;
	}
	return errno == ENOENT ? rename(partial, path) : -1;
}

int partial_publish(const char *partial, const char *path, struct error *err)
{
	int result = renameat2(AT_FDCWD, partial, AT_FDCWD, path, RENAME_NOREPLACE);

	if (result < 0 && errno == EINVAL)
		result = look_and_rename(partial, path);
	if (result < 0)
		return error_set(err, errno, "cannot give %s its name", partial);
	return 0;
}
