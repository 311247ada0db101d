/*
 * What a container engine finds of a pod on the host, where it would find a container: the mount
 * namespace of its process, its cgroup, and the file that says that memory ran out. All of it is
 * for others' eyes; the pod itself needs none.
 */
#ifndef NACELLE_POD_HOST_VIEW_H
#define NACELLE_POD_HOST_VIEW_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>

#include "vmm/base/error.h"

#define HOST_VIEW_OOM_NAME "oom" /* conmon's name for it, in the engine's directory */

struct app_options;

/*
 * Goes into a mount namespace whose root is the app's root directory, with the app's mounts from
 * the host in it, as far as there are places for them: engines look for files there by
 * /proc/PID/ns/mnt, as `podman cp` does. A mount that cannot be shown is warned of and left out.
 * Without root's rights a user who may not do this stays where it is. sources: host_view_open()'s,
 * in the same mount namespace; they are closed. Returns 0, or -1 with err filled; then the process
 * must end: an engine would find the host's files in its namespace.
 */
int host_view_enter(const struct app_options *app, int *sources, struct error *err);

/* The same mounts below the host's root, which stays the root. */
int host_view_mount(const struct app_options *app, int *sources, struct error *err);

/*
 * The sources of the app's mounts, opened before an app runs that could put links in their way: an
 * array that the caller frees, with -1 for what cannot be opened. NULL with err filled.
 */
int *host_view_open(const struct app_options *app, struct error *err);

/*
 * Makes, in a root that the guest may only read, the places of mounts that are missing, as other
 * runtimes do. What cannot be made is left to the guest, which says so.
 */
void host_places_make(const struct app_options *app);

/* A place in a root, whatever links there say: an O_PATH descriptor, or -1 with errno set. */
int host_place_find(int root, const char *path);

/* Makes the file in the directory, which engines take for what became of the container. */
void host_view_note_oom(int engine_fd);

/*
 * Cgroup v2. The path is a bundle's linux.cgroupsPath: one below the hierarchy, or
 * SLICE:PREFIX:NAME, which becomes the path that systemd would choose. On a host without cgroup v2
 * at its usual place all of these do nothing.
 *
 * Moves this process there, into one that is made if need be. Returns 0; -1 with err filled, or 1
 * with err filled if this user may not, who can go on without.
 */
int host_cgroup_join(const char *path, bool make, struct error *err);

/*
 * The same as that of a container's process, who may not is warned; path NULL: none. To be called
 * once devices are open, since engines make cgroups that allow none, and before there is memory
 * that counts. Returns 0 or -1.
 */
int host_cgroup_enter(const char *path, struct error *err);

/* The path below the hierarchy, without a slash in front. False: it is none, or leads elsewhere. */
bool host_cgroup_path(const char *given, char out[PATH_MAX]);

/* Lets the machine have its memory and what its processes need for it. */
int host_cgroup_limit(const char *path, uint64_t machine_bytes, struct error *err);

/* The other way round: the machine that fits into a cgroup with that limit. */
uint64_t host_cgroup_machine(uint64_t limit_bytes);

/* Its directory, or -1. */
int host_cgroup_open(const char *path);

/*
 * Lets the host's kernel count a kill for lack of memory in the cgroup of that directory, whose
 * only process is this one; otherwise, or where the host has no limit of memory or would kill all
 * (memory.oom.group), does nothing.
 */
void host_cgroup_note_oom(int cgroup);

/*
 * Removes it, once the last of its processes is gone, which is awaited for ten seconds. One in
 * which others have made cgroups stays.
 */
void host_cgroup_remove(const char *path);

/* One try of that. Returns false if there are processes in it still. */
bool host_cgroup_try_remove(const char *path);

/* How often, and how long after each other, that is tried. */
enum { HOST_CGROUP_TURNS = 1000, HOST_CGROUP_TURN_MS = 10 };

#endif
