/*
 * The process that speaks to a registry (OCI distribution specification 1.1, the pull part): it has
 * the network, and neither the store nor anything else of the host's. It gets requests over its
 * control socket and sends back bytes, which the importer sizes, hashes and names.
 *
 * The importer sends MESSAGE_LOGIN once, then MESSAGE_GET or MESSAGE_GET_BLOBS, each when the one
 * before has been answered:
 *
 *	MESSAGE_LOGIN      struct credential: what the user has for this registry; maybe nothing
 *	MESSAGE_GET        struct fetch_get: a manifest by tag or digest
 *	MESSAGE_GOT        answer: struct fetch_got and the manifest's bytes
 *	MESSAGE_GET_BLOBS  struct fetch_blob, 1 to FETCH_BLOBS_MAX of them; several come at once
 *	MESSAGE_PIECE      answer: struct fetch_piece and the next bytes of that blob
 *	MESSAGE_END        answer: struct fetch_piece: that blob has come whole
 *	MESSAGE_ERROR      answer: a sentence; the process has ended
 */
#ifndef NACELLE_IMAGES_FETCH_H
#define NACELLE_IMAGES_FETCH_H

#include <stdbool.h>
#include <stddef.h>

#include "images/digest.h"
#include "images/reference.h"
#include "images/registry.h"
#include "images/worker.h"
#include "vmm/base/bytes.h"

enum {
	FETCH_BLOBS_MAX = 256,
	FETCH_PARALLEL = 4,
};

struct fetch_get {
	char reference[DIGEST_TEXT_SIZE]; /* a tag or a digest */
	le32 optional;			  /* that there is none is an answer, not an error */
};

struct fetch_got {
	le32 found;
	char media_type[HTTP_TYPE_SIZE];
	char digest[DIGEST_TEXT_SIZE]; /* Docker-Content-Digest, unchecked, or "" */
};

struct fetch_blob {
	char digest[DIGEST_TEXT_SIZE];
	le64 size_bytes;
	le64 offset; /* what the importer has already */
};

struct fetch_piece {
	le32 slot; /* an index into the blobs that were asked for */
};

/* What the process knows from the start, being a fork of the importer. */
struct fetch_context {
	const struct image_reference *reference;
	struct http_trust trust; /* without verify, plain http is spoken to who knows no TLS */
};

extern const struct worker_role fetch_role;

/* The job of struct worker_job, with a struct fetch_context. */
int fetch_run(void *context, int control, struct error *err);

#endif
