/*
 * What a pod's metadata service tells, out of manifests: for nacelle-image, since they are JSON.
 */
#ifndef NACELLE_POD_METADATA_MAKE_H
#define NACELLE_POD_METADATA_MAKE_H

#include <stdio.h>

#include "vmm/base/error.h"

/* Where the image manifests are. */
struct metadata_places {
	const char *root;      /* of the store; NULL: the caller's */
	const char *app_roots; /* DIR/APP/manifest instead, or NULL */
};

/*
 * Writes entries (guest-init/protocol.h, METADATA_PATH) to out: those of the pod manifest that a
 * file holds, and of its apps and their images. Returns 0, or -1 with err filled.
 */
int metadata_make(const struct metadata_places *places, int manifest_fd, FILE *out,
		  struct error *err);

#endif
