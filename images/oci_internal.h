/*
 * What the files of the OCI reader share: oci.c (the way to a plan), oci_index.c (choosing a
 * manifest), oci_descriptor.c (descriptors and media types), oci_config.c (the configuration).
 */
#ifndef NACELLE_IMAGES_OCI_INTERNAL_H
#define NACELLE_IMAGES_OCI_INTERNAL_H

#include "images/json.h"
#include "images/oci.h"

enum media_kind {
	MEDIA_OTHER = 0,
	MEDIA_INDEX,
	MEDIA_MANIFEST,
	MEDIA_CONFIG,
	MEDIA_LAYER_PLAIN,
	MEDIA_LAYER_GZIP,
	MEDIA_LAYER_ZSTD,
	MEDIA_LAYER_XZ,
};

struct oci_descriptor {
	const char *media_type; /* lives as long as the document */
	enum media_kind kind;
	struct digest digest;
	uint64_t size_bytes;
};

/* Reads the descriptor that a JSON object is (descriptor.md). Returns 0, or -1 with err filled. */
int oci_read_descriptor(const struct cJSON *json, struct oci_descriptor *out, struct error *err);

enum media_kind oci_media_kind(const char *media_type);

/*
 * Checks what every index and manifest says of itself: schemaVersion 2, no mediaType but one of
 * this kind, and none of the members of the other kind, so that no two readers can take one
 * document for different things.
 */
int oci_check_document(const struct cJSON *json, enum media_kind kind, struct error *err);

/* Fetches and parses a document; json_free() releases *out. */
int oci_fetch_document(const struct oci_source *source, const struct oci_descriptor *descriptor,
		       struct cJSON **out, struct error *err);

/* Chooses from an index, by tag and platform. */
int oci_choose(const struct cJSON *index, const char *tag, struct oci_descriptor *out,
	       struct error *err);

/* Follows a descriptor through indexes to the manifest that is meant. */
int oci_follow(struct oci_descriptor *descriptor, const struct oci_source *source,
	       struct error *err);

/*
 * Reads an image configuration (config.md) into plan->config, and the diff_id of each layer into
 * plan->layers, of which there must be as many.
 */
int oci_read_config(const struct cJSON *json, struct image_plan *plan, struct error *err);

#endif
