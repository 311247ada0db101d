/*
 * A policy with its keys, as they lie in a place (policy_place.h): policy.json, and keys/ID.pem or
 * keys/ID.gpg for each key that a rule names.
 */
#ifndef NACELLE_IMAGES_KEY_H
#define NACELLE_IMAGES_KEY_H

#include <stddef.h>
#include <stdint.h>

#include "images/policy.h"
#include "images/policy_place.h"
#include "images/signature.h"
#include "vmm/base/error.h"

enum { KEY_NAME_SIZE = 80 };

struct trust_key {
	char id[POLICY_KEY_ID_SIZE];
	struct public_key *public_key; /* NULL: an OpenPGP key, whose packets are the file */
	struct policy_file file;
};

struct trust_policy {
	const struct policy_place *place; /* the caller's */
	struct policy policy;
	struct policy_file file;
	struct trust_key *keys; /* of all rules, each once */
	size_t key_count;
};

/*
 * Reads the policy of a place and every key that it names. Returns 1 with *out to be released by
 * trust_policy_free(), 0 if there is none; -1 with err filled if anything about it is wrong: a key
 * is missing, is no key that is allowed, or is not the one whose name it has.
 */
int trust_policy_load(struct trust_policy *out, const struct policy_place *place,
		      struct error *err);
void trust_policy_free(struct trust_policy *policy);

/* The key with that name; it is there if a rule names it. */
const struct trust_key *trust_policy_key(const struct trust_policy *policy, const char *id);

/* "keys/ID.pem" or "keys/ID.gpg". */
void trust_key_name(const char *id, char name[KEY_NAME_SIZE]);

/*
 * Reads a key that an administrator gives: PEM, or OpenPGP, armored or not. *data is what belongs
 * into the place, the caller's to free. Returns 0, or -1 with err filled: a private key among
 * others.
 */
int trust_key_read(const char *data, size_t len, char id[POLICY_KEY_ID_SIZE], char **out,
		   size_t *out_len, struct error *err);

#endif
