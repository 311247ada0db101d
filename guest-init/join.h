/*
 * From a process that guest-init has just made to one in a running app's namespaces.
 */
#ifndef NACELLE_GUEST_INIT_JOIN_H
#define NACELLE_GUEST_INIT_JOIN_H

#include "guest-init/child.h"
#include "vmm/base/error.h"

/*
 * Joins all namespaces of the app that child->home is a process of, but for that of processes,
 * which it is in already; "/" is then the app's root. -1 with err filled.
 */
int join_app(struct child *child, struct error *err);

/*
 * Closes what PID 1 has and the process does not need: all but its standard streams, which may get
 * other numbers, report, status and home. -1 with errno set.
 */
int join_close_others(struct child *child);

#endif
