/*
 * Which pod a bundle's container belongs into: its sandbox, whose virtual machine it shares.
 *
 * Engines say it by annotations (containerd's CRI, CRI-O, podman's pods) or by nothing but the path
 * of a network namespace, which is that of a pod that runs. What they say is compared with the pods
 * below one root alone.
 */
#ifndef NACELLE_POD_SANDBOX_H
#define NACELLE_POD_SANDBOX_H

#include <stdbool.h>

#include "images/oci_bundle.h"
#include "vmm/base/error.h"
#include "vmm/pod/uuid.h"

struct sandbox {
	char uuid[UUID_TEXT_SIZE];
	bool has_own_ipc, has_own_uts; /* the container, beside its sandbox */
};

/*
 * Returns 1 with *out filled; 0 if the container gets a virtual machine of its own: it names no
 * sandbox, or one that was never made here, or has a network of its own; -1 with err filled: its
 * sandbox does not run, or it shall join a namespace that is not its sandbox's.
 */
int sandbox_find(const char *root, const struct oci_bundle *bundle, struct sandbox *out,
		 struct error *err);

#endif
