/*
 * Thin wrappers; linux/mount.h and the C library's sys/mount.h cannot be included together, nor can
 * linux/stat.h and sys/stat.h.
 */
#include "guest-init/mount_api.h"

#include <fcntl.h>
#include <inttypes.h>
#include <linux/mount.h>
#include <linux/stat.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "vmm/base/cleanup.h"

/* Values of the kernel's interface that musl's headers lack. */
#ifndef AT_RECURSIVE
#define AT_RECURSIVE 0x8000
#endif
#ifndef AT_EMPTY_PATH
#define AT_EMPTY_PATH 0x1000
#endif

int mount_clone(int dir, const char *name)
{
	return (int)syscall(SYS_open_tree, dir, name, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
}

static long set_text(int context, const char *key, const char *value)
{
	return syscall(SYS_fsconfig, context, FSCONFIG_SET_STRING, key, value, 0);
}

static long set_number(int context, const char *key, const char *format, uint64_t value)
{
	char text[32];

	(void)snprintf(text, sizeof(text), format[0] == 'o' ? "%" PRIo64 : "%" PRIu64, value);
	return set_text(context, key, text);
}

static int make(int context)
{
	if (syscall(SYS_fsconfig, context, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
		return -1;
	return (int)syscall(SYS_fsmount, context, FSMOUNT_CLOEXEC, MOUNT_ATTR_NODEV);
}

int mount_new_tmpfs(const struct mount_owner *owner)
{
	_cleanup_fd_ int context = (int)syscall(SYS_fsopen, "tmpfs", FSOPEN_CLOEXEC);

	if (context < 0 || set_number(context, "mode", "o", owner->mode) < 0 ||
	    (owner->uid && set_number(context, "uid", "d", owner->uid) < 0) ||
	    (owner->gid && set_number(context, "gid", "d", owner->gid) < 0) ||
	    (owner->size_bytes && set_number(context, "size", "d", owner->size_bytes) < 0))
		return -1;
	return make(context);
}

int mount_new_sysfs(void)
{
	_cleanup_fd_ int context = (int)syscall(SYS_fsopen, "sysfs", FSOPEN_CLOEXEC);

	return context < 0 ? -1 : make(context);
}

int mount_sysfs_writable(int tree, bool writable)
{
	_cleanup_fd_ int context =
	    (int)syscall(SYS_fspick, tree, "", FSPICK_CLOEXEC | FSPICK_EMPTY_PATH);

	if (context < 0 ||
	    syscall(SYS_fsconfig, context, FSCONFIG_SET_FLAG, writable ? "rw" : "ro", NULL, 0) < 0)
		return -1;
	return (int)syscall(SYS_fsconfig, context, FSCONFIG_CMD_RECONFIGURE, NULL, NULL, 0);
}

int mount_new_disk(const char *file_system, const char *device, bool read_only)
{
	_cleanup_fd_ int context = (int)syscall(SYS_fsopen, file_system, FSOPEN_CLOEXEC);

	if (context < 0 || set_text(context, "source", device) < 0 ||
	    (read_only && syscall(SYS_fsconfig, context, FSCONFIG_SET_FLAG, "ro", NULL, 0) < 0))
		return -1;
	return make(context);
}

int mount_attach(int tree, int target)
{
	return (int)syscall(SYS_move_mount, tree, "", target, "",
			    MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH);
}

int mount_without_devices(const char *path)
{
	struct mount_attr attributes = { .attr_set = MOUNT_ATTR_NODEV };

	return (int)syscall(SYS_mount_setattr, AT_FDCWD, path, 0, &attributes, sizeof(attributes));
}

int mount_read_only(int dir, const char *path, bool recursive)
{
	struct mount_attr attributes = { .attr_set = MOUNT_ATTR_RDONLY };
	unsigned flags = (*path ? 0 : AT_EMPTY_PATH) | (recursive ? AT_RECURSIVE : 0);

	return (int)syscall(SYS_mount_setattr, dir, path, flags, &attributes, sizeof(attributes));
}

int mount_forbid(int tree, const struct mount_flags *flags)
{
	struct mount_attr attributes = {
		.attr_set = (flags->read_only ? MOUNT_ATTR_RDONLY : 0) |
			    (flags->nodev ? MOUNT_ATTR_NODEV : 0) |
			    (flags->nosuid ? MOUNT_ATTR_NOSUID : 0) |
			    (flags->noexec ? MOUNT_ATTR_NOEXEC : 0),
	};

	if (!attributes.attr_set)
		return 0;
	return (int)syscall(SYS_mount_setattr, tree, "", AT_EMPTY_PATH, &attributes,
			    sizeof(attributes));
}

uint64_t mount_of_root(int fd)
{
	struct statx stx = { 0 };

	if (syscall(SYS_statx, fd, "", AT_EMPTY_PATH, STATX_MNT_ID, &stx) < 0 ||
	    !(stx.stx_mask & STATX_MNT_ID) || !(stx.stx_attributes & STATX_ATTR_MOUNT_ROOT))
		return 0;
	return stx.stx_mnt_id;
}
