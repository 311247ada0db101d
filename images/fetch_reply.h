/*
 * What the fetching process sends, as the importer reads it: fixed forms, each field checked.
 */
#ifndef NACELLE_IMAGES_FETCH_REPLY_H
#define NACELLE_IMAGES_FETCH_REPLY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "images/digest.h"
#include "vmm/base/error.h"

/* MESSAGE_GOT: a manifest. data is lent by the message. */
struct fetch_manifest {
	const char *data;
	size_t len;
	const char *media_type; /* one of those that were asked for; a constant */
	bool has_digest;
	struct digest digest; /* what the registry says that it has */
};

/* Returns 1; 0 when the registry has none; -1 with err filled. */
int fetch_read_manifest(struct fetch_manifest *out, const char *message, size_t len,
			struct error *err);

/* MESSAGE_PIECE: bytes of a blob, lent by the message; MESSAGE_END: there are none. */
struct fetch_bytes {
	uint32_t slot; /* below count */
	const char *data;
	size_t len;
};

/* Returns 0, or -1 with err filled. */
int fetch_read_bytes(struct fetch_bytes *out, int kind, const char *message, size_t len,
		     size_t count, struct error *err);

#endif
