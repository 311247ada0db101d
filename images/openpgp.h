/*
 * OpenPGP signatures of ACIs, as rkt's users made them, checked by Debian's gpgv in a confined role
 * of its own: its own user (as root), no capabilities, no network, a list of system calls, and
 * nothing open but what it compares.
 */
#ifndef NACELLE_IMAGES_OPENPGP_H
#define NACELLE_IMAGES_OPENPGP_H

#include <stddef.h>
#include <stdint.h>

#include "images/policy.h"
#include "vmm/base/error.h"

struct openpgp_result {
	char key[POLICY_KEY_ID_SIZE]; /* fingerprint of the primary key, lower case */
	uint64_t expires_s;	      /* of the signature, since 1970; 0: never */
};

/*
 * Checks an armored detached signature of the file's bytes, from its start, with the keys in
 * keyring (public key packets). Returns 1 with *out filled: made by one of them, by a key and of a
 * signature that are good at now_s; 0 with why saying why not; -1 with err filled: it could not be
 * checked.
 */
int openpgp_verify(const char *armor, size_t armor_len, int data_fd, const void *keyring,
		   size_t keyring_len, uint64_t now_s, struct openpgp_result *out,
		   struct error *why, struct error *err);

/*
 * Reads what gpgv wrote to its status descriptor (doc/DETAILS of GnuPG). Exactly one good signature
 * and nothing that speaks against it is 0 with *out filled; else -1 with why filled. Lines are
 * compared as a whole: a user name with a line break cannot forge one, for gpgv escapes it, and
 * whatever is not known refuses.
 */
int openpgp_read_status(const char *text, size_t len, uint64_t now_s, struct openpgp_result *out,
			struct error *why);

#endif
