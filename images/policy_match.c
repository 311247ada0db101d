/*
 * Rules of a policy: finding, adding, removing. A name comes from the user and from documents, a
 * prefix from the policy.
 */
#include "images/policy.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "images/reference.h"
#include "vmm/base/bytes.h"

static const char *const transports[] = { "oci:/", "oci-archive:/", "docker-archive:/",
					  "rootfs:/" };

/* The length of "TRANSPORT:" if the name is a place of this machine, else 0. */
static size_t transport_len(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(transports); i++) {
		if (!strncmp(name, transports[i], strlen(transports[i])))
			return strlen(transports[i]) - 1;
	}
	return 0;
}

/*
 * Whether a component ends before name[at]. A file may be called a@b or, as a directory, a:b;
 * whoever may create that beside an allowed directory a must not get its rule.
 */
static bool is_boundary(const char *name, size_t at)
{
	size_t local = transport_len(name);

	if (name[at] == '\0' || name[at] == '/')
		return true;
	if (name[at] == ':')
		return at < local || strncmp(name, "rootfs:/", 8) != 0;
	return name[at] == '@' && !local;
}

/* A host is the same however its letters are written, the rest of a name is not. */
static bool begins_with(const char *name, const char *prefix, size_t len)
{
	size_t host_len = transport_len(name) ? 0 : strcspn(name, "/");

	if (host_len > len)
		host_len = len;
	return strnlen(name, len) == len && !strncasecmp(name, prefix, host_len) &&
	       !strncmp(name + host_len, prefix + host_len, len - host_len);
}

/* Whether the prefix is "oci:" and the like: no registry, though one could be called oci:5000. */
static bool is_transport(const char *prefix)
{
	size_t len = strlen(prefix);

	for (size_t i = 0; i < ARRAY_SIZE(transports); i++) {
		if (!strncmp(prefix, transports[i], len) && len + 1 == strlen(transports[i]))
			return true;
	}
	return false;
}

static bool matches(const char *prefix, const char *name)
{
	size_t len = strlen(prefix);

	if (is_transport(prefix) && !transport_len(name))
		return false;
	return begins_with(name, prefix, len) &&
	       (is_boundary(name, len) || is_boundary(name, len - 1));
}

const struct policy_rule *policy_match(const struct policy *policy, const char *name)
{
	const struct policy_rule *best = NULL;

	for (size_t i = 0; i < policy->rule_count; i++) {
		const struct policy_rule *rule = &policy->rules[i];

		if (matches(rule->prefix, name) &&
		    (!best || strlen(rule->prefix) > strlen(best->prefix)))
			best = rule;
	}
	return best;
}

struct policy_rule *policy_find(const struct policy *policy, const char *prefix)
{
	for (size_t i = 0; i < policy->rule_count; i++) {
		const char *other = policy->rules[i].prefix;

		if (strlen(other) == strlen(prefix) && begins_with(other, prefix, strlen(prefix)))
			return &policy->rules[i];
	}
	return NULL;
}

/* Whether the prefix has a host that no name has (image_reference_parse_docker()). */
static bool has_other_host(const char *prefix)
{
	static const char *const hosts[] = { "index.docker.io", "registry-1.docker.io" };
	size_t len = image_host_len(prefix);

	if (!transport_len(prefix) && len < strcspn(prefix, "/@"))
		return true;
	for (size_t i = 0; i < ARRAY_SIZE(hosts); i++) {
		if (strlen(hosts[i]) == len && !strncasecmp(hosts[i], prefix, len))
			return true;
	}
	return false;
}

static int check_prefix(const char *prefix, struct error *err)
{
	size_t len = strlen(prefix);

	if (len == 0 || len > POLICY_PREFIX_MAX)
		return error_set(err, 0, "a prefix has 1 to %d bytes", POLICY_PREFIX_MAX);
	for (size_t i = 0; i < len; i++) {
		if ((unsigned char)prefix[i] <= ' ' || prefix[i] == 0x7f)
			return error_set(err, 0,
					 "the prefix \"%.200s\" holds a blank or a control "
					 "character",
					 prefix);
	}
	if (strstr(prefix, "://"))
		return error_set(err, 0,
				 "the prefix \"%.200s\" is a reference, not a name: names "
				 "from registries begin with the host",
				 prefix);
	if (has_other_host(prefix))
		return error_set(err, 0,
				 "the prefix \"%.200s\" matches nothing: names have no port "
				 "443, and images from there may be called docker.io/...",
				 prefix);
	return 0;
}

struct policy_rule *policy_add(struct policy *policy, const char *prefix, struct error *err)
{
	struct policy_rule *rules;
	char *copy;

	if (check_prefix(prefix, err) < 0)
		return NULL;
	if (policy_find(policy, prefix)) {
		(void)error_set(err, 0, "the prefix %.200s has a rule already", prefix);
		return NULL;
	}
	if (policy->rule_count == POLICY_RULES_MAX) {
		(void)error_set(err, 0, "a policy has at most %d rules", POLICY_RULES_MAX);
		return NULL;
	}
	copy = strdup(prefix);
	rules = realloc(policy->rules, (policy->rule_count + 1) * sizeof(*rules));
	if (rules)
		policy->rules = rules;
	if (!rules || !copy) {
		free(copy);
		(void)error_set(err, ENOMEM, "cannot add a rule");
		return NULL;
	}
	rules[policy->rule_count] = (struct policy_rule){ .prefix = copy, .kind = POLICY_ACCEPT };
	return &rules[policy->rule_count++];
}

void policy_remove(struct policy *policy, struct policy_rule *rule)
{
	size_t behind = (size_t)(policy->rules + policy->rule_count - rule) - 1;

	free(rule->prefix);
	memmove(rule, rule + 1, behind * sizeof(*rule));
	policy->rule_count--;
}

bool policy_key_id_is_valid(const char *text)
{
	size_t len = strspn(text, "0123456789abcdef");

	return !text[len] && (len == 64 || len == 40);
}

bool policy_key_id_is_openpgp(const char *id)
{
	return strlen(id) == 40;
}

const char *policy_kind_name(enum policy_rule_kind kind)
{
	switch (kind) {
	case POLICY_REJECT:
		return "reject";
	case POLICY_ACCEPT:
		return "accept";
	case POLICY_SIGNED_BY:
		return "signed-by";
	}
	return "";
}
