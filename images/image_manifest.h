/*
 * An image manifest (appc spec 0.8.11, aci.md) as its author wrote it, and its annotations: what an
 * app may ask about its image. A confined process reads it.
 */
#ifndef NACELLE_IMAGES_IMAGE_MANIFEST_H
#define NACELLE_IMAGES_IMAGE_MANIFEST_H

#include <stddef.h>

#include "images/layout.h"
#include "images/record.h"
#include "images/string_list.h"
#include "vmm/base/error.h"

struct image_manifest {
	char *text; /* valid JSON */
	size_t len;
	struct string_list annotations; /* name, value, name, value, ... */
};

/*
 * Of a file that holds a manifest. Returns 0 with *out to be released by image_manifest_free(), or
 * -1 with err filled.
 */
int image_manifest_read(struct image_manifest *out, int fd, struct error *err);

/* The same out of an App Container Image of the store, up to its manifest. */
int image_manifest_find(struct image_manifest *out, const struct store *store,
			const struct image_record *record, struct error *err);
void image_manifest_free(struct image_manifest *manifest);

#endif
