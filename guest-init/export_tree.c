/*
 * A tree of files as a tar archive.
 *
 * The tree may be one that an app made on purpose, on a file system that it wrote itself: nothing
 * is followed, there is no recursion, and what does not fit ends the export. It does not change
 * meanwhile: everything is mounted read-only.
 */
#include "guest-init/export_tree.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "vmm/base/bytes.h"
#include "vmm/base/cleanup.h"

#define WHITEOUT_PREFIX ".wh."
#define OPAQUE_NAME	".wh..wh..opq"
#define OPAQUE_MARK	"trusted.overlay.opaque"

struct export_level {
	DIR *dir;
	size_t path_bytes; /* of the directory that this one is in */
};

/* What the writer of the archive could not do. */
static enum export_status unwritten(void)
{
	return errno == E2BIG ? EXPORT_TOO_LARGE : EXPORT_HOST_GONE;
}

/* What the tree has and the archive lacks is an error of the disk's. */
static enum export_status unread(void)
{
	return errno == EMFILE || errno == ENAMETOOLONG || errno == ERANGE || errno == E2BIG
		   ? EXPORT_TOO_LARGE
		   : EXPORT_UNREADABLE;
}

/* trusted.* would be orders to overlayfs, security.* to other modules, wherever it is unpacked. */
static bool is_kept(const char *name)
{
	return !strncmp(name, "user.", 5) || !strcmp(name, "security.capability") ||
	       !strcmp(name, "system.posix_acl_access") ||
	       !strcmp(name, "system.posix_acl_default");
}

static enum export_status write_attributes(struct export_tree *tree, const char *file)
{
	ssize_t n = llistxattr(file, tree->names, sizeof(tree->names));

	if (n < 0 && errno != EOPNOTSUPP)
		return unread();
	for (ssize_t at = 0; at < n; at += (ssize_t)strlen(tree->names + at) + 1) {
		const char *name = tree->names + at;
		ssize_t len;

		if (!is_kept(name))
			continue;
		len = lgetxattr(file, name, tree->data, sizeof(tree->data));
		if (len < 0)
			return unread();
		if (tar_attribute(&tree->tar, name, tree->data, (size_t)len) < 0 && errno != EINVAL)
			return unwritten();
	}
	return EXPORT_DONE;
}

static struct tar_entry describe(const struct export_tree *tree, const struct stat *st)
{
	return (struct tar_entry){
		.path = tree->path,
		.mode = st->st_mode & 07777,
		.uid = st->st_uid,
		.gid = st->st_gid,
		.mtime_s = st->st_mtim.tv_sec,
		.mtime_ns = (uint32_t)st->st_mtim.tv_nsec,
	};
}

static enum export_status write_entry(struct export_tree *tree, const struct tar_entry *entry)
{
	return tar_entry(&tree->tar, entry) < 0 ? unwritten() : EXPORT_DONE;
}

/* Holes are zeroes in the archive. */
static enum export_status write_content(struct export_tree *tree, int fd, uint64_t left)
{
	while (left) {
		size_t want = left < sizeof(tree->data) ? (size_t)left : sizeof(tree->data);
		ssize_t n = read(fd, tree->data, want);

		if (n <= 0)
			return EXPORT_UNREADABLE;
		if (tar_data(&tree->tar, tree->data, (size_t)n) < 0)
			return unwritten();
		left -= (uint64_t)n;
	}
	return EXPORT_DONE;
}

static enum export_status write_file(struct export_tree *tree, const char *name,
				     const struct stat *st)
{
	_cleanup_fd_ int fd = open(name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	struct tar_entry entry = describe(tree, st);
	enum export_status status;

	if (fd < 0)
		return unread();
	entry.type = TAR_FILE;
	entry.size_bytes = (uint64_t)st->st_size;
	status = write_attributes(tree, name);
	if (!status)
		status = write_entry(tree, &entry);
	return status ? status : write_content(tree, fd, entry.size_bytes);
}

static enum export_status write_link(struct export_tree *tree, const char *name,
				     const struct stat *st)
{
	ssize_t n = readlink(name, tree->target, sizeof(tree->target) - 1);
	struct tar_entry entry = describe(tree, st);
	enum export_status status;

	if (n < 0)
		return unread();
	tree->target[n] = '\0';
	entry.type = TAR_SYMBOLIC_LINK;
	entry.link = tree->target;
	status = write_attributes(tree, name);
	return status ? status : write_entry(tree, &entry);
}

static enum export_status write_node(struct export_tree *tree, const char *name,
				     const struct stat *st)
{
	struct tar_entry entry = describe(tree, st);
	enum export_status status = write_attributes(tree, name);

	entry.type = S_ISFIFO(st->st_mode)  ? TAR_FIFO
		     : S_ISCHR(st->st_mode) ? TAR_CHARACTER_DEVICE
					    : TAR_BLOCK_DEVICE;
	entry.major = major(st->st_rdev);
	entry.minor = minor(st->st_rdev);
	return status ? status : write_entry(tree, &entry);
}

/* An empty file that says something of the layers below. name replaces that of the path. */
static enum export_status write_mark(struct export_tree *tree, const char *prefix, const char *name)
{
	struct tar_entry entry = { .type = TAR_FILE, .path = tree->path };
	size_t prefix_bytes = strlen(prefix), name_bytes = strlen(name) + 1;

	if (tree->path_bytes + prefix_bytes + name_bytes > sizeof(tree->path))
		return EXPORT_TOO_LARGE;
	memcpy(tree->path + tree->path_bytes, prefix, prefix_bytes);
	memcpy(tree->path + tree->path_bytes + prefix_bytes, name, name_bytes);
	return write_entry(tree, &entry);
}

static bool is_empty_directory(const char *name)
{
	_cleanup_fd_ int fd = open(name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	unsigned count = 0;

	if (!dir)
		return false;
	(void)steal_fd(&fd);
	while (count < 3 && readdir(dir))
		count++;
	(void)closedir(dir);
	return count == 2; /* "." and ".." */
}

/*
 * What mounts.c and etc.c make in a root that lacks it, only to mount on it: empty, since an app
 * that is there sees the mount. It is no change of the app's, so no layer has it.
 */
static bool is_own_mount_point(const struct export_tree *tree, const char *name,
			       const struct stat *st)
{
	static const char *const directories[] = { "dev", "proc", "sys" };
	static const char *const files[] = { "etc/hostname", "etc/hosts", "etc/resolv.conf" };
	bool directory = S_ISDIR(st->st_mode);
	const char *const *paths = directory ? directories : files;

	if (!tree->layer || (!directory && (!S_ISREG(st->st_mode) || st->st_size)))
		return false;
	for (size_t i = 0; i < 3; i++) {
		if (!strcmp(tree->path, paths[i]))
			return !directory || is_empty_directory(name);
	}
	return false;
}

static bool is_opaque(struct export_tree *tree)
{
	return tree->layer && lgetxattr(".", OPAQUE_MARK, tree->data, sizeof(tree->data)) == 1 &&
	       tree->data[0] == 'y';
}

/* The path ends with that of the directory, and its '/'; "./" alone is not part of others. */
static enum export_status enter(struct export_tree *tree, const char *name, const struct stat *st,
				size_t path_bytes)
{
	_cleanup_fd_ int fd = open(name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	struct tar_entry entry = describe(tree, st);
	struct export_level *level = &tree->levels[tree->depth];
	enum export_status status;

	if (tree->depth == EXPORT_DEPTH_MAX)
		return EXPORT_TOO_LARGE;
	if (fd < 0)
		return unread();
	entry.type = TAR_DIRECTORY;
	status = write_attributes(tree, name);
	if (!status)
		status = write_entry(tree, &entry);
	if (status)
		return status;
	if (fchdir(fd) < 0)
		return unread();
	level->path_bytes = tree->path_bytes;
	level->dir = fdopendir(fd);
	if (!level->dir)
		return unread();
	(void)steal_fd(&fd);
	tree->depth++;
	tree->path_bytes = path_bytes;
	return is_opaque(tree) ? write_mark(tree, "", OPAQUE_NAME) : EXPORT_DONE;
}

static enum export_status leave(struct export_tree *tree)
{
	struct export_level *level = &tree->levels[--tree->depth];

	tree->path_bytes = level->path_bytes;
	(void)closedir(level->dir);
	return tree->depth && fchdir(dirfd(level[-1].dir)) < 0 ? unread() : EXPORT_DONE;
}

/* A file with several names is written once, under the first that is met. */
static enum export_status write_known(struct export_tree *tree, const struct stat *st, bool *known)
{
	struct tar_entry entry = describe(tree, st);
	const char *first = NULL;

	*known = false;
	if (st->st_nlink < 2)
		return EXPORT_DONE;
	if (hard_links_meet(&tree->links, st->st_dev, st->st_ino, tree->path, &first) < 0)
		return EXPORT_TOO_LARGE;
	if (!first)
		return EXPORT_DONE;
	*known = true;
	entry.type = TAR_HARD_LINK;
	entry.link = first;
	return write_entry(tree, &entry);
}

static enum export_status write_leaf(struct export_tree *tree, const char *name,
				     const struct stat *st)
{
	bool known;
	enum export_status status = write_known(tree, st, &known);

	if (status || known)
		return status;
	if (S_ISREG(st->st_mode))
		return write_file(tree, name, st);
	return S_ISLNK(st->st_mode) ? write_link(tree, name, st) : write_node(tree, name, st);
}

static enum export_status visit(struct export_tree *tree, const char *name)
{
	size_t name_bytes = strlen(name);
	struct stat st;

	if (tree->path_bytes + name_bytes + 2 > sizeof(tree->path))
		return EXPORT_TOO_LARGE;
	if (tree->layer && !strncmp(name, WHITEOUT_PREFIX, strlen(WHITEOUT_PREFIX)))
		return EXPORT_RESERVED_NAME;
	if (lstat(name, &st) < 0)
		return unread();
	if (tree->layer && S_ISCHR(st.st_mode) && st.st_rdev == 0)
		return write_mark(tree, WHITEOUT_PREFIX, name);
	if (S_ISSOCK(st.st_mode))
		return EXPORT_DONE;
	memcpy(tree->path + tree->path_bytes, name, name_bytes + 1);
	if (is_own_mount_point(tree, name, &st))
		return EXPORT_DONE;
	if (!S_ISDIR(st.st_mode))
		return write_leaf(tree, name, &st);
	memcpy(tree->path + tree->path_bytes + name_bytes, "/", 2);
	return enter(tree, name, &st, tree->path_bytes + name_bytes + 1);
}

static enum export_status write_root(struct export_tree *tree)
{
	struct stat st;

	memcpy(tree->path, "./", 3);
	return lstat(".", &st) < 0 ? unread() : enter(tree, ".", &st, 0);
}

static enum export_status write_all(struct export_tree *tree)
{
	enum export_status status = write_root(tree);

	while (!status && tree->depth) {
		struct dirent *entry;

		errno = 0;
		entry = readdir(tree->levels[tree->depth - 1].dir);
		if (!entry)
			status = errno ? unread() : leave(tree);
		else if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
			status = visit(tree, entry->d_name);
	}
	if (!status && tar_end(&tree->tar) < 0)
		status = unwritten();
	return status;
}

enum export_status export_tree_write(struct export_tree *tree, int fd)
{
	enum export_status status = EXPORT_TOO_LARGE;

	tar_begin(&tree->tar, fd);
	tree->levels = calloc(EXPORT_DEPTH_MAX, sizeof(*tree->levels));
	if (tree->levels && hard_links_begin(&tree->links) == 0)
		status = write_all(tree);
	while (tree->depth)
		(void)closedir(tree->levels[--tree->depth].dir);
	hard_links_end(&tree->links);
	free(tree->levels);
	return status;
}
