/*
 * Keys of a policy. They are the administrator's; what is checked is that each is what its name
 * says, and fit to be relied on.
 */
#include "images/key.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "images/openpgp_packet.h"
#include "vmm/base/cleanup.h"

void trust_key_name(const char *id, char name[KEY_NAME_SIZE])
{
	(void)snprintf(name, KEY_NAME_SIZE, POLICY_KEYS_DIR "/%s.%s", id,
		       policy_key_id_is_openpgp(id) ? "gpg" : "pem");
}

static int identify_openpgp(const void *data, size_t len, char id[POLICY_KEY_ID_SIZE],
			    struct error *err)
{
	struct openpgp_key key;

	if (openpgp_check_key(data, len, &key, err) < 0)
		return -1;
	return openpgp_fingerprint(key.body, key.body_len, id, err);
}

/* Fills the key from its file and compares it with its name. */
static int check_key(struct trust_key *key, const char *id, struct error *err)
{
	const char *is = key->id;

	if (policy_key_id_is_openpgp(id)) {
		if (identify_openpgp(key->file.data, key->file.len, key->id, err) < 0)
			return -1;
	} else {
		if (public_key_parse(&key->public_key, key->file.data, key->file.len, err) < 0)
			return -1;
		is = public_key_id(key->public_key);
		memcpy(key->id, is, POLICY_KEY_ID_SIZE);
	}
	if (strcmp(is, id))
		return error_set(err, 0, "it is another key, %s", is);
	return 0;
}

static int load_key(struct trust_policy *policy, const char *id, struct error *err)
{
	struct trust_key *keys =
	    realloc(policy->keys, (policy->key_count + 1) * sizeof(*policy->keys));
	char name[KEY_NAME_SIZE];
	struct trust_key *key;
	int found;

	if (!keys)
		return error_set(err, ENOMEM, "cannot read a key");
	policy->keys = keys;
	key = &keys[policy->key_count++];
	*key = (struct trust_key){ .public_key = NULL };
	trust_key_name(id, name);
	found = policy_place_read(policy->place, name, POLICY_KEY_SIZE_MAX, &key->file, err);
	if (found == 0)
		return error_set(err, 0, "the key %s/%s, which %s needs, is missing",
				 policy->place->directory, name, POLICY_FILE_NAME);
	if (found < 0)
		return -1;
	if (check_key(key, id, err) < 0)
		return error_prefix(err, "the key %s/%s", policy->place->directory, name);
	return 0;
}

const struct trust_key *trust_policy_key(const struct trust_policy *policy, const char *id)
{
	for (size_t i = 0; i < policy->key_count; i++) {
		if (!strcmp(policy->keys[i].id, id))
			return &policy->keys[i];
	}
	return NULL;
}

static int load_keys(struct trust_policy *policy, struct error *err)
{
	for (size_t i = 0; i < policy->policy.rule_count; i++) {
		const struct policy_rule *rule = &policy->policy.rules[i];

		for (size_t k = 0; k < rule->key_count; k++) {
			if (!trust_policy_key(policy, rule->keys[k]) &&
			    load_key(policy, rule->keys[k], err) < 0)
				return -1;
		}
	}
	return 0;
}

int trust_policy_load(struct trust_policy *out, const struct policy_place *place, struct error *err)
{
	struct trust_policy policy = { .place = place };
	int found = policy_place_read(place, POLICY_FILE_NAME, POLICY_SIZE_MAX, &policy.file, err);

	if (found <= 0)
		return found;
	if (policy_parse(&policy.policy, policy.file.data, policy.file.len, err) < 0)
		(void)error_prefix(err, "the policy %s/" POLICY_FILE_NAME, place->directory);
	else if (load_keys(&policy, err) == 0) {
		*out = policy;
		return 1;
	}
	trust_policy_free(&policy);
	return error_prefix(err, "every image is refused");
}

void trust_policy_free(struct trust_policy *policy)
{
	for (size_t i = 0; i < policy->key_count; i++) {
		public_key_free(policy->keys[i].public_key);
		policy_file_free(&policy->keys[i].file);
	}
	free(policy->keys);
	policy_free(&policy->policy);
	policy_file_free(&policy->file);
	*policy = (struct trust_policy){ 0 };
}

static int read_pem(const char *data, size_t len, char id[POLICY_KEY_ID_SIZE], char **out,
		    size_t *out_len, struct error *err)
{
	struct public_key *key;
	int result;

	if (public_key_parse(&key, data, len, err) < 0)
		return -1;
	memcpy(id, public_key_id(key), POLICY_KEY_ID_SIZE);
	result = public_key_format(key, out, out_len, err);
	public_key_free(key);
	return result;
}

static int read_openpgp(const char *data, size_t len, bool armored, char id[POLICY_KEY_ID_SIZE],
			char **out, size_t *out_len, struct error *err)
{
	_cleanup_free_ char *packets = malloc(len + 1);

	if (!packets)
		return error_set(err, ENOMEM, "cannot read a key");
	memcpy(packets, data, len);
	*out_len = len;
	if (armored &&
	    openpgp_dearmor(data, len, "PUBLIC KEY BLOCK", (uint8_t *)packets, out_len, err) < 0)
		return -1;
	if (identify_openpgp(packets, *out_len, id, err) < 0)
		return -1;
	*out = steal_ptr(packets);
	return 0;
}

int trust_key_read(const char *data, size_t len, char id[POLICY_KEY_ID_SIZE], char **out,
		   size_t *out_len, struct error *err)
{
	if (memmem(data, len, "-----BEGIN PGP PRIVATE", 22))
		return error_set(err, 0,
				 "this is a private key: keep it secret, and give its "
				 "public one (gpg --armor --export)");
	if (memmem(data, len, "-----BEGIN PGP", 14))
		return read_openpgp(data, len, true, id, out, out_len, err);
	if (len && (data[0] & 0x80))
		return read_openpgp(data, len, false, id, out, out_len, err);
	return read_pem(data, len, id, out, out_len, err);
}
