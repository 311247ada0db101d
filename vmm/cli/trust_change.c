/*
 * nacelle trust add, set, rm, default, lock, unlock: each opens the policy, changes it and writes
 * it.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "images/trust_edit.h"
#include "vmm/cli/trust_verbs.h"

static int need_prefix(const struct trust_verb_options *options, struct error *err)
{
	if (!options->prefix)
		return error_set(err, 0, "--prefix NAME is missing");
	return 0;
}

/*
 * A rule that decides about nothing protects nothing: a first component that is no host may be an
 * ACI's, but the writer may have meant docker's short name, or a path as it is typed.
 */
static void note_prefix(const char *prefix)
{
	size_t first = strcspn(prefix, "/");

	if (strcspn(prefix, ".:") < first || strncmp(prefix, "localhost", first) == 0) {
		const char *path = strchr(prefix, ':');

		if (path && (path[1] == '.' || path[1] == '~'))
			(void)fprintf(stderr,
				      "nacelle-image: note: local images are known by their whole "
				      "path, as in oci:/srv/images\n");
		return;
	}
	(void)fputs("nacelle-image: note: names of registries' images begin with a host, as in "
		    "docker.io/library/alpine\n",
		    stderr);
}

static int read_kind(const char *text, enum policy_rule_kind *out, struct error *err)
{
	if (strcmp(text, "accept") == 0)
		*out = POLICY_ACCEPT;
	else if (strcmp(text, "reject") == 0)
		*out = POLICY_REJECT;
	else
		return error_set(err, 0, "\"%.100s\" is neither accept nor reject", text);
	return 0;
}

static int add_key(struct trust_edit *edit, struct policy_rule *rule, const char *path,
		   struct error *err)
{
	char id[POLICY_KEY_ID_SIZE];

	if (trust_edit_add_key(edit, path, id, err) < 0)
		return -1;
	for (size_t i = 0; i < rule->key_count; i++) {
		if (strcmp(rule->keys[i], id) == 0)
			return 0;
	}
	if (rule->key_count == POLICY_KEYS_MAX)
		return error_set(err, 0, "a rule has at most %d keys", POLICY_KEYS_MAX);
	memcpy(rule->keys[rule->key_count++], id, sizeof(id));
	return 0;
}

static int add(struct trust_edit *edit, const struct trust_verb_options *options, struct error *err)
{
	struct policy_rule *rule = policy_find(&edit->policy, options->prefix);
	size_t before = rule ? rule->key_count : 0;

	if (rule && rule->kind == POLICY_REJECT)
		return error_set(err, 0,
				 "the rule for %.200s rejects: remove it first (nacelle "
				 "trust rm)",
				 options->prefix);
	if (!rule)
		rule = policy_add(&edit->policy, options->prefix, err);
	if (!rule)
		return -1;
	if (rule->kind != POLICY_SIGNED_BY) {
		rule->kind = POLICY_SIGNED_BY;
		rule->threshold = 1;
	}
	for (unsigned i = 0; i < options->keys.count; i++) {
		if (add_key(edit, rule, options->keys.items[i], err) < 0)
			return -1;
	}
	if (options->threshold > rule->key_count)
		return error_set(err, 0, "the rule has %zu keys, so %ju cannot sign",
				 rule->key_count, (uintmax_t)options->threshold);
	if (options->threshold)
		rule->threshold = (size_t)options->threshold;
	if (trust_edit_write(edit, err) < 0)
		return -1;
	for (size_t i = before; i < rule->key_count; i++)
		printf("%s\n", rule->keys[i]);
	return 0;
}

int cli_trust_add(const void *options, int argc, char **argv, struct error *err)
{
	const struct trust_verb_options *given = options;
	struct trust_edit edit;
	int result;

	(void)argc;
	(void)argv;
	if (need_prefix(given, err) < 0)
		return -1;
	if (!given->keys.count)
		return error_set(err, 0, "--key FILE is missing");
	result = trust_edit_open(&edit, false, err);
	if (result == 0)
		result = add(&edit, given, err);
	if (result == 0)
		note_prefix(given->prefix);
	trust_edit_close(&edit);
	return result;
}

static int set(struct trust_edit *edit, const char *prefix, enum policy_rule_kind kind,
	       struct error *err)
{
	struct policy_rule *rule = policy_find(&edit->policy, prefix);
	struct policy_rule old = { .key_count = 0 };

	if (rule)
		old = *rule;
	else
		rule = policy_add(&edit->policy, prefix, err);
	if (!rule)
		return -1;
	rule->kind = kind;
	rule->key_count = 0;
	if (trust_edit_write(edit, err) < 0)
		return -1;
	for (size_t i = 0; i < old.key_count; i++)
		trust_edit_drop_key(edit, old.keys[i]);
	return 0;
}

int cli_trust_set(const void *options, int argc, char **argv, struct error *err)
{
	const struct trust_verb_options *given = options;
	enum policy_rule_kind kind = POLICY_REJECT;
	struct trust_edit edit;
	int result;

	(void)argc;
	if (need_prefix(given, err) < 0 || read_kind(argv[0], &kind, err) < 0)
		return -1;
	result = trust_edit_open(&edit, false, err);
	if (result == 0)
		result = set(&edit, given->prefix, kind, err);
	if (result == 0)
		note_prefix(given->prefix);
	trust_edit_close(&edit);
	return result;
}

/* The place of the key that the text means. */
static int find_key(const struct policy_rule *rule, const char *text, size_t *out,
		    struct error *err)
{
	size_t count = 0;

	for (size_t i = 0; i < rule->key_count; i++) {
		if (strncmp(rule->keys[i], text, strlen(text)) == 0) {
			*out = i;
			count++;
		}
	}
	if (!text[0] || count == 0)
		return error_set(err, 0, "the rule has no key %.100s", text);
	if (count > 1)
		return error_set(err, 0, "the rule has several keys that begin with %.100s", text);
	return 0;
}

static int remove_key(struct trust_edit *edit, struct policy_rule *rule, const char *text,
		      struct error *err)
{
	char id[POLICY_KEY_ID_SIZE];
	size_t at = 0;

	if (find_key(rule, text, &at, err) < 0)
		return -1;
	if (rule->key_count == 1)
		return error_set(err, 0,
				 "this is the rule's last key: remove the rule (without "
				 "--key), or reject the name (nacelle trust set)");
	if (rule->threshold == rule->key_count)
		return error_set(err, 0,
				 "all %zu keys have to sign: lower the threshold first "
				 "(nacelle trust add --threshold)",
				 rule->key_count);
	memcpy(id, rule->keys[at], sizeof(id));
	memmove(rule->keys[at], rule->keys[at + 1],
		(rule->key_count - at - 1) * sizeof(rule->keys[0]));
	rule->key_count--;
	if (trust_edit_write(edit, err) < 0)
		return -1;
	trust_edit_drop_key(edit, id);
	return 0;
}

static int remove_rule(struct trust_edit *edit, struct policy_rule *rule, struct error *err)
{
	struct policy_rule old = *rule;

	policy_remove(&edit->policy, rule);
	if (trust_edit_write(edit, err) < 0)
		return -1;
	for (size_t i = 0; i < old.key_count; i++)
		trust_edit_drop_key(edit, old.keys[i]);
	return 0;
}

int cli_trust_remove(const void *options, int argc, char **argv, struct error *err)
{
	const struct trust_verb_options *given = options;
	struct policy_rule *rule;
	struct trust_edit edit;
	int result;

	(void)argc;
	(void)argv;
	if (need_prefix(given, err) < 0)
		return -1;
	result = trust_edit_open(&edit, false, err);
	if (result == 0) {
		rule = policy_find(&edit.policy, given->prefix);
		if (!rule)
			result = error_set(err, 0, "there is no rule for %.200s", given->prefix);
		else if (given->key)
			result = remove_key(&edit, rule, given->key, err);
		else
			result = remove_rule(&edit, rule, err);
	}
	trust_edit_close(&edit);
	return result;
}

int cli_trust_default(const void *options, int argc, char **argv, struct error *err)
{
	enum policy_rule_kind kind = POLICY_REJECT;
	struct trust_edit edit;
	int result;

	(void)options;
	(void)argc;
	if (read_kind(argv[0], &kind, err) < 0)
		return -1;
	result = trust_edit_open(&edit, false, err);
	if (result == 0) {
		edit.policy.fallback = kind;
		result = trust_edit_write(&edit, err);
	}
	trust_edit_close(&edit);
	return result;
}

static int change_lock(bool lock, struct error *err)
{
	struct trust_edit edit;
	int result;

	if (geteuid() != 0)
		return error_set(err, 0, "only root locks and unlocks the policy");
	result = trust_edit_open(&edit, true, err);
	if (result == 0) {
		edit.policy.locked = lock;
		result = trust_edit_write(&edit, err);
	}
	trust_edit_close(&edit);
	return result;
}

int cli_trust_lock(const void *options, int argc, char **argv, struct error *err)
{
	(void)options;
	(void)argc;
	(void)argv;
	return change_lock(true, err);
}

int cli_trust_unlock(const void *options, int argc, char **argv, struct error *err)
{
	(void)options;
	(void)argc;
	(void)argv;
	return change_lock(false, err);
}
