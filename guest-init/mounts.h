/*
 * Mounts: those of PID 1, an app's root, and what OCI's runtime specification (config-linux.md,
 * "Default Filesystems" and "Devices") promises inside it.
 */
#ifndef NACELLE_GUEST_INIT_MOUNTS_H
#define NACELLE_GUEST_INIT_MOUNTS_H

#include "guest-init/record.h"
#include "vmm/base/error.h"

/* Directories of the initramfs, as guest-init/CMakeLists.txt makes them. */
#define DIR_CGROUP	 "/cgroup" /* cgroup2, one child for each app */
#define DIR_SHM		 "/shm"	   /* the pod's /dev/shm */
#define DIR_DISK	 "/disk"   /* the disk that keeps upper layers; made when there is one */
#define DIR_DISK_APPS	 DIR_DISK "/apps"    /* a directory for each app */
#define DIR_DISK_VOLUMES DIR_DISK "/volumes" /* and for each volume there */
#define DIR_LOWER	 "/lower"	     /* these three: in an app's own mount namespace */
#define DIR_UPPER	 "/upper"
#define DIR_ROOT	 "/root"

/* In PID 1: devices, cgroup2, shm, and what volumes.h says. */
int mounts_system(const struct record *record, struct error *err);

/* In an app's new mount namespace: makes its root and moves into it. Mounts of the record too. */
int mounts_enter_root(const struct record_app *app, struct error *err);

/*
 * In a later process of an app: enters the mount namespace that the first has made, with a /proc of
 * the new process's own PID namespace.
 */
int mounts_return(int mounts, const struct record_app *app, struct error *err);

/* In PID 1, when all apps have gone: the disk is left clean if nothing holds it any more. */
void mounts_finish(void);

/* Inside the root: masked and read-only paths, and the root itself if the record says so. */
int mounts_restrict(const struct record_app *app, struct error *err);

#endif
