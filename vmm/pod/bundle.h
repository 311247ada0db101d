/*
 * OCI bundles: read by nacelle-image, whose flat fields are checked here, and turned into the
 * options that a command line would give.
 */
#ifndef NACELLE_POD_BUNDLE_H
#define NACELLE_POD_BUNDLE_H

#include "images/oci_bundle.h"
#include "vmm/base/error.h"
#include "vmm/pod/keep.h"
#include "vmm/pod/run.h"

/*
 * Reads a bundle's config.json (config NULL: the file of that name in the directory). The paths of
 * the root and of binds are made absolute, OCI_BUNDLE_PATH is the directory's and OCI_CONFIG_PATH
 * that of the file which was read, as it was given. Returns 0 with *bundle to be released by
 * oci_bundle_free(), or -1 with err filled.
 */
int bundle_load(struct oci_bundle *bundle, const char *directory, const char *config,
		struct error *err);

/* The file of a process alone, as it is written there. Returns as bundle_load() does. */
int bundle_load_process(struct oci_bundle *process, const char *path, struct error *err);

/*
 * Other limits of a container, as engines write them ("linux.resources" alone), from a descriptor
 * of any kind. What is given and cannot be had is in the OCI_WARNINGS. Returns as bundle_load().
 */
int bundle_load_resources(struct oci_bundle *resources, int fd, struct error *err);

/* What they come to. */
struct limits;
void bundle_settle_limits(const struct oci_bundle *resources, struct limits *limits);

/*
 * The options of its pod, whose name is the container's. app is the one app. What is made is kept,
 * and the bundle must live as long.
 */
int bundle_settle(const struct oci_bundle *bundle, struct run_options *options,
		  struct app_options *app, struct keep *keep, struct error *err);

/* What a pod's directory says of its bundle. Returns 0, or -1: it is none of a bundle. */
struct pod_directory;
int bundle_of_pod(const struct pod_directory *pod, struct oci_bundle *bundle, struct error *err);

#endif
