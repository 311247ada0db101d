/*
 * From a pod manifest's JSON to flat fields, by way of a confined process.
 */
#ifndef NACELLE_IMAGES_POD_MANIFEST_CONVERT_H
#define NACELLE_IMAGES_POD_MANIFEST_CONVERT_H

#include <stddef.h>

#include "vmm/base/error.h"

/*
 * Reads all of a descriptor, at most IMAGE_DOCUMENT_MAX bytes. Returns 0 with *data the caller's,
 * as pod_manifest_decode() takes it, or -1 with err naming the place in the manifest.
 */
int pod_manifest_convert(int fd, void **data, size_t *len, struct error *err);

/* The same of an image manifest, by pod_manifest_read_image(). */
int pod_manifest_convert_image(int fd, void **data, size_t *len, struct error *err);

#endif
