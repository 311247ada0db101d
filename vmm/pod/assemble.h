/*
 * Options and image configuration in, one struct pod out. Nothing here touches the guest; of the
 * host it opens the volumes' sources.
 */
#ifndef NACELLE_POD_ASSEMBLE_H
#define NACELLE_POD_ASSEMBLE_H

#include <stdbool.h>
#include <stdint.h>

#include "vmm/base/error.h"
#include "vmm/machine/plan.h"
#include "vmm/pod/image.h"
#include "vmm/pod/networks.h"
#include "vmm/pod/pod.h"
#include "vmm/pod/run.h"
#include "vmm/pod/volume_options.h"
#include "vmm/pod/volume_set.h"

enum {
	ASSEMBLY_HOSTNAME_MAX = 64,
	ASSEMBLY_STRINGS_MAX = 4096, /* allocations that one pod may need */
};

/* A pod and everything that it points to. */
struct assembly {
	struct pod pod;
	struct pod_app app;
	struct pod_mount mounts[RECORD_MOUNTS_MAX];
	struct volume_set volumes;
	struct volume_options volume_options;
	struct networks networks;
	uint64_t memory_bytes; /* rounded up to 2 MiB */
	char hostname[ASSEMBLY_HOSTNAME_MAX + 1];
	void *strings[ASSEMBLY_STRINGS_MAX];
	unsigned string_count;
};

/*
 * Settles what runs. The image's descriptors stay the image's, apart from a directory, of which the
 * assembly holds a duplicate. On failure nothing is left open; err names the option at fault.
 */
int assemble(struct assembly *assembly, const struct run_options *options,
	     const struct pod_image *image, struct error *err);
void assembly_free(struct assembly *assembly);

#endif
