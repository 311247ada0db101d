/*
 * A bundle's config.json, read by a confined process.
 */
#ifndef NACELLE_IMAGES_OCI_BUNDLE_CONVERT_H
#define NACELLE_IMAGES_OCI_BUNDLE_CONVERT_H

#include <stddef.h>

#include "vmm/base/error.h"

/* From a file to the fields of oci_bundle_decode(), in a fresh allocation. Returns 0 or -1. */
int oci_bundle_convert(int fd, void **data, size_t *len, struct error *err);

/* The same of a process alone, for oci_process_decode(). */
int oci_process_convert(int fd, void **data, size_t *len, struct error *err);

/* The same of resources alone, for oci_resources_decode(). */
int oci_resources_convert(int fd, void **data, size_t *len, struct error *err);

#endif
