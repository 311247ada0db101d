/*
 * A process that is added to a container of an OCI bundle.
 */
#ifndef NACELLE_POD_BUNDLE_EXEC_H
#define NACELLE_POD_BUNDLE_EXEC_H

#include "images/oci_bundle.h"
#include "vmm/base/error.h"
#include "vmm/pod/exec.h"
#include "vmm/pod/keep.h"
#include "vmm/pod/pod.h"

struct bundle_exec {
	const struct oci_bundle *container;
	const struct oci_bundle *process; /* as oci_process_read() has it; NULL: what follows */
	const char *cwd, *user;		  /* NULL: the container's */
	struct text_list env, gids, capabilities; /* beside the container's */
	bool no_new_privileges;
};

/*
 * The options of the command but for tty and detach; own is what they point to. What is made is
 * kept, and all that is given must live as long. Returns 0, or -1 with err filled.
 */
int bundle_settle_exec(const struct bundle_exec *given, struct exec_options *options,
		       struct pod_app *own, struct keep *keep, struct error *err);

#endif
