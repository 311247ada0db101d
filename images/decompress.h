/*
 * Inflating gzip streams (RFC 1952), as a stream over a stream. The only user of zlib.
 *
 * A stream may have many members, one after the other; NUL bytes may follow the last one, nothing
 * else may. The bytes come from an image author, so the output is bounded by its ratio to the input
 * and the number of members that yield nothing is bounded too.
 */
#ifndef NACELLE_IMAGES_DECOMPRESS_H
#define NACELLE_IMAGES_DECOMPRESS_H

#include <stdbool.h>
#include <stdint.h>

#include "images/stream.h"
#include "vmm/base/error.h"

enum {
	/* Output beyond GZIP_RATIO_FREE_BYTES may be at most this many times the input. */
	GZIP_RATIO_MAX = 200,
	GZIP_RATIO_FREE_BYTES = 64 * 1024 * 1024,
	GZIP_EMPTY_MEMBERS_MAX = 1024,
};

struct gzip_stream {
	struct stream stream;
	struct stream *source; /* borrowed */
	void *inflater;	       /* zlib's state */
	uint8_t *buffer;       /* owned, STREAM_WINDOW_MAX bytes */
	uint64_t in_bytes;
	uint64_t out_bytes;
	uint64_t member_out_bytes;
	unsigned empty_members;
	bool in_member;
	bool ended; /* only NULs may still come */
};

/* Returns 0, or -1 with err filled (no memory). gzip_stream_free() releases it. */
int gzip_stream_init(struct gzip_stream *stream, struct stream *source, struct error *err);
void gzip_stream_free(struct gzip_stream *stream);

#endif
