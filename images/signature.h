/*
 * Signatures: what is known of an image's, and checking one with a public key. The second is
 * OpenSSL's only door beside digest.c.
 */
#ifndef NACELLE_IMAGES_SIGNATURE_H
#define NACELLE_IMAGES_SIGNATURE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "images/policy.h"
#include "vmm/base/error.h"

enum signature_kind {
	SIGNATURE_DETACHED = 1, /* of the text "sha256:<hex>\n"; raw bytes or base64 */
	SIGNATURE_COSIGN = 2,	/* of a simple signing payload; base64 */
	SIGNATURE_OPENPGP = 3,	/* of an ACI file; armored */
};

enum {
	SIGNATURES_MAX = 16,		/* of one image */
	SIGNATURE_SIZE_MAX = 64 * 1024, /* of a signature, a payload, or an index */
	SIGNATURE_ORIGIN_MAX = 512,
};

/* All bytes in it are a stranger's until a key has verified them. */
struct image_signature {
	enum signature_kind kind;
	char *origin; /* for people: the file or tag that it came from */
	char *data;
	size_t len;
	char *payload; /* cosign: what is signed; else NULL */
	size_t payload_len;
};

struct signature_list {
	struct image_signature items[SIGNATURES_MAX];
	size_t count;
	/* Cosign signs the index of a multi-platform image: the one that led to this manifest. */
	char *index;
	size_t index_len;
};

/*
 * Adds copies; an equal signature is not added twice. Returns 0, or -1 with err filled: too many,
 * too large, no memory.
 */
int signature_list_add(struct signature_list *list, const struct image_signature *signature,
		       struct error *err);
int signature_list_set_index(struct signature_list *list, const void *data, size_t len,
			     struct error *err);
void signature_list_free(struct signature_list *list);

/* The list as bytes, for the store. Decoding checks every field; damaged is -1. */
int signature_list_encode(const struct signature_list *list, void **data, size_t *len);
int signature_list_decode(struct signature_list *list, const void *data, size_t len,
			  struct error *err);

struct public_key;

/*
 * Reads a key: one PEM block "PUBLIC KEY" (SubjectPublicKeyInfo, RFC 5280) and nothing else;
 * Ed25519, ECDSA on P-256 or P-384 by the curve's name and with an uncompressed point, RSA (not as
 * RSA-PSS) of 2048 to 8192 bits; so a key has one encoding. Returns 0 with *out to be released by
 * public_key_free(), or -1 with err filled.
 */
int public_key_parse(struct public_key **out, const char *pem, size_t len, struct error *err);
void public_key_free(struct public_key *key);

/* SHA-256 of the DER form, in hexadecimal. */
const char *public_key_id(const struct public_key *key);
/* "Ed25519", "ECDSA P-256", "RSA 3072", ... */
const char *public_key_name(const struct public_key *key);

/* The key as PEM, which the caller frees. */
int public_key_format(const struct public_key *key, char **pem, size_t *len, struct error *err);

/*
 * Whether the signature of exactly these bytes is the key's. Ed25519: RFC 8032, pure. ECDSA: DER,
 * with SHA-256, on P-384 SHA-384 or SHA-256. RSA: PKCS #1 v1.5 or PSS with SHA-256.
 */
bool public_key_verify(const struct public_key *key, const void *message, size_t message_len,
		       const void *signature, size_t signature_len);

/*
 * Decodes strict base64 (RFC 4648; line ends are allowed, other bytes, bits and padding too many
 * are not). Returns whether it is that; *len bytes are in out, which has room for len_in bytes.
 */
bool signature_decode_base64(const char *text, size_t len_in, uint8_t *out, size_t *len);

/* The fingerprint of a version 4 OpenPGP key packet's body (RFC 4880, 12.2), in hexadecimal. */
int openpgp_fingerprint(const uint8_t *body, size_t len, char id[POLICY_KEY_ID_SIZE],
			struct error *err);

#endif
