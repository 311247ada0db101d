/*
 * nacelle export: what an app of a pod that has ended has made of its root, as a tar archive.
 *
 * The pod's disk was written by its guest. The host does not look into it: a machine that has
 * nothing but this disk (and the image) mounts it and streams the archive, whose bytes go to the
 * output as they are.
 */
#ifndef NACELLE_POD_EXPORT_H
#define NACELLE_POD_EXPORT_H

#include <stdint.h>

#include "vmm/base/error.h"
#include "vmm/pod/directory.h"

struct export_options {
	const char *root;
	const char *uuid_file;
	const char *app; /* NULL: the pod's only one */
	/* tar (NULL too): the whole root; oci-layer: what has changed; oci-image: over its image */
	const char *format;
	const char *output;	 /* file; NULL: standard output, which may not be a terminal */
	uint64_t boot_timeout_s; /* for the guest that makes it to report; 0: 30 */
};

/*
 * Exports from a pod. A file appears under its name only when it is
 * whole. Returns 0, or -1 with err filled; a signal that ends the process leaves no file.
 */
int export_pod(const struct export_options *options, const struct pod_directory *pod,
	       struct error *err);

#endif
