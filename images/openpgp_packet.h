/*
 * The outside of OpenPGP messages (RFC 4880): armor and packets, as far as must be known before
 * gpgv sees them. No cryptography.
 */
#ifndef NACELLE_IMAGES_OPENPGP_PACKET_H
#define NACELLE_IMAGES_OPENPGP_PACKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vmm/base/error.h"

/*
 * Takes the armor off: one block of the given type ("SIGNATURE", "PUBLIC KEY BLOCK"), with a sound
 * checksum if it has one, and nothing around it. out has room for len bytes. Returns 0 with
 * *out_len set, or -1 with err filled.
 */
int openpgp_dearmor(const char *text, size_t len, const char *type, uint8_t *out, size_t *out_len,
		    struct error *err);

/* Checks that the bytes are one detached signature of version 4 and nothing else. */
int openpgp_check_signature(const uint8_t *data, size_t len, struct error *err);

struct openpgp_key {
	const uint8_t *body; /* of the primary key's packet, in the caller's data */
	size_t body_len;
};

/*
 * Checks that the bytes are one public key with its user names, subkeys and signatures: version 4,
 * RSA of at least 2048 bits, Ed25519, or ECDSA on P-256 or P-384 for everything that can sign.
 */
int openpgp_check_key(const uint8_t *data, size_t len, struct openpgp_key *out, struct error *err);

/*
 * The first moment after now_s, in seconds since 1970, at which a key or a signature in a checked
 * key expires; 0 if there is none. Until then what gpgv says of a signature does not change.
 */
uint64_t openpgp_next_expiry(const uint8_t *data, size_t len, uint64_t now_s);

#endif
