/*
 * What the pod as a whole is given: names, network interfaces, CPUs.
 */
#ifndef NACELLE_GUEST_INIT_SYSTEM_H
#define NACELLE_GUEST_INIT_SYSTEM_H

#include "guest-init/record.h"
#include "vmm/base/error.h"

/* Returns 0, or -1 with err filled. */
int system_prepare(const struct record *record, struct error *err);

#endif
