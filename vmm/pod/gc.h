/*
 * Removing pods: one by name, and all that have ended or were given up.
 */
#ifndef NACELLE_POD_GC_H
#define NACELLE_POD_GC_H

#include <stdbool.h>
#include <stdint.h>

#include "vmm/pod/directory.h"

struct gc_options {
	uint64_t grace_ns;	     /* how long after its end a pod is kept */
	uint64_t expire_prepared_ns; /* how long a prepared pod is kept that nobody runs */
	bool mark_only;		     /* notes which pods have ended, and removes none */
	/* Is told what happens to which pod; may be NULL. */
	void (*say)(const char *uuid, const char *what);
};

/*
 * What is left of a pod on the host beside its directory goes with it. Goes on after a pod that
 * cannot be removed, and then returns -1 with err filled. Other processes may do the same at the
 * same time.
 */
int pods_collect(int pods_fd, const struct gc_options *options, struct error *err);

/*
 * Removes a pod that does not run. One whose networks cannot be undone is an error; with given_up,
 * not NULL, it goes nevertheless, and that says what was wrong. host_cgroup, not NULL, goes first:
 * while the pod has its name, no other is made that may have the same cgroup.
 */
int pod_remove(struct pod_directory *pod, const char *host_cgroup, struct error *given_up,
	       struct error *err);

/*
 * Removes what is left of a pod whose making has failed, or whose supervisor was killed over it:
 * its directory, when its processes have gone, its cgroup on the host and its name, unless that is
 * another's by now. Waits for a minute at most.
 */
void pod_clear_up(int pods_fd, const char *uuid, const char *name, const char *host_cgroup);

#endif
