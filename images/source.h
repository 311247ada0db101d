/*
 * Where images come from. A source brings the document that a reference names and any blob by
 * its digest; it parses nothing itself that an image author wrote.
 *
 * One file for each kind: source_oci.c, source_archive.c, source_registry.c, source_aci.c.
 */
#ifndef NACELLE_IMAGES_SOURCE_H
#define NACELLE_IMAGES_SOURCE_H

#include <stdbool.h>
#include <stddef.h>

#include "images/blob_store.h"
#include "images/import.h"
#include "images/reference.h"
#include "vmm/base/error.h"

enum document_kind {
	DOCUMENT_LAYOUT_INDEX = 1,	/* data is index.json, marker is the file oci-layout */
	DOCUMENT_MANIFEST_OR_INDEX = 2, /* data is the document, of this media type and digest */
	DOCUMENT_ACI = 3,		/* blob is the archive, which the sink has */
};

enum { MEDIA_TYPE_MAX = 255 };

/* The document to start from. source_document_free() releases it. */
struct source_document {
	enum document_kind kind;
	char *data; /* with a NUL after it */
	size_t len;
	char *marker;
	size_t marker_len;
	char media_type[MEDIA_TYPE_MAX + 1];
	struct image_blob blob; /* of data, or of the archive; algorithm 0: to be computed */
};

struct source;

struct source_ops {
	/* The document to start from. Returns 0, or -1 with err filled. */
	int (*top)(struct source *source, struct source_document *out, struct error *err);
	/*
	 * Brings blobs into the sink, in any order. Blobs that the sink has already are skipped.
	 * Returns 0 when all are there, or -1 with err filled.
	 */
	int (*fetch)(struct source *source, const struct image_blob *wants, size_t count,
		     struct blob_sink *sink, struct error *err);
	/*
	 * The cosign manifest of an image (what the tag sha256-HEX.sig names): 1 with *data the
	 * caller's, 0 if there is none, -1 with err filled. NULL: this kind has none.
	 */
	int (*signatures)(struct source *source, const struct digest *manifest, char **data,
			  size_t *len, struct error *err);
	void (*close)(struct source *source);
};

/* The head of every source. */
struct source {
	const struct source_ops *ops;
	struct blob_sink *sink;		 /* borrowed: where a source's own documents go */
	char canonical[IMAGE_NAME_SIZE]; /* of what was really opened */
	bool has_witness;		 /* else nothing shows later that it is still the same */
	void *witness;			 /* images/witness.h; owned, may be NULL when empty */
	size_t witness_len;
};

/*
 * Opens the source that a reference names. Returns 0 with *out to be released by source_close(), or
 * -1 with err filled. A source is valid in the process that opened it and uses one thread at a
 * time.
 */
int source_open(struct source **out, const struct image_reference *reference,
		const struct import_options *options, struct blob_sink *sink, struct error *err);
void source_close(struct source *source);

void source_document_free(struct source_document *document);

/* The kinds; each allocates a struct that begins with a struct source. */
int source_oci_open(struct source **out, const struct image_reference *reference,
		    struct error *err);
int source_registry_open(struct source **out, const struct image_reference *reference,
			 const struct import_options *options, struct error *err);
int source_archive_open(struct source **out, const struct image_reference *reference,
			struct blob_sink *sink, struct error *err);
int source_aci_open(struct source **out, const struct image_reference *reference,
		    struct error *err);

#endif
