/*
 * What the files of the importer share: import.c (one import from top to bottom),
 * import_documents.c (from documents to a plan), import_merge.c (from layers to an EROFS image).
 */
#ifndef NACELLE_IMAGES_IMPORT_INTERNAL_H
#define NACELLE_IMAGES_IMPORT_INTERNAL_H

#include "images/blob_store.h"
#include "images/import.h"
#include "images/plan.h"
#include "images/reference.h"
#include "images/source.h"
#include "images/store.h"

enum { WANTED_MAX = IMAGE_INDEX_DEPTH_MAX + 2 }; /* documents: indexes, manifest, config */

/* One import, from its reference to its records. */
struct import {
	const struct import_options *options;
	struct store *store;
	int lock_fd; /* of the whole store, shared */
	struct blob_sink sink;
	struct image_reference reference;
	char name[IMAGE_NAME_SIZE]; /* what policies know the image by */
	struct source *source;
	struct source_document document;
	struct image_blob wanted[WANTED_MAX]; /* documents that the parser has got */
	size_t wanted_count;
	struct image_plan plan;
	struct image_blob blobs[IMAGE_LAYERS_MAX + 2]; /* of the plan: manifest, config, layers */
	size_t blob_count;
	struct digest chain;
	uint64_t size_bytes;
	uint64_t dropped_xattrs;
	bool built;
};

/* Reads the documents in a confined process: fills plan and blobs. */
int import_read_documents(struct import *import, struct error *err);

/* Makes sure that the store has the image and its record; the layers are there as blobs. */
int import_make_record(struct import *import, struct error *err);

#endif
