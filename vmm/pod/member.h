/*
 * A container in the virtual machine of another pod, its sandbox, as the host sees it: a process
 * that ends with the container's status, passes signals on and takes it along when it is killed,
 * and a directory like a pod's. The process serves that directory's control socket by passing what
 * is asked on to the sandbox's supervisor, so whatever finds a pod and speaks to it works here too.
 */
#ifndef NACELLE_POD_MEMBER_H
#define NACELLE_POD_MEMBER_H

#include <stdbool.h>

#include "vmm/base/error.h"
#include "vmm/pod/detach.h"
#include "vmm/pod/directory.h"
#include "vmm/pod/run.h"
#include "vmm/pod/sandbox.h"

/* In a member's directory: the UUID of its sandbox, and a newline. */
#define POD_SANDBOX_NAME "sandbox"

/*
 * In the child of detach_fork(), where it shall live: makes the container, which then waits for its
 * start, and serves to its end. run is as for a pod of its own, with one app that has a root
 * directory; the sandbox is below run->store_root. Returns the exit status, or -1 with err filled;
 * one that could not be made leaves nothing.
 */
int member_run(const struct run_options *run, const struct sandbox *sandbox, struct detach *detach,
	       struct error *err);

/* Whether a pod's directory is that of a member; then *uuid is its sandbox's. */
bool member_find_sandbox(const struct pod_directory *pod, char uuid[UUID_TEXT_SIZE]);

#endif
