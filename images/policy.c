/*
 * Reading and writing the policy file. It is an administrator's, so it is trusted but not guessed
 * at: what this reader would skip, another version might mean.
 */
#include "images/policy.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "images/json.h"
#include "vmm/base/bytes.h"

static int known_members(const struct cJSON *object, const char *const *names, size_t count,
			 const char *where, struct error *err)
{
	for (const struct cJSON *m = json_first(object); m; m = json_next(m)) {
		const struct cJSON *value;
		size_t i = 0;

		while (i < count && strcmp(names[i], json_key(m)))
			i++;
		if (i == count)
			return error_set(err, 0, "unknown field \"%.100s\" in %s", json_key(m),
					 where);
		/* Elsewhere a null is as good as nothing; here it could be a threshold. */
		if (json_member(object, names[i], &value, err) <= 0)
			return error_set(err, 0, "\"%s\" in %s is null", names[i], where);
	}
	return 0;
}

static int read_kind(const char *text, enum policy_rule_kind *out, const char *where,
		     struct error *err)
{
	if (!strcmp(text, "accept"))
		*out = POLICY_ACCEPT;
	else if (!strcmp(text, "reject"))
		*out = POLICY_REJECT;
	else
		return error_set(err, 0, "\"%.100s\" of %s is neither \"accept\" nor \"reject\"",
				 text, where);
	return 0;
}

static int read_keys(struct policy_rule *rule, const struct cJSON *keys, struct error *err)
{
	for (const struct cJSON *k = json_first(keys); k; k = json_next(k)) {
		const char *id = json_text(k);

		if (!id || !policy_key_id_is_valid(id))
			return error_set(err, 0, "a key is 64 or 40 lower-case hexadecimal digits");
		if (rule->key_count == POLICY_KEYS_MAX)
			return error_set(err, 0, "there are more than %d keys", POLICY_KEYS_MAX);
		for (size_t i = 0; i < rule->key_count; i++) {
			if (!strcmp(rule->keys[i], id))
				return error_set(err, 0, "the key %s is there twice", id);
		}
		memcpy(rule->keys[rule->key_count++], id, strlen(id) + 1);
	}
	if (!rule->key_count)
		return error_set(err, 0, "there are no keys");
	return 0;
}

static int read_signed_by(struct policy_rule *rule, const struct cJSON *json, struct error *err)
{
	static const char *const outer[] = { "signed-by" };
	static const char *const inner[] = { "keys", "threshold" };
	const struct cJSON *signed_by, *keys;
	uint64_t threshold = 1;
	int found;

	if (known_members(json, outer, ARRAY_SIZE(outer), "a rule", err) < 0)
		return -1;
	found = json_object(json, "signed-by", &signed_by, err);
	if (found <= 0)
		return found < 0 ? -1 : error_set(err, 0, "there is no \"signed-by\"");
	if (known_members(signed_by, inner, ARRAY_SIZE(inner), "\"signed-by\"", err) < 0)
		return -1;
	found = json_array(signed_by, "keys", &keys, err);
	if (found <= 0)
		return found < 0 ? -1 : error_set(err, 0, "there are no \"keys\"");
	if (read_keys(rule, keys, err) < 0 ||
	    json_uint(signed_by, "threshold", POLICY_KEYS_MAX, &threshold, err) < 0)
		return -1;
	if (threshold == 0 || threshold > rule->key_count)
		return error_set(err, 0, "the threshold is not between 1 and the number of keys");
	rule->threshold = (size_t)threshold;
	rule->kind = POLICY_SIGNED_BY;
	return 0;
}

static int read_rule(struct policy *policy, const struct cJSON *json, struct error *err)
{
	struct policy_rule *rule = policy_add(policy, json_key(json), err);
	int result;

	if (!rule)
		return -1;
	if (json_text(json))
		result = read_kind(json_text(json), &rule->kind, "a rule", err);
	else if (json_is_object(json))
		result = read_signed_by(rule, json, err);
	else
		result = error_set(err, 0, "it is neither a word nor an object");
	if (result < 0)
		return error_prefix(err, "the rule for \"%.200s\"", json_key(json));
	return 0;
}

static int read_stores(struct policy *policy, const struct cJSON *stores, struct error *err)
{
	for (const struct cJSON *s = json_first(stores); s; s = json_next(s)) {
		const char *path = json_text(s);

		if (!path || path[0] != '/')
			return error_set(err, 0,
					 "\"stores\" holds something else than an "
					 "absolute path");
		if (policy->stores.count == POLICY_STORES_MAX)
			return error_set(err, 0, "there are more than %d stores",
					 POLICY_STORES_MAX);
		if (string_list_add(&policy->stores, path, strlen(path)) < 0)
			return error_set(err, ENOMEM, "cannot read a policy");
	}
	return 0;
}

static int read_head(struct policy *policy, const struct cJSON *root, struct error *err)
{
	static const char *const members[] = { "version", "default", "locked", "stores", "rules" };
	const char *fallback;
	uint64_t version = 0;

	if (!json_is_object(root))
		return error_set(err, 0, "it is not an object");
	if (known_members(root, members, ARRAY_SIZE(members), "the policy", err) < 0 ||
	    json_uint(root, "version", UINT32_MAX, &version, err) < 0 ||
	    json_string(root, "default", &fallback, err) < 0 ||
	    json_bool(root, "locked", &policy->locked, err) < 0)
		return -1;
	if (version != 1)
		return error_set(err, 0, "\"version\" is not 1");
	if (!fallback)
		return error_set(err, 0, "there is no \"default\"");
	return read_kind(fallback, &policy->fallback, "\"default\"", err);
}

static int read_policy(struct policy *policy, const struct cJSON *root, struct error *err)
{
	const struct cJSON *list;
	int found;

	if (read_head(policy, root, err) < 0)
		return -1;
	found = json_array(root, "stores", &list, err);
	if (found < 0 || (found && read_stores(policy, list, err) < 0))
		return -1;
	found = json_object(root, "rules", &list, err);
	if (found <= 0)
		return found;
	for (const struct cJSON *rule = json_first(list); rule; rule = json_next(rule)) {
		if (read_rule(policy, rule, err) < 0)
			return -1;
	}
	return 0;
}

int policy_parse(struct policy *out, const char *text, size_t len, struct error *err)
{
	struct policy policy = { 0 };
	struct cJSON *root;
	int result;

	if (json_parse(&root, text, len, err) < 0)
		return -1;
	result = read_policy(&policy, root, err);
	json_free(root);
	if (result < 0) {
		policy_free(&policy);
		return -1;
	}
	*out = policy;
	return 0;
}

void policy_free(struct policy *policy)
{
	for (size_t i = 0; i < policy->rule_count; i++)
		free(policy->rules[i].prefix);
	free(policy->rules);
	string_list_free(&policy->stores);
	*policy = (struct policy){ 0 };
}

static void write_text(FILE *file, const char *text)
{
	(void)fputc('"', file);
	for (; *text; text++) {
		if (*text == '"' || *text == '\\')
			(void)fputc('\\', file);
		if ((unsigned char)*text < ' ')
			(void)fprintf(file, "\\u%04x", (unsigned)*text);
		else
			(void)fputc(*text, file);
	}
	(void)fputc('"', file);
}

static void write_rule(FILE *file, const struct policy_rule *rule)
{
	(void)fputs("\t\t", file);
	write_text(file, rule->prefix);
	if (rule->kind != POLICY_SIGNED_BY) {
		(void)fprintf(file, ": \"%s\"", policy_kind_name(rule->kind));
		return;
	}
	(void)fputs(": {\n\t\t\t\"signed-by\": {\n\t\t\t\t\"keys\": [\n", file);
	for (size_t i = 0; i < rule->key_count; i++)
		(void)fprintf(file, "\t\t\t\t\t\"%s\"%s\n", rule->keys[i],
			      i + 1 < rule->key_count ? "," : "");
	(void)fprintf(file, "\t\t\t\t],\n\t\t\t\t\"threshold\": %zu\n\t\t\t}\n\t\t}",
		      rule->threshold);
}

static void write_policy(FILE *file, const struct policy *policy)
{
	(void)fprintf(file, "{\n\t\"version\": 1,\n\t\"default\": \"%s\",\n\t\"locked\": %s,\n",
		      policy_kind_name(policy->fallback), policy->locked ? "true" : "false");
	if (policy->stores.count) {
		(void)fputs("\t\"stores\": [\n", file);
		for (size_t i = 0; i < policy->stores.count; i++) {
			(void)fputs("\t\t", file);
			write_text(file, policy->stores.items[i]);
			(void)fputs(i + 1 < policy->stores.count ? ",\n" : "\n", file);
		}
		(void)fputs("\t],\n", file);
	}
	(void)fputs("\t\"rules\": {\n", file);
	for (size_t i = 0; i < policy->rule_count; i++) {
		write_rule(file, &policy->rules[i]);
		(void)fputs(i + 1 < policy->rule_count ? ",\n" : "\n", file);
	}
	(void)fputs("\t}\n}\n", file);
}

char *policy_format(const struct policy *policy, size_t *len)
{
	char *text = NULL;
	FILE *file = open_memstream(&text, len);

	if (!file)
		return NULL;
	write_policy(file, policy);
	if (fclose(file) != 0) {
		free(text);
		return NULL;
	}
	return text;
}
