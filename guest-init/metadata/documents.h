/*
 * What there is to tell: the file METADATA_PATH (guest-init/protocol.h). The host wrote it, out of
 * manifests that others did; their bytes are passed on and never looked at.
 */
#ifndef NACELLE_METADATA_DOCUMENTS_H
#define NACELLE_METADATA_DOCUMENTS_H

#include <stdbool.h>
#include <stddef.h>

#include "guest-init/metadata_protocol.h"

struct document {
	const char *name; /* its path below acMetadata/v1/ */
	size_t name_len;
	const char *body;
	size_t len;
	bool is_json; /* else plain text */
};

struct documents {
	struct document items[METADATA_ENTRIES_MAX];
	size_t count;
	const char *token;
	size_t token_len;
	const struct document *uuid; /* of the pod */
};

/* Points into data. Returns 0, or -1: it is not as protocol.h says. */
int documents_read(struct documents *documents, const void *data, size_t len);

/* NULL if there is none of that name. */
const struct document *documents_find(const struct documents *documents, const char *name,
				      size_t name_len);

#endif
