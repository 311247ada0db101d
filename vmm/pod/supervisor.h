/*
 * The supervisor: starts the roles of a pod, passes signals and window sizes in, waits, and says
 * with which status the pod ended. It reads records of one fixed size from the machine, and nothing
 * that the guest wrote.
 */
#ifndef NACELLE_POD_SUPERVISOR_H
#define NACELLE_POD_SUPERVISOR_H

#include "vmm/pod/assemble.h"
#include "vmm/pod/launch.h"
#include "vmm/pod/run.h"

/*
 * Blocks the signals that the supervisor takes by descriptor, so that none that comes from now on
 * is lost or ends this process in the middle of something.
 */
void supervisor_block_signals(void);

/* The number of a signal that wants this process to end and came while blocked, or 0. */
int supervisor_pending_end(void);

/* Runs the pod to its end. Returns the exit status as run_pod() does; failures are reported. */
int supervisor_run(struct launch *launch, struct assembly *assembly,
		   const struct run_options *options, struct timeline *timeline);

#endif
