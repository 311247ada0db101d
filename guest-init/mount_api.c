/*
 * Thin wrappers; linux/mount.h and the C library's sys/mount.h cannot be included together.
 */
#include "guest-init/mount_api.h"

#include <fcntl.h>
#include <linux/mount.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "vmm/base/cleanup.h"

/* Values of the kernel's interface that musl's headers lack. */
#ifndef AT_RECURSIVE
#define AT_RECURSIVE 0x8000
#endif

int mount_clone(int dir, const char *name)
{
	return (int)syscall(SYS_open_tree, dir, name, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
}

int mount_new_tmpfs(void)
{
	_cleanup_fd_ int context = (int)syscall(SYS_fsopen, "tmpfs", FSOPEN_CLOEXEC);

	if (context < 0 ||
	    syscall(SYS_fsconfig, context, FSCONFIG_SET_STRING, "mode", "1777", 0) < 0 ||
	    syscall(SYS_fsconfig, context, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
		return -1;
	return (int)syscall(SYS_fsmount, context, FSMOUNT_CLOEXEC,
			    MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV);
}

int mount_attach(int tree, int target)
{
	return (int)syscall(SYS_move_mount, tree, "", target, "",
			    MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH);
}

int mount_read_only(int dir, const char *path, bool recursive)
{
	struct mount_attr attributes = { .attr_set = MOUNT_ATTR_RDONLY };
	unsigned flags = (*path ? 0 : AT_EMPTY_PATH) | (recursive ? AT_RECURSIVE : 0);

	return (int)syscall(SYS_mount_setattr, dir, path, flags, &attributes, sizeof(attributes));
}
