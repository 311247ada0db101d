/*
 * What the files of the decompressor share: decompress.c (windows, limits), and one file for each
 * library.
 */
#ifndef NACELLE_IMAGES_DECOMPRESS_INTERNAL_H
#define NACELLE_IMAGES_DECOMPRESS_INTERNAL_H

#include <stdbool.h>

#include "images/decompress.h"

/* What one call of a decoder took and made. */
struct decoder_step {
	const uint8_t *in;
	size_t in_len; /* 0: the source has ended */
	uint8_t *out;
	size_t out_len;
	size_t used;	  /* out: bytes of in */
	size_t made;	  /* out: bytes of out */
	bool member_ends; /* out: with the last byte used, a member has ended */
};

struct decoder {
	const char *name;
	/* Returns the state, or NULL: no memory. */
	void *(*open)(void);
	void (*close)(void *state);
	/*
	 * Decodes some. Returns 1 to be called again, 0 when the source has ended where it may, -1
	 * with err filled (decoder_refuse()). Neither uses nor makes something only at the end.
	 */
	int (*decode)(void *state, struct decoder_step *step, struct error *err);
};

extern const struct decoder decoder_gzip;
extern const struct decoder decoder_zstd;
extern const struct decoder decoder_xz;

/* "the gzip data is damaged: ...". Returns -1. */
int decoder_refuse(const struct decoder *decoder, const char *why, struct error *err);

#endif
