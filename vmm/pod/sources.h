/*
 * What makes a pod: options, a manifest, images. It lives as long as the process.
 */
#ifndef NACELLE_POD_SOURCES_H
#define NACELLE_POD_SOURCES_H

#include "vmm/base/error.h"
#include "vmm/pod/assemble.h"
#include "vmm/pod/image.h"
#include "vmm/pod/keep.h"
#include "vmm/pod/manifest.h"
#include "vmm/pod/run.h"

struct sources {
	struct run_options options; /* settled: an app each */
	struct pod_manifest manifest;
	struct pod_images images;
	struct keep keep;
};

/* Reads the manifest if there is one, and opens the images. */
int sources_read(struct sources *sources, const struct run_options *options, struct error *err);

/* Settles what runs. */
int sources_assemble(const struct sources *sources, struct assembly *assembly, struct error *err);

#endif
