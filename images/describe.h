/*
 * What an image says of itself, for people: media types, labels, author. A confined process reads
 * the manifest and the configuration; a pod needs none of it.
 */
#ifndef NACELLE_IMAGES_DESCRIBE_H
#define NACELLE_IMAGES_DESCRIBE_H

#include <stddef.h>

#include "images/layout.h"
#include "images/record.h"
#include "images/string_list.h"
#include "vmm/base/error.h"

/* Strings are NULL where the image says nothing; their bytes are its author's. */
struct image_description {
	char *media_type; /* of the manifest; what OCI calls it if it does not say */
	char *config_media_type;
	char *created;
	char *author;
	char *architecture;
	char *os;
	struct string_list layer_media_types; /* one for each layer */
	struct string_list labels;	      /* key, value, key, value, ... */
	struct string_list annotations;	      /* of the manifest, likewise */
	struct string_list ports;	      /* "80/tcp" */
};

/* The bytes of an OCI image's two documents. */
struct image_documents {
	char *manifest;
	size_t manifest_len;
	char *config;
	size_t config_len;
};

/*
 * The confined process's part: reads the documents and encodes what they say. Returns 0 with *data
 * the caller's, or -1 with err filled.
 */
int image_description_encode(const struct image_documents *documents, void **data, size_t *len,
			     struct error *err);

/* The other side's part, which believes nothing. Returns 0, or -1 with err filled. */
int image_description_decode(struct image_description *out, size_t layer_count, const void *data,
			     size_t len, struct error *err);

/*
 * Describes an OCI image of the store. Returns 0 with *out to be released by
 * image_description_free(), or -1 with err filled: its documents are not there, or damaged.
 */
int image_describe(const struct store *store, const struct image_record *record,
		   struct image_description *out, struct error *err);
void image_description_free(struct image_description *description);

#endif
