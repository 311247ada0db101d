/*
 * What the confined processes do: one reads the documents of a layout, one merges its layers.
 */
#ifndef NACELLE_IMAGES_PARSER_H
#define NACELLE_IMAGES_PARSER_H

#include "images/oci.h"
#include "images/plan.h"
#include "images/source.h"
#include "vmm/base/bytes.h"
#include "vmm/base/error.h"

/* The payload of MESSAGE_WANT: a blob that is a document. */
struct message_want {
	le64 size_bytes;
	char digest[DIGEST_TEXT_SIZE];
};

/* In a confined process: documents by asking the importer for them. */
struct oci_source parser_source(int *control);

/* Where parser_documents begins. */
struct parser_document {
	const struct source_document *document;
	const char *tag; /* "" when the reference names none */
};

/*
 * Jobs of struct worker_job. parser_documents takes a const struct parser_document and results in
 * an encoded plan; parser_layers takes a struct parser_layers and results in a struct
 * parser_layers_result.
 */
int parser_documents(void *context, int control, struct error *err);
int parser_layers(void *context, int control, struct error *err);

struct parser_layers {
	const struct image_plan *plan;
	int pipe_fd;  /* the blobs of the plan's layers, one after the other, lowest first */
	int image_fd; /* an empty file for the image */
	const uint8_t *uuid;
};

struct parser_layers_result {
	le64 size_bytes; /* of the image */
	le64 dropped_xattrs;
};

#endif
