/*
 * The two kinds of records that the store keeps, in a flat form that needs no library to read
 * (images/fields.h).
 *
 * An image record (one per manifest) holds the validated configuration, the name of the EROFS image
 * and all blobs that the image came from. A reference record (one per canonical reference) holds
 * the manifest that the reference led to and the witness of that.
 */
#ifndef NACELLE_IMAGES_RECORD_H
#define NACELLE_IMAGES_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "images/digest.h"
#include "images/image_config.h"
#include "images/string_list.h"
#include "vmm/base/error.h"

enum {
	IMAGE_BLOBS_MAX = 1024, /* that one image may need */
	/* 1: App Container Images without isolators, ports, mount points, event handlers. */
	IMAGE_CONFIG_VERSION = 2,
};

enum image_kind {
	IMAGE_KIND_OCI = 1,
	IMAGE_KIND_ACI = 2,
};

struct image_blob {
	struct digest digest;
	uint64_t size_bytes;
};

struct image_record {
	struct digest manifest;
	enum image_kind kind;
	struct digest chain;  /* names the EROFS image */
	uint64_t size_bytes;  /* of the EROFS image */
	struct digest verity; /* fs-verity measurement of the EROFS image; algorithm 0: none */
	struct image_config config;
	uint32_t config_version; /* IMAGE_CONFIG_VERSION, or what an earlier version has read */
	char *aci_name;		 /* of an App Container Image: its name; otherwise NULL */
	struct string_list aci_labels; /* "name=value" each */
	struct image_blob *blobs; /* manifest first, then configuration, layers, dependencies */
	size_t blob_count;	  /* at least one */
};

/* Where a reference led. Strings are borrowed when encoding, owned after decoding. */
struct reference_record {
	char *canonical; /* image_reference_canonical() */
	char *name;	 /* what policies know the image by; "" for none */
	struct digest manifest;
	uint8_t *witness; /* of what was read, as store_witness() makes it; never used up */
	size_t witness_len;
	bool has_witness; /* false: nothing can show that the source is still the same */
};

/* Encodes into a fresh allocation that the caller frees. Return 0, or -1: no memory. */
int image_record_encode(const struct image_record *record, void **data, size_t *len);
int reference_record_encode(const struct reference_record *record, void **data, size_t *len);

/*
 * Decode; every field is checked. Return 0, or -1 with err filled and *record empty. The caller
 * releases the record with image_record_free() or reference_record_free().
 */
int image_record_decode(struct image_record *record, const void *data, size_t len,
			struct error *err);
void image_record_free(struct image_record *record);
int reference_record_decode(struct reference_record *record, const void *data, size_t len,
			    struct error *err);
void reference_record_free(struct reference_record *record);

#endif
