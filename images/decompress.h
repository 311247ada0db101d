/*
 * Decompressing layers and archives, as a stream over a stream: gzip (RFC 1952), Zstandard (RFC
 * 8878) and xz (the .xz format, 1.1). One file for each library that does it.
 *
 * A stream may have many members (gzip), frames (zstd) or streams (xz), one after the other. NUL
 * bytes may follow the last one of gzip, and of xz in multiples of four; nothing else may follow.
 * The bytes come from an image author, so the output is bounded by its ratio to the input, members
 * that yield nothing by their number, and the decoder's memory by what the importer may use in all.
 */
#ifndef NACELLE_IMAGES_DECOMPRESS_H
#define NACELLE_IMAGES_DECOMPRESS_H

#include <stddef.h>
#include <stdint.h>

#include "images/stream.h"
#include "vmm/base/error.h"

enum layer_compression {
	LAYER_PLAIN = 1,
	LAYER_GZIP = 2,
	LAYER_ZSTD = 3,
	LAYER_XZ = 4,
};

enum {
	/* Output beyond DECOMPRESS_RATIO_FREE_BYTES may be at most this many times the input. */
	DECOMPRESS_RATIO_MAX = 200,
	DECOMPRESS_RATIO_FREE_BYTES = 64 * 1024 * 1024,
	DECOMPRESS_EMPTY_MEMBERS_MAX = 1024,
	/* 8 MiB: what RFC 8878 asks of every decoder, and RFC 9659 allows at most. zstd -19. */
	DECOMPRESS_ZSTD_WINDOW_LOG_MAX = 23,
	/* A dictionary of 8 MiB (xz -6, the default) and the decoder's own needs. */
	DECOMPRESS_XZ_MEMORY_MAX = 9 * 1024 * 1024,
	/* What decompress_sniff() wants to see. */
	DECOMPRESS_MAGIC_LEN = 6,
};

struct decoder;

struct decompressor {
	struct stream stream;
	struct stream *source; /* borrowed */
	const struct decoder *decoder;
	void *state;	 /* the decoder's; owned */
	uint8_t *buffer; /* owned, STREAM_WINDOW_MAX bytes */
	uint64_t in_bytes;
	uint64_t out_bytes;
	uint64_t member_start; /* out_bytes where the member at hand began */
	unsigned empty_members;
};

/*
 * LAYER_PLAIN lends the source's bytes as they are. Returns 0, or -1 with err filled (no memory).
 * decompress_close() releases it.
 */
int decompress_open(struct decompressor *self, enum layer_compression compression,
		    struct stream *source, struct error *err);
void decompress_close(struct decompressor *self);

/* The compression that data begins like, LAYER_PLAIN if like none. */
enum layer_compression decompress_sniff(const void *data, size_t len);

/* "gzip" and so on, as people write it. */
const char *decompress_name(enum layer_compression compression);

#endif
