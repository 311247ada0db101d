/*
 * Digests as OCI writes them: "sha256:" and 64 lower-case hexadecimal digits, or "sha512:" and 128.
 *
 * The text form is checked before it is used for anything; a path is built from the decoded bytes
 * and never from text that came from outside. Text and bytes live in digest_text.c, without a
 * library (the store reader needs no more); the computation lives in digest.c, the only file that
 * includes OpenSSL's digests.
 */
#ifndef NACELLE_IMAGES_DIGEST_H
#define NACELLE_IMAGES_DIGEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vmm/base/error.h"

enum digest_algorithm {
	DIGEST_SHA256 = 1,
	DIGEST_SHA512 = 2,
};

enum {
	DIGEST_BYTES_MAX = 64,
	DIGEST_TEXT_SIZE = 7 + 2 * DIGEST_BYTES_MAX + 1, /* with the NUL */
};

struct digest {
	enum digest_algorithm algorithm;
	uint8_t bytes[DIGEST_BYTES_MAX]; /* what the algorithm leaves unused is zero */
};

/* The number of bytes that a digest of this algorithm has: 32 or 64. */
size_t digest_len(enum digest_algorithm algorithm);

/* "sha256" or "sha512". */
const char *digest_algorithm_name(enum digest_algorithm algorithm);

/*
 * Reads len bytes of text (image-spec, descriptor.md, "Digests"). Returns 0, or -1 with err filled:
 * unknown algorithm, wrong length, a digit that is not in 0-9a-f.
 */
int digest_parse(struct digest *out, const char *text, size_t len, struct error *err);

/* Writes "ALGORITHM:HEX" with its NUL. */
void digest_format(const struct digest *digest, char text[DIGEST_TEXT_SIZE]);

/* Writes "ALGORITHM<separator>HEX" with its NUL: the form that file names of the store have. */
void digest_format_with(const struct digest *digest, char separator, char text[DIGEST_TEXT_SIZE]);

bool digest_equal(const struct digest *a, const struct digest *b);

/*
 * To be called once, before anything of OpenSSL's: no configuration file, which an environment
 * variable may name, says what it loads.
 */
void digest_start(void);

/* Makes OpenSSL load what digests need, which no longer works when paths are out of reach. */
int digest_load(struct error *err);

/* A running computation. It holds memory of OpenSSL's until hasher_finish() or hasher_free(). */
struct hasher {
	enum digest_algorithm algorithm;
	void *context;
};

/* Returns 0, or -1 with err filled when there is no memory or the library refuses. */
int hasher_init(struct hasher *hasher, enum digest_algorithm algorithm, struct error *err);
int hasher_update(struct hasher *hasher, const void *data, size_t len, struct error *err);
/* Ends the computation and frees it, on failure too. */
int hasher_finish(struct hasher *hasher, struct digest *out, struct error *err);
/* Gives up; nothing happens if there is nothing to free. */
void hasher_free(struct hasher *hasher);

/* The digest of one buffer. */
int digest_compute(struct digest *out, enum digest_algorithm algorithm, const void *data,
		   size_t len, struct error *err);

#endif
