/*
 * A document of JSON into flat fields, by a confined process: its bytes go in with the fork, fields
 * come out.
 */
#ifndef NACELLE_IMAGES_DOCUMENT_CONVERT_H
#define NACELLE_IMAGES_DOCUMENT_CONVERT_H

#include <stddef.h>

#include "vmm/base/error.h"

struct document_kind {
	const char *name; /* "pod manifest", for messages */
	/* In the confined process: from text to fields in a fresh allocation. Returns 0 or -1. */
	int (*read)(const char *text, size_t len, void **data, size_t *data_len, struct error *err);
	/* Of what came out: whether it is what the program counts on. Returns 0 or -1. */
	int (*check)(const void *data, size_t len, struct error *err);
};

/* From a file to fields in a fresh allocation. Returns 0, or -1 with err filled. */
int document_convert(int fd, const struct document_kind *kind, void **data, size_t *len,
		     struct error *err);

#endif
