/*
 * Image defaults, manifest and options in, one pod out. Nothing here makes a system call: who calls
 * it opens what the result names.
 *
 * Precedence, from low to high: the image's app section or configuration; a manifest's app section,
 * which replaces it as a whole; annotations of the manifest's app; options.
 * Environment: image or manifest, files of --env-file, --env, each before the first image and then
 * behind the app's own.
 */
#ifndef NACELLE_POD_MERGE_H
#define NACELLE_POD_MERGE_H

#include "images/pod_manifest.h"
#include "vmm/base/error.h"
#include "vmm/pod/assemble.h"
#include "vmm/pod/image.h"
#include "vmm/pod/run.h"
#include "vmm/pod/size.h"

struct merge_input {
	const struct pod_manifest *manifest; /* NULL: the command line has the apps */
	const struct pod_images *images;
	const struct run_options *options; /* by manifest_settle_options() */
	struct size_host host;
};

/*
 * Fills the assembly's pod, sizes, apps, volumes and system call profiles; its host name, networks
 * and all descriptors are others'. On failure what was filled is still to be released.
 */
int pod_merge(struct assembly *assembly, const struct merge_input *input, struct error *err);

#endif
