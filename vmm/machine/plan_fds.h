/*
 * The descriptors of a plan, in the process of the machine.
 */
#ifndef NACELLE_MACHINE_PLAN_FDS_H
#define NACELLE_MACHINE_PLAN_FDS_H

#include "vmm/base/error.h"
#include "vmm/machine/plan.h"

/* Of all that the supervisor had open, what the plan names is left, and 0 to 2. */
int plan_fds_close_others(const struct plan *plan, struct error *err);

/* What was needed to build the VM is not needed to run it; nor are stdin, stdout and stderr. */
void plan_fds_close_built(const struct plan *plan);

#endif
