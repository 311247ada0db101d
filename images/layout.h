/*
 * The names in the store, shared by its reader and its writer (images/README.md draws the tree).
 */
#ifndef NACELLE_IMAGES_LAYOUT_H
#define NACELLE_IMAGES_LAYOUT_H

#include <stddef.h>

#include "images/digest.h"
#include "images/reference.h"
#include "images/store.h"
#include "vmm/base/error.h"

/* Where the store is for root; version 1 of the layout below the root of any store. */
#define STORE_SYSTEM_ROOT "/var/lib/nacelle"
#define STORE_DIR	  "images/v1"

#define STORE_DIR_BLOBS	     "blobs"
#define STORE_DIR_EROFS	     "erofs"
#define STORE_DIR_RECORDS    "records"
#define STORE_DIR_REFERENCES "references"
#define STORE_DIR_SIGNATURES "signatures"
#define STORE_DIR_VERDICTS   "verdicts"
#define STORE_DIR_TMP	     "tmp"

enum { STORE_NAME_MAX = 192 };

/* The descriptor of the versioned store directory; the store owns it. */
int store_dir_fd(const struct store *store);

/* Names relative to that directory. */
void store_image_name(char name[STORE_NAME_MAX], const struct digest *chain);
void store_record_name(char name[STORE_NAME_MAX], const struct digest *manifest);
void store_blob_name(char name[STORE_NAME_MAX], const struct digest *digest);
void store_reference_name(char name[STORE_NAME_MAX], const char *canonical);

struct image_record;

/* Reads the record of a manifest: 1 with *record the caller's, 0 if there is none, -1. */
int store_find_record(const struct store *store, const struct digest *manifest,
		      struct image_record *record, struct error *err);

/*
 * Reads the record of a manifest and opens the EROFS image that it names, with a shared lock
 * (flock) that lives as long as anybody has the descriptor: `image gc` leaves such an image alone.
 * Returns 1 with *record and *image_fd the caller's; 0 when one of them is missing, damaged, being
 * removed or has another size; -1 with err filled when the store cannot be read.
 */
int store_open_image(const struct store *store, const struct digest *manifest,
		     struct image_record *record, int *image_fd, struct error *err);

struct reference_record;

/*
 * Reads the record of a canonical reference, whatever its witness says. Returns 1 with *out the
 * caller's, 0 when there is none or it is damaged, -1 with err filled.
 */
int store_find_reference(const struct store *store, const char *canonical,
			 struct reference_record *out, struct error *err);

#endif
