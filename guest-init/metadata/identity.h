/*
 * The pod's identity: signatures (HMAC-SHA512, RFC 2104) with a key that this process makes, keeps
 * and takes with it. The door to libnettle.
 *
 * What is signed is the pod's UUID followed by the content, so that a signature says whose it is.
 */
#ifndef NACELLE_METADATA_IDENTITY_H
#define NACELLE_METADATA_IDENTITY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	IDENTITY_KEY_LEN = 64,
	IDENTITY_SIGNATURE_LEN = 88, /* base64, without a NUL */
	IDENTITY_HMAC_SIZE = 1024,
};

struct identity {
	/* libnettle's: keyed, and after each signature as it was before */
	_Alignas(uint64_t) uint8_t hmac[IDENTITY_HMAC_SIZE];
	const char *uuid;
	size_t uuid_len;
};

/* uuid is borrowed; the key is in *identity alone, which is not to lie on a stack. Returns 0, or
 * -1: the kernel has no random bytes. */
int identity_make(struct identity *identity, const char *uuid, size_t uuid_len);

/* With a key that is known. */
void identity_set(struct identity *identity, const uint8_t key[IDENTITY_KEY_LEN], const char *uuid,
		  size_t uuid_len);

void identity_sign(struct identity *identity, const char *content, size_t len,
		   char signature[IDENTITY_SIGNATURE_LEN]);

/* Whether it is this pod's signature of the content; in a time that does not depend on how much of
 * it is right. */
bool identity_verify(struct identity *identity, const char *content, size_t len,
		     const char *signature, size_t signature_len);

/* Whether two secrets are the same, in a time that depends on their lengths alone. */
bool identity_equal(const char *a, size_t a_len, const char *b, size_t b_len);

#endif
