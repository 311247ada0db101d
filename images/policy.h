/*
 * The policy: which image names may run, and whose signatures they need (nacelle-policy(5)).
 *
 *	{
 *		"version": 1,
 *		"default": "accept",
 *		"locked": false,
 *		"rules": {
 *			"docker.io": "reject",
 *			"example.com/app": {
 *				"signed-by": { "keys": ["ID", "ID"], "threshold": 2 }
 *			}
 *		}
 *	}
 *
 * It is read strictly: a field that is unknown, given twice, missing, null or of the wrong kind
 * makes the whole policy unreadable, and what cannot be read accepts nothing.
 */
#ifndef NACELLE_IMAGES_POLICY_H
#define NACELLE_IMAGES_POLICY_H

#include <stdbool.h>
#include <stddef.h>

#include "images/string_list.h"
#include "vmm/base/error.h"

enum policy_rule_kind {
	POLICY_REJECT = 1,
	POLICY_ACCEPT,
	POLICY_SIGNED_BY,
};

enum {
	POLICY_RULES_MAX = 1024,
	POLICY_KEYS_MAX = 16, /* of one rule */
	POLICY_STORES_MAX = 16,
	POLICY_PREFIX_MAX = 1024,
	POLICY_KEY_ID_SIZE = 65, /* with the NUL */
};

struct policy_rule {
	char *prefix;
	enum policy_rule_kind kind;
	char keys[POLICY_KEYS_MAX][POLICY_KEY_ID_SIZE]; /* all different */
	size_t key_count;
	size_t threshold; /* of signed-by: 1 to key_count */
};

struct policy {
	enum policy_rule_kind fallback; /* accept or reject */
	bool locked;
	struct policy_rule *rules; /* in the order of the file, all prefixes different */
	size_t rule_count;
	struct string_list stores; /* beside the default one, where root's images may be */
};

/* Returns 0 with *out to be released by policy_free(), or -1 with err filled. */
int policy_parse(struct policy *out, const char *text, size_t len, struct error *err);
void policy_free(struct policy *policy);

/* The policy as a file for people, with its final newline; the caller frees it. NULL: no memory. */
char *policy_format(const struct policy *policy, size_t *len);

/*
 * The rule that decides for a name: that with the longest prefix. NULL: the default does. A prefix
 * matches whole components: where it ends, the name ends too or goes on with one of "/:@", unless
 * the prefix itself ends with one of them. In paths of this machine only what ends a component
 * there counts: "/", and ":" before a tag.
 */
const struct policy_rule *policy_match(const struct policy *policy, const char *name);

/* The rule with this prefix, the letters of a host in any case, or NULL. */
struct policy_rule *policy_find(const struct policy *policy, const char *prefix);

/* Adds a rule without keys that accepts. Returns it, or NULL with err filled: a bad prefix. */
struct policy_rule *policy_add(struct policy *policy, const char *prefix, struct error *err);
void policy_remove(struct policy *policy, struct policy_rule *rule);

/*
 * Whether the text is the name of a key: 64 lower-case hexadecimal digits (SHA-256 of the
 * SubjectPublicKeyInfo of a PEM key) or 40 (fingerprint of an OpenPGP key).
 */
bool policy_key_id_is_valid(const char *text);
bool policy_key_id_is_openpgp(const char *id);

/* "reject", "accept" or "signed-by". */
const char *policy_kind_name(enum policy_rule_kind kind);

#endif
