/*
 * Hooks of OCI bundles (runtime specification, config.md "POSIX-platform Hooks"): programs of the
 * host's that are told of a container's life, with its state on stdin. Those of the kind
 * OCI_START_CONTAINER run in the guest, and are in the pod's record.
 */
#ifndef NACELLE_POD_HOOKS_H
#define NACELLE_POD_HOOKS_H

#include <sys/types.h>

#include "images/oci_bundle.h"
#include "vmm/base/error.h"
#include "vmm/base/json_writer.h"

#define HOOKS_SPEC_VERSION "1.0.2" /* of the state */

struct app_options;

/* What hooks are told of. */
struct hooks_container {
	const struct oci_bundle *bundle;
	const char *id;
	pid_t pid;		       /* 0: it has none any more */
	const struct app_options *app; /* what createContainer finds mounted; others: NULL */
};

/* Hears of a hook that has failed where that changes nothing. */
typedef void hooks_warn_fn(const char *text);

/*
 * Runs those of one kind, one after the other: in a session of their own with no descriptor of the
 * caller's, in its namespaces; those of OCI_CREATE_CONTAINER in the container's network namespace,
 * and where the caller may, in a mount namespace with the container's mounts, below the host's
 * root. What outlives its timeout is killed, with its process group, and the group of one that
 * fails. With warn, failures are told to it, and all run; else the first failure is the result.
 * Returns 0, or -1 with err filled: the hook, how it ended, and the end of what it said.
 *
 * The caller has one thread, and children of its own are not awaited here.
 */
int hooks_run(enum oci_hook_kind kind, const struct hooks_container *container, hooks_warn_fn *warn,
	      struct error *err);

/* The members of the state that hooks get and `state` prints, for an object that is open. */
void hooks_put_state(struct json_writer *json, const struct oci_bundle *bundle, const char *id,
		     pid_t pid, const char *status);

/* The same as a text, as hooks of the kind get it. To be freed by the caller; NULL: no memory. */
char *hooks_state(enum oci_hook_kind kind, const struct hooks_container *container);

#endif
