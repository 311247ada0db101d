/*
 * Pods that are made in one step and started in another: the supervisor is a child in a session of
 * its own, with the caller's standard streams or a terminal, and the caller goes on when the pod
 * waits for its start.
 */
#ifndef NACELLE_POD_CREATE_H
#define NACELLE_POD_CREATE_H

#include <sys/types.h>

#include "vmm/base/error.h"
#include "vmm/pod/orphan.h"
#include "vmm/pod/run.h"

struct sandbox;
struct create_options {
	const struct run_options *run;
	const struct sandbox *sandbox; /* whose machine it shares; NULL: one of its own */
	struct orphan_options orphan;
};

/*
 * Makes the pod. Returns 0 with *pid that of the supervisor: it ends with the pod's status, and
 * passes the signals on that it gets. Or -1 with err filled, in runc's words where the
 * program cannot be executed or is not there; then nothing is left.
 */
int pod_create(const struct create_options *options, pid_t *pid, struct error *err);

/* Starts a pod that was made so. Returns 0, or -1 with err filled. */
struct pod_directory;
int pod_start(const struct pod_directory *pod, struct error *err);

#endif
