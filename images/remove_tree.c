/*
 * Removing a tree, with one open directory for each level of it. What stands in it may have any
 * mode.
 */
#include "images/remove_tree.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "images/limits.h"
#include "vmm/base/cleanup.h"

enum { LEVELS_MAX = IMAGE_DEPTH_MAX + 2 };

struct removal {
	DIR *stack[LEVELS_MAX];
	char names[LEVELS_MAX][IMAGE_NAME_MAX + 1]; /* of each in the one before */
	size_t depth;
};

static int enter(struct removal *removal, int parent_fd, const char *name)
{
	_cleanup_fd_ int fd = -1;
	DIR *dir;

	if (removal->depth == LEVELS_MAX) {
		errno = ELOOP;
		return -1;
	}
	/* One that its owner may not read or write cannot be emptied. It was made here: no link. */
	if (fchmodat(parent_fd, name, 0700, 0) < 0)
		return -1;
	fd = openat(parent_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	dir = fd < 0 ? NULL : fdopendir(fd);
	if (!dir)
		return -1;
	(void)steal_fd(&fd);
	(void)snprintf(removal->names[removal->depth], IMAGE_NAME_MAX + 1, "%s", name);
	removal->stack[removal->depth++] = dir;
	return 0;
}

static int leave(struct removal *removal)
{
	size_t depth = --removal->depth;

	closedir(removal->stack[depth]);
	if (depth == 0)
		return 0;
	return unlinkat(dirfd(removal->stack[depth - 1]), removal->names[depth], AT_REMOVEDIR);
}

static int step(struct removal *removal)
{
	DIR *top = removal->stack[removal->depth - 1];
	struct dirent *entry;

	errno = 0;
	entry = readdir(top);
	if (!entry)
		return errno ? -1 : leave(removal);
	if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
		return 0;
	if (unlinkat(dirfd(top), entry->d_name, 0) == 0)
		return 0;
	if (errno != EISDIR && errno != EPERM)
		return -1;
	return enter(removal, dirfd(top), entry->d_name);
}

int remove_tree(int parent_fd, const char *name)
{
	_cleanup_free_ struct removal *removal = calloc(1, sizeof(*removal));
	int result;

	if (!removal)
		return -1;
	result = enter(removal, parent_fd, name);
	while (result == 0 && removal->depth)
		result = step(removal);
	while (removal->depth)
		closedir(removal->stack[--removal->depth]);
	return result < 0 ? -1 : unlinkat(parent_fd, name, AT_REMOVEDIR);
}
