/*
 * The mount namespace of a pod's process. The root belongs to the guest, which may have put
 * symbolic links there: places for mounts are looked for inside of it alone.
 */
#include "vmm/pod/host_view.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <sched.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "vmm/base/cleanup.h"
#include "vmm/pod/report.h"
#include "vmm/pod/run.h"
#include "vmm/pod/volume.h"

static int set_attributes(int tree, bool recursive, uint64_t set)
{
	struct mount_attr attributes = { .attr_set = set };

	return set ? mount_setattr(tree, "", AT_EMPTY_PATH | (recursive ? AT_RECURSIVE : 0U),
				   &attributes, sizeof(attributes))
		   : 0;
}

static int clone_tree(const char *path, bool recursive)
{
	return open_tree(AT_FDCWD, path,
			 OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | (recursive ? AT_RECURSIVE : 0U));
}

/* The app runs already, and may have put a link where another volume's source is. */
static int clone_source(const char *path, bool recursive)
{
	const struct open_how how = { .flags = O_PATH | O_CLOEXEC, .resolve = RESOLVE_NO_SYMLINKS };
	_cleanup_fd_ int fd = (int)syscall(SYS_openat2, AT_FDCWD, path, &how, sizeof(how));

	return fd < 0 ? -1
		      : open_tree(fd, "",
				  OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH |
				      (recursive ? AT_RECURSIVE : 0U));
}

static void bind_one(int root, const struct volume *volume)
{
	bool recursive = volume->recursive != VOLUME_NO;
	uint64_t set = (volume->read_only == VOLUME_YES ? MOUNT_ATTR_RDONLY : 0U) |
		       (volume->nosuid ? MOUNT_ATTR_NOSUID : 0U) |
		       (volume->noexec ? MOUNT_ATTR_NOEXEC : 0U);
	_cleanup_fd_ int place = host_place_find(root, volume->target);
	_cleanup_fd_ int tree = place < 0 ? -1 : clone_source(volume->source, recursive);

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

int host_view_enter(const struct app_options *app, struct error *err)
{
	_cleanup_fd_ int root = -1;

	if (unshare(CLONE_NEWNS) < 0)
		return errno == EPERM && geteuid() != 0
			   ? 0
			   : error_set(err, errno, "cannot make a mount namespace");
	if (mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL) < 0)
		return error_set(err, errno, "cannot make the mounts this process's own");
	root = clone_tree(app->root_directory, true);
	if (root < 0 ||
	    move_mount(root, "", AT_FDCWD, app->root_directory, MOVE_MOUNT_F_EMPTY_PATH) < 0)
		return error_set(err, errno, "cannot mount %s", app->root_directory);
	for (unsigned i = 0; i < app->host_mount_count; i++)
		bind_one(root, &app->host_mounts[i]);
	if (set_attributes(root, false, app->read_only ? MOUNT_ATTR_RDONLY : 0U) < 0 ||
	    change_root(root) < 0)
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
