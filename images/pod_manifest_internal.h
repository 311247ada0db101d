/*
 * What the readers of pod manifests share: pod_manifest_read.c (the pod, its apps and ports) and
 * pod_manifest_volumes.c. All return 0, or -1 with err filled.
 */
#ifndef NACELLE_IMAGES_POD_MANIFEST_INTERNAL_H
#define NACELLE_IMAGES_POD_MANIFEST_INTERNAL_H

#include <stddef.h>

#include "images/appc_reader.h"
#include "images/pod_manifest.h"
#include "vmm/base/error.h"

int pod_manifest_take(const char *text, char **out, struct error *err);

/* Opens a list of at most max objects, and makes room for them, and one more. */
int pod_manifest_open_list(const struct appc_node *object, const char *key, size_t max, size_t size,
			   struct appc_node *list, void **room, struct error *err);

/* A member that is an AC Name. */
int pod_manifest_read_name(const struct appc_node *item, const char *key, char **out,
			   struct error *err);

int pod_manifest_read_volumes(const struct appc_node *json, struct pod_manifest *manifest,
			      struct error *err);

/* After the volumes, of which inline ones are more. */
int pod_manifest_read_mounts(const struct appc_node *json, struct pod_manifest *manifest,
			     struct manifest_app *app, struct error *err);

#endif
