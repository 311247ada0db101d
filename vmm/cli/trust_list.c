/*
 * nacelle trust list.
 */
#include <stdio.h>
#include <string.h>

#include "images/key.h"
#include "vmm/base/json_writer.h"
#include "vmm/cli/trust_verbs.h"

static const char *describe(const struct trust_policy *policy, const char *id)
{
	const struct trust_key *key = trust_policy_key(policy, id);

	return key && key->public_key ? public_key_name(key->public_key) : "OpenPGP";
}

static void print_text(const struct trust_policy *policy)
{
	const struct policy *rules = &policy->policy;
	size_t width = strlen("(default)");

	for (size_t i = 0; i < rules->rule_count; i++) {
		if (strlen(rules->rules[i].prefix) > width)
			width = strlen(rules->rules[i].prefix);
	}
	printf("%s/" POLICY_FILE_NAME "%s\n", policy->place->directory,
	       rules->locked ? " (locked)" : "");
	printf("  %-*s  %s\n", (int)width, "(default)", policy_kind_name(rules->fallback));
	for (size_t i = 0; i < rules->rule_count; i++) {
		const struct policy_rule *rule = &rules->rules[i];

		printf("  %-*s  %s", (int)width, rule->prefix, policy_kind_name(rule->kind));
		if (rule->kind == POLICY_SIGNED_BY)
			printf(" %zu of %zu", rule->threshold, rule->key_count);
		printf("\n");
		for (size_t k = 0; k < rule->key_count; k++)
			printf("    %s  %s\n", rule->keys[k], describe(policy, rule->keys[k]));
	}
}

static void print_rule(struct json_writer *json, const struct trust_policy *policy,
		       const struct policy_rule *rule)
{
	json_open(json, NULL, '{');
	json_put_text(json, "prefix", rule->prefix);
	json_put_text(json, "rule", policy_kind_name(rule->kind));
	if (rule->kind == POLICY_SIGNED_BY) {
		json_put_number(json, "threshold", rule->threshold);
		json_open(json, "keys", '[');
		for (size_t k = 0; k < rule->key_count; k++) {
			json_open(json, NULL, '{');
			json_put_text(json, "id", rule->keys[k]);
			json_put_text(json, "type", describe(policy, rule->keys[k]));
			json_close(json, '}');
		}
		json_close(json, ']');
	}
	json_close(json, '}');
}

static void print_policy(struct json_writer *json, const struct trust_policy *policy)
{
	char path[PATH_MAX + sizeof(POLICY_FILE_NAME)];

	(void)snprintf(path, sizeof(path), "%s/" POLICY_FILE_NAME, policy->place->directory);
	json_open(json, NULL, '{');
	json_put_text(json, "file", path);
	json_put_bool(json, "locked", policy->policy.locked);
	json_put_text(json, "default", policy_kind_name(policy->policy.fallback));
	json_open(json, "rules", '[');
	for (size_t i = 0; i < policy->policy.rule_count; i++)
		print_rule(json, policy, &policy->policy.rules[i]);
	json_close(json, ']');
	json_close(json, '}');
}

static void print_all(const struct trust_policy *policies, const int *found, size_t count,
		      bool as_json)
{
	struct json_writer json;
	bool any = false;

	if (as_json) {
		json_begin(&json, stdout);
		json_open(&json, NULL, '[');
	}
	for (size_t i = 0; i < count; i++) {
		any = any || found[i];
		if (found[i] && as_json)
			print_policy(&json, &policies[i]);
		else if (found[i])
			print_text(&policies[i]);
	}
	if (as_json) {
		json_close(&json, ']');
		json_end(&json);
	} else if (!any) {
		printf("There is no policy: every image is accepted.\n");
	}
}

int cli_trust_list(const void *options, int argc, char **argv, struct error *err)
{
	const struct trust_verb_options *given = options;
	struct policy_place places[POLICY_PLACES_MAX];
	struct trust_policy policies[POLICY_PLACES_MAX];
	int found[POLICY_PLACES_MAX] = { 0 };
	size_t count = policy_places(places), read = 0;

	(void)argc;
	(void)argv;
	while (read < count) {
		found[read] = trust_policy_load(&policies[read], &places[read], err);
		if (found[read] < 0)
			break;
		read++;
	}
	if (read == count)
		print_all(policies, found, count, given->json);
	for (size_t i = 0; i < read; i++) {
		if (found[i])
			trust_policy_free(&policies[i]);
	}
	return read == count ? 0 : -1;
}
