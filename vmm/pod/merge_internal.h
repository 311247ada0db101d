/*
 * What the files of the merge share: merge.c (the pod), merge_app.c (an app's process),
 * merge_limits.c (what confines it), merge_volumes.c (what is mounted in it).
 */
#ifndef NACELLE_POD_MERGE_INTERNAL_H
#define NACELLE_POD_MERGE_INTERNAL_H

#include "vmm/pod/merge.h"

/* An app's defaults, of its image or of the manifest. Lists are never NULL; strings may be "". */
struct merge_base {
	const char *const *entrypoint;
	const char *const *cmd;
	const char *const *env;
	const char *const *volumes; /* paths without a name */
	const char *user;
	const char *workdir;
	int stop_signal;
	bool is_appc;			 /* it was written for an appc executor */
	const struct image_config *rest; /* mount points, ports, isolators, handlers */
};

/* One app on its way. */
struct merge_app {
	struct assembly *assembly;
	const struct run_options *options;
	const struct app_options *own;
	const struct manifest_app *manifest; /* or NULL */
	const struct pod_image *image;
	struct merge_base base;
	struct pod_app *out;
	const char **seccomp; /* the profile's place */
};

int merge_process(struct merge_app *app, struct error *err);
int merge_limits(struct merge_app *app, struct error *err);
int merge_mounts(struct merge_app *app, struct error *err);

/* The manifest's ports, as --publish would say them. */
int merge_ports(struct assembly *assembly, const struct merge_input *input, struct error *err);

/* The volumes of a manifest, before merge_mounts(). */
int merge_volumes(struct assembly *assembly, const struct pod_manifest *manifest,
		  struct error *err);

#endif
