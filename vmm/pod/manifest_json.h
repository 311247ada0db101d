/*
 * What runs, as an appc pod manifest: images, options and manifest merged. The file "pod" of a
 * pod's directory; `nacelle cat-manifest` prints it, and `nacelle run --pod` reads it.
 */
#ifndef NACELLE_POD_MANIFEST_JSON_H
#define NACELLE_POD_MANIFEST_JSON_H

#include <stdio.h>

#include "images/pod_manifest.h"
#include "vmm/base/error.h"
#include "vmm/pod/assemble.h"
#include "vmm/pod/image.h"
#include "vmm/pod/run.h"

#define POD_MANIFEST_NAME "pod"

struct manifest_json {
	const struct assembly *assembly;
	const struct run_options *options;
	const struct pod_manifest *manifest; /* or NULL */
	const struct pod_images *images;
};

/* Writes the text. What appc has no member for is in annotations (nacelle-pod(5)). */
void manifest_json_print(const struct manifest_json *what, FILE *out);

/* Writes the file into a pod's directory, not yet durable. */
int manifest_json_write(const struct manifest_json *what, int dir_fd, struct error *err);

#endif
