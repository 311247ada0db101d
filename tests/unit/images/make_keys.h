/* Keys and signatures, made by libcrypto as the openssl command makes them. */
#ifndef NACELLE_TESTS_UNIT_IMAGES_MAKE_KEYS_H
#define NACELLE_TESTS_UNIT_IMAGES_MAKE_KEYS_H

#include <stddef.h>

#include <openssl/evp.h>

/* kind: "ED25519", "P-256", "P-384", "P-521", "RSA:2048", "RSA-PSS:2048", ... */
EVP_PKEY *make_key(const char *kind);

/* The public (or private) key as PEM, in a static buffer. */
const char *make_pem(EVP_PKEY *key, int is_private);

/* Signs; digest NULL for Ed25519. Returns the length of the signature in out, which has 1024 bytes.
 */
size_t make_signature(EVP_PKEY *key, const char *digest, int is_pss, const void *message,
		      size_t len, unsigned char *out);

#endif
