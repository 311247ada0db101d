/*
 * The mount calls that work on descriptors (open_tree, fsopen, move_mount, mount_setattr), for
 * which the C libraries disagree about headers.
 */
#ifndef NACELLE_GUEST_INIT_MOUNT_API_H
#define NACELLE_GUEST_INIT_MOUNT_API_H

#include <stdbool.h>

/* A detached copy of the mount at `name`, relative to dir, which may be a file. -1 with errno. */
int mount_clone(int dir, const char *name);

/* A detached new tmpfs, mode 1777, nosuid, nodev. -1 with errno. */
int mount_new_tmpfs(void);

/* Attaches a detached mount on what the O_PATH descriptor target stands for. -1 with errno. */
int mount_attach(int tree, int target);

/* Makes the mount at path ("" for the one that dir is) read-only. -1 with errno. */
int mount_read_only(int dir, const char *path, bool recursive);

#endif
