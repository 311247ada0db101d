/*
 * From a request to its answer (appc spec 0.8.11, ace.md, "App Container Metadata Service").
 */
#ifndef NACELLE_METADATA_ANSWER_H
#define NACELLE_METADATA_ANSWER_H

#include <stdbool.h>
#include <stddef.h>

#include "guest-init/metadata/documents.h"
#include "guest-init/metadata/identity.h"
#include "guest-init/metadata/request.h"

struct answer {
	int status;
	bool is_json;
	const char *body; /* in the documents, in text, or constant */
	size_t len;
	char text[IDENTITY_SIGNATURE_LEN];
};

/* Of a request that was refused: its status in words. */
void answer_refuse(struct answer *answer, int status);

/* body: request->body_len bytes, which are changed. The answer does not point into them. */
void answer_make(struct answer *answer, const struct documents *documents,
		 struct identity *identity, const struct request *request, char *body);

/* The words of a status that this service gives. */
const char *answer_reason(int status);

#endif
