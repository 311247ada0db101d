/*
 * Everything that the store holds, for the verbs that list, name and remove images. Damaged records
 * count as missing here as they do everywhere.
 */
#ifndef NACELLE_IMAGES_CATALOG_H
#define NACELLE_IMAGES_CATALOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "images/layout.h"
#include "images/record.h"
#include "images/string_list.h"
#include "vmm/base/error.h"

struct catalog_image {
	struct image_record record;
	int64_t imported_s; /* when the record was written, since 1970 */
	size_t references;  /* how many lead here */
};

struct catalog {
	struct catalog_image *images; /* in the order of their manifests' digests */
	size_t image_count;
	struct reference_record *references; /* in the order of their texts */
	size_t reference_count;
};

/* Returns 0, or -1 with err filled. catalog_free() must follow. */
int catalog_read(const struct store *store, struct catalog *out, struct error *err);
void catalog_free(struct catalog *catalog);

/* The image of a manifest, or NULL. */
struct catalog_image *catalog_image(const struct catalog *catalog, const struct digest *manifest);

/*
 * What a user's text names: a reference of the store, or the digest of an image's manifest, with or
 * without its algorithm, of which six digits are enough if they fit one image only. *reference is
 * the record of the reference, NULL if it was a digest. Returns 0, or -1 with err filled.
 */
int catalog_find(const struct catalog *catalog, const char *text,
		 const struct catalog_image **image, const struct reference_record **reference,
		 struct error *err);

/* The file names in a directory of the store, sorted. Returns 0, or -1 with err filled. */
int store_file_names(const struct store *store, const char *directory, struct string_list *out,
		     struct error *err);

#endif
