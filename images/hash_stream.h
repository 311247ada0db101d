/*
 * A stream that hashes every byte that passes.
 */
#ifndef NACELLE_IMAGES_HASH_STREAM_H
#define NACELLE_IMAGES_HASH_STREAM_H

#include "images/digest.h"
#include "images/stream.h"
#include "vmm/base/error.h"

struct hash_stream {
	struct stream stream;
	struct stream *source; /* borrowed */
	struct hasher hasher;
};

/*
 * Returns 0, or -1 with err filled. The hasher is the caller's to finish or to free; windows that
 * were filled are in it whole.
 */
int hash_stream_init(struct hash_stream *self, struct stream *source,
		     enum digest_algorithm algorithm, struct error *err);

#endif
