/*
 * What the files of the importer share: import.c (one import from top to bottom),
 * import_documents.c (from documents to a plan), import_aci.c (the same for an App Container Image
 * and what it depends on), import_trust.c (may it be used?), import_merge.c (from layers to an
 * EROFS image).
 */
#ifndef NACELLE_IMAGES_IMPORT_INTERNAL_H
#define NACELLE_IMAGES_IMPORT_INTERNAL_H

#include "images/aci_report.h"
#include "images/blob_store.h"
#include "images/import.h"
#include "images/plan.h"
#include "images/reference.h"
#include "images/source.h"
#include "images/store.h"
#include "images/trust.h"

/* Documents: indexes, manifest and configuration; then the last two once more. */
enum { WANTED_MAX = IMAGE_INDEX_DEPTH_MAX + 4 };

struct import_aci;

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
	struct import_aci *aci; /* NULL for other images; what the plan borrows is in it */
	struct image_blob blobs[IMAGE_LAYERS_MAX + 2]; /* of the plan: manifest, config, layers */
	size_t blob_count;
	struct digest chain;
	uint64_t size_bytes;
	struct digest verity; /* of the EROFS image; algorithm 0: none */
	uint64_t dropped_xattrs;
	bool built;
	struct signature_list signatures;
	struct trust_decision decision;
};

/*
 * Answers a confined process that asks for a document: brings the blob into the store and hands it
 * out. Returns 0 with *out set, or -1 with err filled.
 */
int import_serve(struct import *import, int control, const char *request, size_t len,
		 struct image_blob *out, struct error *err);

/*
 * Looks for the image's signatures and decides whether it may be imported (images/trust.h), before
 * any layer is merged. Returns 0, or -1 with err saying which rule refuses it and why.
 */
int import_decide(struct import *import, struct error *err);

/* Keeps what was decided and the signatures: after the record, before a reference leads there. */
int import_keep_decision(struct import *import, struct error *err);

/* Reads the documents in a confined process: fills plan and blobs. */
int import_read_documents(struct import *import, struct error *err);

/* Reads one App Container Image of the store in a confined process. Returns 0 or -1. */
int import_examine_aci(const struct store *store, const struct image_blob *blob,
		       struct aci_report *report, struct error *err);

/* The same for an App Container Image; import_aci_free() releases what it keeps. */
int import_read_aci(struct import *import, struct error *err);
void import_aci_free(struct import_aci *aci);

/*
 * Writes the names of what its manifest asks for and no pod does yet, separated by commas; what
 * does not fit is said to be more. "" for other images.
 */
void import_aci_list_unapplied(const struct import *import, char text[IMPORT_UNAPPLIED_SIZE]);

/* What was read of the image that is imported; borrowed. */
const struct aci_report *import_aci_report(const struct import *import);

/*
 * Whether a record of the same image id stands for what is being imported: 1; 0 when what it
 * depends on is another now, and the record is to be replaced; -1 with err filled when it was made
 * of another file. The id comes from a confined process: it must not replace what others run.
 */
int import_aci_is_same(const struct import *import, const struct image_record *record,
		       struct error *err);

/* Makes sure that the store has the image and its record; the layers are there as blobs. */
int import_make_record(struct import *import, struct error *err);

#endif
