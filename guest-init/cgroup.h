/*
 * The apps' control groups (Linux, Documentation/admin-guide/cgroup-v2.rst): one child of `base`,
 * where a cgroup2 is mounted, for each app. Controllers cost time and memory; only those are
 * enabled that some app's limits need.
 */
#ifndef NACELLE_GUEST_INIT_CGROUP_H
#define NACELLE_GUEST_INIT_CGROUP_H

#include <stdbool.h>
#include <stdint.h>

#include "guest-init/record.h"
#include "vmm/base/error.h"

/* Once, before any app's group is made. */
int cgroup_enable(const char *base, const struct record *record, struct error *err);

/* The same for one app that comes later. */
int cgroup_enable_app(const char *base, const struct record_app *app, struct error *err);

/* Makes the app's group, or takes the one that is there, and sets its limits. */
int cgroup_make(const char *base, uint32_t app, const struct record_app *config, struct error *err);

/*
 * Changes the limits of a group that is there, as a record's "limits" says; all of them, or, with
 * err filled, none. Memory that was in use before any app had a limit of it is not counted. The
 * kernel makes room for a limit below what is in use before it returns: this may take long.
 */
int cgroup_change(const char *base, uint32_t app, const struct record_app *limits,
		  struct error *err);

/* The same limits for the app's later runs. */
void cgroup_note_change(struct record_app *config, const struct record_app *limits);

/*
 * Stops the processes of a group, which takes a while, or lets them go on. cgroup_watch() returns a
 * descriptor that has POLLPRI when it may have come to that, which cgroup_is_frozen() looks up.
 */
int cgroup_freeze(const char *base, uint32_t app, bool freeze, struct error *err);
int cgroup_watch(const char *base, uint32_t app, struct error *err);
bool cgroup_is_frozen(int watch_fd);

/* Removes the group of an app that has gone, with those that it has made below, up to thousands. */
void cgroup_remove(const char *base, uint32_t app);

/* An O_PATH descriptor of the app's group, for CLONE_INTO_CGROUP. */
int cgroup_open(const char *base, uint32_t app, struct error *err);

/*
 * How many processes of the app the OOM killer has ended so far: in its group if memory is
 * counted there, else (its memory is then without a limit) in the whole guest, by the file
 * `vmstat`; *of_guest says which.
 */
uint64_t cgroup_oom_kills(const char *base, uint32_t app, const char *vmstat, bool *of_guest);

/*
 * Whether there are kills beyond those that have been seen: *seen of the app's group, or, where
 * they are counted in the whole guest, those that any app has asked about.
 */
bool cgroup_take_oom_kill(const char *base, uint32_t app, const char *vmstat, uint64_t *seen);

#endif
