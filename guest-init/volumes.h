/*
 * Volumes: the shares and the pod's empty volumes in PID 1, and an app's mounts in its root.
 */
#ifndef NACELLE_GUEST_INIT_VOLUMES_H
#define NACELLE_GUEST_INIT_VOLUMES_H

#include "guest-init/record.h"
#include "vmm/base/error.h"

/* In PID 1's root, made when there is something to put there. */
#define DIR_SHARES  "/shares" /* the 9p device whose shares change */
#define DIR_CACHED  "/cached" /* the one whose shares may be cached hard */
#define DIR_VOLUMES "/volumes"

/* In PID 1, before any app: mounts what the apps of the record use of these. */
int volumes_system(const struct record *record, struct error *err);

/* In PID 1, for a container that comes later: mounts the first of these, if it is not. */
int volumes_shares(struct error *err);

/* The directory that a root which is a share lies in. */
const char *volumes_root_directory(const struct record_root *root);

/*
 * In an app's mount namespace, before it enters its root: detached mounts, one for each of the
 * record's, in their order. They are the caller's, to be closed by volumes_close(). NULL with err
 * filled.
 */
int *volumes_open(const struct record_app *app, struct error *err);
void volumes_close(int *trees, size_t count); /* NULL is fine */

/* Inside the root: attaches them. */
int volumes_attach(const struct record_app *app, const int *trees, struct error *err);

#endif
