/*
 * The parts of the reader of config.json.
 */
#ifndef NACELLE_IMAGES_OCI_BUNDLE_INTERNAL_H
#define NACELLE_IMAGES_OCI_BUNDLE_INTERNAL_H

#include "images/appc_reader.h"
#include "images/oci_bundle.h"

/* "mounts". Each returns 0, or -1 with err naming the place. */
int oci_mounts_read(const struct appc_node *top, struct oci_bundle *bundle, struct error *err);

/* "hooks". */
int oci_hooks_read(const struct appc_node *top, struct oci_bundle *bundle, struct error *err);

/* "linux" and "vm". */
int oci_linux_read(const struct appc_node *top, struct oci_bundle *bundle, struct error *err);
int oci_vm_read(const struct appc_node *top, struct oci_bundle *bundle, struct error *err);

/* What of "linux.resources" may be changed; top is what lies there. In oci_resources.c. */
int oci_resources_read_node(const struct appc_node *top, struct oci_bundle *bundle,
			    struct error *err);

/* Refuses and warns as oci_fields says of those whose path begins so; top is what lies there. */
int oci_fields_check(const struct appc_node *top, const char *prefix, struct oci_bundle *bundle,
		     struct error *err);

/* Whether it is one of the device nodes that every container has. */
bool oci_is_default_device(const char *path);

/* A copy of the text. Returns 0 or -1. */
int oci_take(const char *text, char **out, struct error *err);

int oci_warn(struct oci_bundle *bundle, struct error *err, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/*
 * A whole number that may be negative: 1, 0 if there is none, -1. With max INT64_MAX whatever is
 * above it counts as it: no limit that anybody reaches.
 */
int oci_int(const struct appc_node *object, const char *key, int64_t min, int64_t max, int64_t *out,
	    struct error *err);

#endif
