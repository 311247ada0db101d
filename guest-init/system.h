/*
 * What the pod as a whole is given: names, network interfaces, CPUs.
 */
#ifndef NACELLE_GUEST_INIT_SYSTEM_H
#define NACELLE_GUEST_INIT_SYSTEM_H

#include "guest-init/record.h"
#include "vmm/base/error.h"

/* A /proc for PID 1, which seldom needs one. Nothing is done if it is there already. */
int system_proc(struct error *err);

/* Returns 0, or -1 with err filled. */
int system_prepare(const struct record *record, struct error *err);

/*
 * Ends what wakes an idle kernel more often than the clock does: the search for memory to compact
 * in advance, which is done on demand as well, and counters of each CPU's that are added up every
 * second; and has the memory that is free given back to the host. For a pod that stays; one that
 * ends soon does not pay for it.
 */
void system_calm(void);

#endif
