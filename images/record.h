/*
 * The two kinds of records that the store keeps, in a flat form that needs no library to read
 * (images/fields.h).
 *
 * An image record (one per manifest) holds the validated configuration and the name of the EROFS
 * image. A reference record (one per layout and tag) holds the bytes of the index.json that were
 * resolved and the manifest that they led to.
 */
#ifndef NACELLE_IMAGES_RECORD_H
#define NACELLE_IMAGES_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "images/digest.h"
#include "images/string_list.h"
#include "vmm/base/error.h"

enum { IMAGE_SIGNAL_MAX = 64 };

struct field;
struct field_writer;

struct image_config {
	struct string_list entrypoint;
	struct string_list cmd;
	struct string_list env;
	struct string_list volumes;
	char *user;	   /* never NULL after a successful decode */
	char *working_dir; /* likewise */
	int stop_signal;   /* 0: none named */
};

struct image_record {
	struct digest manifest;
	struct digest chain; /* names the EROFS image */
	uint64_t size_bytes; /* of the EROFS image */
	struct image_config config;
};

/* What a reference record was made for; pointers are borrowed. */
struct reference_key {
	const char *layout_path; /* the layout's directory, without symbolic links */
	const char *tag;	 /* "" when the reference named none */
	const void *index;	 /* the bytes of index.json */
	size_t index_len;
};

/* Encodes into a fresh allocation that the caller frees. Return 0, or -1: no memory. */
int image_record_encode(const struct image_record *record, void **data, size_t *len);
int reference_record_encode(const struct reference_key *key, const struct digest *manifest,
			    void **data, size_t *len);

/*
 * Decodes; every field is checked. Returns 0, or -1 with err filled and *record empty. The caller
 * releases the record with image_record_free().
 */
int image_record_decode(struct image_record *record, const void *data, size_t len,
			struct error *err);
void image_record_free(struct image_record *record);

/* A configuration among other fields. Taking a field that is none of its own is 0 too. */
void image_config_put(struct field_writer *w, const struct image_config *config);
int image_config_take(struct image_config *config, const struct field *field);
void image_config_free(struct image_config *config);

/*
 * Whether the reference record in data was made for exactly this key; then *manifest is what it
 * led to. A damaged record matches nothing.
 */
bool reference_record_match(const struct reference_key *key, const void *data, size_t len,
			    struct digest *manifest);

#endif
