/*
 * The mount namespace of a pod's process. The root belongs to the guest, which may have put
 * symbolic links there: places for mounts are looked for inside of it alone.
 */
#include "vmm/pod/host_view.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "vmm/base/cleanup.h"
#include "vmm/pod/report.h"
#include "vmm/pod/run.h"
#include "vmm/pod/volume.h"

/* Nothing of the host's mounts changes by what is done to the tree. */
static int set_attributes(int tree, bool recursive, uint64_t set)
{
	struct mount_attr attributes = { .attr_set = set, .propagation = MS_SLAVE };

	return mount_setattr(tree, "", AT_EMPTY_PATH | (recursive ? AT_RECURSIVE : 0U), &attributes,
			     sizeof(attributes));
}

static int clone_tree(int place, const char *path, bool recursive)
{
	return open_tree(place, path,
			 OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH |
			     (recursive ? AT_RECURSIVE : 0U));
}

int *host_view_open(const struct app_options *app, struct error *err)
{
	int *sources = calloc(app->host_mount_count + 1, sizeof(*sources));

	if (!sources) {
		error_set(err, ENOMEM, "cannot open what is mounted");
		return NULL;
	}
	for (unsigned i = 0; i < app->host_mount_count; i++)
		sources[i] = open(app->host_mounts[i].source, O_PATH | O_CLOEXEC);
	return sources;
}

/* While this process's mounts are those that the sources were opened in. */
static void clone_sources(const struct app_options *app, int *sources)
{
	for (unsigned i = 0; i < app->host_mount_count; i++) {
		int source = sources[i];

		if (source < 0)
			continue;
		sources[i] = clone_tree(source, "", app->host_mounts[i].recursive != VOLUME_NO);
		close(source);
	}
}

static void close_sources(const struct app_options *app, int *sources)
{
	for (unsigned i = 0; i < app->host_mount_count; i++)
		cleanup_fd(&sources[i]);
}

static void bind_one(int root, const struct volume *volume, int tree)
{
	bool recursive = volume->recursive != VOLUME_NO;
	uint64_t set = (volume->read_only == VOLUME_YES ? MOUNT_ATTR_RDONLY : 0U) |
		       (volume->nosuid ? MOUNT_ATTR_NOSUID : 0U) |
		       (volume->noexec ? MOUNT_ATTR_NOEXEC : 0U);
	_cleanup_fd_ int place = host_place_find(root, volume->target);

	/* The guest has it somewhere else, or not any more. */
	if (place < 0)
		return;
	if (tree < 0 || set_attributes(tree, recursive, set) < 0 ||
	    move_mount(tree, "", place, "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH) < 0)
		report(REPORT_WARNING, "cannot show %s to the container's engine: %s",
		       volume->target, strerror(errno));
}

static int change_root(int root)
{
	if (fchdir(root) < 0 || syscall(SYS_pivot_root, ".", ".") < 0 ||
	    umount2(".", MNT_DETACH) < 0 || chdir("/") < 0)
		return -1;
	return 0;
}

/* Returns the mounted root, or -1 with err filled. */
static int mount_all(const struct app_options *app, const int *sources, struct error *err)
{
	_cleanup_fd_ int root = -1;

	if (mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL) < 0)
		return error_set(err, errno, "cannot make the mounts this process's own");
	root = clone_tree(AT_FDCWD, app->root_directory, true);
	if (root < 0 ||
	    move_mount(root, "", AT_FDCWD, app->root_directory, MOVE_MOUNT_F_EMPTY_PATH) < 0)
		return error_set(err, errno, "cannot mount %s", app->root_directory);
	for (unsigned i = 0; i < app->host_mount_count; i++)
		bind_one(root, &app->host_mounts[i], sources[i]);
	if (set_attributes(root, false, app->read_only ? MOUNT_ATTR_RDONLY : 0U) < 0)
		return error_set(err, errno, "cannot protect %s", app->root_directory);
	return steal_fd(&root);
}

/* Returns as mount_all() does, or -2: it may not be done. */
static int prepare(const struct app_options *app, int *sources, struct error *err)
{
	int root;

	clone_sources(app, sources);
	if (unshare(CLONE_NEWNS) < 0)
		root = errno == EPERM && geteuid() != 0
			   ? -2
			   : error_set(err, errno, "cannot make a mount namespace");
	else
		root = mount_all(app, sources, err);
	close_sources(app, sources);
	return root;
}

int host_view_mount(const struct app_options *app, int *sources, struct error *err)
{
	_cleanup_fd_ int root = prepare(app, sources, err);

	return root == -1 ? -1 : 0;
}

int host_view_enter(const struct app_options *app, int *sources, struct error *err)
{
	_cleanup_fd_ int root = prepare(app, sources, err);

	if (root < 0)
		return root == -2 ? 0 : -1;
	if (change_root(root) < 0)
		return error_set(err, errno, "cannot make %s the root", app->root_directory);
	return 0;
}

void host_view_note_oom(int engine_fd)
{
	_cleanup_fd_ int fd = engine_fd < 0
				  ? -1
				  : openat(engine_fd, HOST_VIEW_OOM_NAME,
					   O_WRONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0644);

	(void)fd;
}
