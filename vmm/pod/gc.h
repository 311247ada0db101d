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
 * not NULL, it goes nevertheless, and that says what was wrong.
 */
int pod_remove(struct pod_directory *pod, struct error *given_up, struct error *err);

#endif
