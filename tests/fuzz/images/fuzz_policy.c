/*
 * The policy file: what is read is written to a text that reads as the same, and decides the same.
 */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "images/policy.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void match(const struct policy *policy, const struct policy *back, const char *name)
{
	const struct policy_rule *rule = policy_match(policy, name);
	const struct policy_rule *other = policy_match(back, name);

	assert(!rule == !other);
	assert(!rule || (!strcmp(rule->prefix, other->prefix) && rule->kind == other->kind &&
			 rule->threshold == other->threshold));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const names[] = { "",
					     "example.com/app:1",
					     "EXAMPLE.com/app@x",
					     "oci:/srv/a:tag",
					     "oci:/srv/a@b",
					     "rootfs:/srv/a:b",
					     "a/b",
					     "b" };
	struct policy policy, back;
	char *text;
	size_t len;

	if (policy_parse(&policy, (const char *)data, size, NULL) < 0)
		return 0;
	text = policy_format(&policy, &len);
	assert(text && policy_parse(&back, text, len, NULL) == 0);
	assert(back.rule_count == policy.rule_count && back.locked == policy.locked &&
	       back.fallback == policy.fallback && back.stores.count == policy.stores.count);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		match(&policy, &back, names[i]);
	for (size_t i = 0; i < policy.rule_count; i++) {
		match(&policy, &back, policy.rules[i].prefix);
		assert(policy_kind_name(policy.rules[i].kind)[0]);
		if (policy.rules[i].key_count)
			(void)policy_key_id_is_openpgp(policy.rules[i].keys[0]);
	}
	while (back.rule_count) {
		assert(policy_find(&back, back.rules[0].prefix) == &back.rules[0]);
		policy_remove(&back, &back.rules[0]);
	}
	free(text);
	policy_free(&policy);
	policy_free(&back);
	return 0;
}
