/*
 * The mount calls that work on descriptors (open_tree, fsopen, move_mount, mount_setattr), for
 * which the C libraries disagree about headers.
 */
#ifndef NACELLE_GUEST_INIT_MOUNT_API_H
#define NACELLE_GUEST_INIT_MOUNT_API_H

#include <stdbool.h>
#include <stdint.h>

struct mount_owner {
	uint32_t mode, uid, gid; /* of the root directory */
	uint64_t size_bytes;	 /* 0: half of the memory */
};

/* What a mount forbids. */
struct mount_flags {
	bool read_only, nodev, nosuid, noexec;
};

/* A detached copy of the mount at `name`, relative to dir, which may be a file. -1 with errno. */
int mount_clone(int dir, const char *name);

/* A detached new tmpfs. -1 with errno. */
int mount_new_tmpfs(const struct mount_owner *owner);

/*
 * A detached mount of sysfs, which goes with its last descriptor; and whether any mount of it can
 * be written to. One that an app has stays read-only by itself. -1 with errno.
 */
int mount_new_sysfs(void);
int mount_sysfs_writable(int tree, bool writable);

/* A detached mount of what is on a block device. -1 with errno; ENODEV: no such file system. */
int mount_new_disk(const char *file_system, const char *device, bool read_only);

/* Attaches a detached mount on what the O_PATH descriptor target stands for. -1 with errno. */
int mount_attach(int tree, int target);

/* Makes the mount at path ("" for the one that dir is) read-only. -1 with errno. */
int mount_read_only(int dir, const char *path, bool recursive);

/* Sets what the mount that the descriptor is the root of forbids. -1 with errno. */
int mount_forbid(int tree, const struct mount_flags *flags);

/* The number of the mount that the descriptor is the root of; 0 if it is the root of none. */
uint64_t mount_of_root(int fd);

/* Makes the device nodes on the mount at path useless. -1 with errno. */
int mount_without_devices(const char *path);

#endif
