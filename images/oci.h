/*
 * The documents of an OCI image layout (image-spec 1.1): oci-layout, index.json, nested indexes,
 * manifest, configuration. They come from an image author and are parsed in a confined process.
 */
#ifndef NACELLE_IMAGES_OCI_H
#define NACELLE_IMAGES_OCI_H

#include <stddef.h>
#include <stdint.h>

#include "images/plan.h"
#include "vmm/base/error.h"

/*
 * Where blobs that are documents come from: fetch() returns the bytes, verified against digest and
 * size, in an allocation that the caller frees; or -1 with err filled.
 */
struct oci_source {
	int (*fetch)(void *context, const struct digest *digest, uint64_t size_bytes, char **data,
		     struct error *err);
	void *context;
};

struct oci_layout {
	const char *marker; /* the contents of the file oci-layout */
	size_t marker_len;
	const char *index; /* of index.json */
	size_t index_len;
	const char *tag; /* "" when the reference names none */
};

/* A manifest, or an index of manifests, by its descriptor. */
struct oci_document {
	const char *media_type;
	struct digest digest;
	uint64_t size_bytes;
};

/*
 * Resolves the tag to one manifest for Linux on x86-64 and reads it and its configuration. Returns
 * 0 with *plan filled (image_config_free(&plan->config) releases it), or -1 with err filled.
 */
int oci_resolve(const struct oci_layout *layout, const struct oci_source *source,
		struct image_plan *plan, struct error *err);

/* The same from a document, which an index leads on from by platform. */
int oci_resolve_document(const struct oci_document *document, const struct oci_source *source,
			 struct image_plan *plan, struct error *err);

#endif
