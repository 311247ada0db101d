/*
 * Options, manifest and images in, one struct pod out, with what it names opened on the host.
 * Nothing here touches the guest.
 */
#ifndef NACELLE_POD_ASSEMBLE_H
#define NACELLE_POD_ASSEMBLE_H

#include <stdbool.h>
#include <stdint.h>

#include "images/pod_manifest.h"
#include "vmm/base/error.h"
#include "vmm/machine/plan.h"
#include "vmm/pod/image.h"
#include "vmm/pod/keep.h"
#include "vmm/pod/metadata.h"
#include "vmm/pod/networks.h"
#include "vmm/pod/pod.h"
#include "vmm/pod/run.h"
#include "vmm/pod/volume_options.h"
#include "vmm/pod/volume_set.h"

enum { ASSEMBLY_HOSTNAME_MAX = 64, ASSEMBLY_WARNINGS_MAX = 16 };

/* A pod and everything that it points to. */
struct assembly {
	struct pod pod;
	struct pod_app *apps;		   /* the pod's, for those who complete them */
	const struct image_config **bases; /* of each app: what its isolators and ports are in */
	const char **seccomp;		   /* of each app: its profile, as --seccomp takes it */
	struct volume_set volumes;
	struct volume_options volume_options;
	struct networks networks;
	struct text_list publish; /* the options' and the manifest's */
	unsigned publish_max;
	uint64_t memory_bytes; /* rounded up to 2 MiB */
	char hostname[ASSEMBLY_HOSTNAME_MAX + 1];
	const char *warnings[ASSEMBLY_WARNINGS_MAX]; /* for the user */
	unsigned warning_count;
	struct metadata metadata; /* if pod.metadata; by metadata_gather() */
	struct keep keep;
};

/*
 * Settles what runs; options as manifest_settle_options() leaves them, manifest NULL without one.
 * The images' descriptors stay theirs, apart from directories, of which the assembly holds
 * duplicates. What the pod points to may be in options, manifest and images, which have to live as
 * long. On failure nothing is left open; err names the option at fault.
 */
int assemble(struct assembly *assembly, const struct run_options *options,
	     const struct pod_manifest *manifest, const struct pod_images *images,
	     struct error *err);
void assembly_free(struct assembly *assembly);

#endif
