/*
 * Profiles in JSON: the OCI runtime specification 1.2 ("Linux Container Configuration", "Seccomp"),
 * and docker's profiles, in which archMap, includes and excludes choose what applies. Strict: a
 * member that is not known is refused, for in a misspelled one a permission may be lost or gained.
 */
#include <errno.h>
#include <linux/seccomp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "images/appc_reader.h"
#include "images/seccomp_json.h"
#include "images/seccomp_profile.h"
#include "vmm/base/bytes.h"

enum {
	ERRNO_VALUE_MAX = 4095, /* what a system call can return */
	CONDITIONS_MAX = 16384,
};

/* A document while it is read. */
struct reader {
	struct seccomp_profile *profile;
	size_t condition_count;
	struct error *err;
};

static const struct {
	const char *name;
	uint32_t action;
} actions[] = {
	{ "SCMP_ACT_ALLOW", SECCOMP_RET_ALLOW },
	{ "SCMP_ACT_LOG", SECCOMP_RET_LOG },
	{ "SCMP_ACT_ERRNO", SECCOMP_RET_ERRNO },
	{ "SCMP_ACT_TRAP", SECCOMP_RET_TRAP },
	{ "SCMP_ACT_KILL", SECCOMP_RET_KILL_THREAD },
	{ "SCMP_ACT_KILL_THREAD", SECCOMP_RET_KILL_THREAD },
	{ "SCMP_ACT_KILL_PROCESS", SECCOMP_RET_KILL_PROCESS },
};

/* The number beside an action, or by its name as podman writes it; EPERM if there is none. */
static int read_errno(struct reader *r, const struct appc_node *object, const char *number_key,
		      const char *name_key, bool is_errno, uint32_t *out)
{
	uint64_t number = EPERM;
	const char *name;
	int given = appc_uint(object, number_key, ERRNO_VALUE_MAX, &number, r->err);

	if (given < 0 || appc_string(object, name_key, &name, r->err) < 0)
		return -1;
	if (!is_errno && (given || *name))
		return appc_refuse(object, given ? number_key : name_key, r->err,
				   "only SCMP_ACT_ERRNO has an error");
	if (!given && *name) {
		number = (uint64_t)seccomp_errno(name);
		if (!number)
			return appc_refuse(object, name_key, r->err,
					   "\"%.64s\" is not the name of an error", name);
	}
	*out = is_errno ? (uint32_t)number : 0;
	return 0;
}

static int read_action(struct reader *r, const struct appc_node *object, const char *key,
		       const char *number_key, const char *name_key, uint32_t *out)
{
	uint32_t data = 0;
	const char *text;

	if (appc_need_string(object, key, &text, r->err) < 0)
		return -1;
	for (size_t i = 0; i < ARRAY_SIZE(actions); i++) {
		if (strcmp(actions[i].name, text) != 0)
			continue;
		if (read_errno(r, object, number_key, name_key,
			       actions[i].action == SECCOMP_RET_ERRNO, &data) < 0)
			return -1;
		*out = actions[i].action | data;
		return 0;
	}
	if (!strcmp(text, "SCMP_ACT_NOTIFY") || !strcmp(text, "SCMP_ACT_TRACE"))
		return appc_refuse(
		    object, key, r->err,
		    "%s needs a process of the host, which a virtual machine has not", text);
	return appc_refuse(object, key, r->err, "\"%.64s\" is no action", text);
}

/* Names of architectures; those of other machines than the guest are allowed and say nothing. */
static int read_architecture(struct reader *r, const struct appc_node *item)
{
	static const struct {
		const char *name;
		enum seccomp_arch arch;
	} ours[] = {
		{ "SCMP_ARCH_X86_64", SECCOMP_ARCH_X86_64 },
		{ "SCMP_ARCH_X86", SECCOMP_ARCH_X86 },
		{ "SCMP_ARCH_X32", SECCOMP_ARCH_X32 },
	};
	static const char *const others[] = {
		"ARM",	    "AARCH64",	 "LOONGARCH64", "M68K",	  "MIPS",     "MIPS64", "MIPSEL",
		"MIPSEL64", "MIPS64N32", "MIPSEL64N32", "PARISC", "PARISC64", "PPC",	"PPC64",
		"PPC64LE",  "RISCV64",	 "S390",	"S390X",  "SH",	      "SHEB",
	};
	const char *text = json_text(item->json);

	for (size_t i = 0; text && i < ARRAY_SIZE(ours); i++) {
		if (strcmp(ours[i].name, text) == 0) {
			r->profile->policy.archs[ours[i].arch] = true;
			return 0;
		}
	}
	for (size_t i = 0; text && i < ARRAY_SIZE(others); i++) {
		if (!strncmp(text, "SCMP_ARCH_", 10) && strcmp(text + 10, others[i]) == 0)
			return 0;
	}
	return appc_refuse(item, NULL, r->err, "\"%.64s\" is no architecture", text ? text : "?");
}

static int read_architectures(struct reader *r, const struct appc_node *object, const char *key)
{
	struct appc_node list, item = { 0 };

	if (appc_list(object, key, &list, r->err) < 0)
		return -1;
	while (appc_next(&list, &item)) {
		if (read_architecture(r, &item) < 0)
			return -1;
	}
	return 0;
}

/* docker: of the entries, the one for the machine's architecture counts. */
static int read_arch_map(struct reader *r, const struct appc_node *top)
{
	struct appc_node list, item = { 0 };
	const char *name;
	int more;

	if (appc_list(top, "archMap", &list, r->err) < 0)
		return -1;
	while ((more = appc_next_object(&list, &item, r->err)) > 0) {
		if (seccomp_json_members(&item, "architecture subArchitectures", r->err) < 0 ||
		    appc_need_string(&item, "architecture", &name, r->err) < 0)
			return -1;
		if (strcmp(name, "SCMP_ARCH_X86_64") == 0 &&
		    read_architectures(r, &item, "subArchitectures") < 0)
			return -1;
	}
	return more;
}

static int read_flags(struct reader *r, const struct appc_node *top)
{
	static const char *const flags[] = {
		"SECCOMP_FILTER_FLAG_TSYNC", /* there is one thread */
		"SECCOMP_FILTER_FLAG_LOG",   /* the guest's log is nobody's */
		"SECCOMP_FILTER_FLAG_SPEC_ALLOW",
		"SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV", /* of notifications */
	};
	struct appc_node list, item = { 0 };

	if (appc_list(top, "flags", &list, r->err) < 0)
		return -1;
	while (appc_next(&list, &item)) {
		const char *text = json_text(item.json);
		bool known = false;

		for (size_t i = 0; text && i < ARRAY_SIZE(flags); i++)
			known = known || strcmp(flags[i], text) == 0;
		if (!known)
			return appc_refuse(&item, NULL, r->err, "\"%.64s\" is no flag",
					   text ? text : "?");
	}
	return 0;
}

static int read_condition(struct reader *r, const struct appc_node *item,
			  struct seccomp_condition *out)
{
	static const char *const operators[] = {
		[SECCOMP_COMPARE_NE] = "SCMP_CMP_NE",
		[SECCOMP_COMPARE_LT] = "SCMP_CMP_LT",
		[SECCOMP_COMPARE_LE] = "SCMP_CMP_LE",
		[SECCOMP_COMPARE_EQ] = "SCMP_CMP_EQ",
		[SECCOMP_COMPARE_GE] = "SCMP_CMP_GE",
		[SECCOMP_COMPARE_GT] = "SCMP_CMP_GT",
		[SECCOMP_COMPARE_MASKED_EQ] = "SCMP_CMP_MASKED_EQ",
	};
	uint64_t index = 0, value = 0, second = 0;
	unsigned comparison = 0;
	const char *text;

	if (seccomp_json_members(item, "index value valueTwo op", r->err) < 0 ||
	    appc_uint(item, "index", SECCOMP_CONDITIONS_MAX - 1, &index, r->err) < 0 ||
	    appc_uint(item, "value", UINT64_MAX, &value, r->err) < 0 ||
	    appc_uint(item, "valueTwo", UINT64_MAX, &second, r->err) < 0 ||
	    appc_need_string(item, "op", &text, r->err) < 0)
		return -1;
	while (comparison < ARRAY_SIZE(operators) && strcmp(operators[comparison], text) != 0)
		comparison++;
	if (comparison == ARRAY_SIZE(operators))
		return appc_refuse(item, "op", r->err, "\"%.64s\" is no operator", text);
	*out = (struct seccomp_condition){ .argument = (uint8_t)index,
					   .comparison = (enum seccomp_comparison)comparison,
					   .value = value };
	if (comparison == SECCOMP_COMPARE_MASKED_EQ) {
		out->mask = value;
		out->value = second;
	}
	return 0;
}

/* The list args of a rule, as conditions that stay where they are. */
static int read_conditions(struct reader *r, const struct appc_node *entry,
			   struct seccomp_condition **out, unsigned *count)
{
	struct appc_node list, item = { 0 };
	int more;

	*out = r->profile->conditions + r->condition_count;
	*count = 0;
	if (appc_list(entry, "args", &list, r->err) < 0)
		return -1;
	while ((more = appc_next_object(&list, &item, r->err)) > 0) {
		if (*count == SECCOMP_CONDITIONS_MAX || r->condition_count == CONDITIONS_MAX)
			return appc_refuse(entry, "args", r->err, "there are too many");
		if (read_condition(r, &item, *out + *count) < 0)
			return -1;
		(*count)++;
		r->condition_count++;
	}
	return more;
}

/* Several conditions on one argument are alternatives, as runc has it; otherwise all must hold. */
static bool are_alternatives(const struct seccomp_condition *conditions, unsigned count)
{
	unsigned seen = 0;

	for (unsigned i = 0; i < count; i++) {
		if (seen & 1u << conditions[i].argument)
			return true;
		seen |= 1u << conditions[i].argument;
	}
	return false;
}

static int add_name(struct reader *r, const char *name, uint32_t action,
		    const struct seccomp_condition *conditions, unsigned count)
{
	bool alternatives = are_alternatives(conditions, count);

	for (unsigned i = 0; alternatives && i < count; i++) {
		if (seccomp_profile_add(r->profile, name, action, &conditions[i], 1, r->err) < 0)
			return -1;
	}
	return alternatives
		   ? 0
		   : seccomp_profile_add(r->profile, name, action, conditions, count, r->err);
}

/* The calls of an entry: names, or in old profiles of docker name. */
static int add_names(struct reader *r, const struct appc_node *entry, uint32_t action,
		     const struct seccomp_condition *conditions, unsigned count, bool counts)
{
	struct appc_node list, item = { 0 };
	const char *single;
	bool any = false;

	if (appc_string(entry, "name", &single, r->err) < 0 ||
	    appc_list(entry, "names", &list, r->err) < 0)
		return -1;
	if (*single && counts && add_name(r, single, action, conditions, count) < 0)
		return -1;
	while (appc_next(&list, &item)) {
		const char *name = json_text(item.json);

		if (!name || !*name)
			return appc_refuse(&item, NULL, r->err, "it is no name");
		any = true;
		if (counts && add_name(r, name, action, conditions, count) < 0)
			return -1;
	}
	if (any == (*single != '\0'))
		return appc_refuse(entry, "names", r->err, "%s",
				   any ? "name stands there too" : "it is missing");
	return 0;
}

static int read_entry(struct reader *r, const struct appc_node *entry)
{
	struct seccomp_condition *conditions;
	bool counts = true;
	unsigned count;
	uint32_t action;
	const char *comment;

	if (seccomp_json_members(entry,
				 "names name action errnoRet errno args comment includes excludes",
				 r->err) < 0 ||
	    appc_string(entry, "comment", &comment, r->err) < 0 ||
	    read_action(r, entry, "action", "errnoRet", "errno", &action) < 0 ||
	    read_conditions(r, entry, &conditions, &count) < 0 ||
	    seccomp_json_applies(entry, r->profile->app, &counts, r->err) < 0)
		return -1;
	/* What repeats the default says nothing, as for runc. */
	if (action == r->profile->policy.default_action)
		counts = false;
	return add_names(r, entry, action, conditions, count, counts);
}

static int read_entries(struct reader *r, const struct appc_node *top)
{
	struct appc_node list, item = { 0 };
	int more;

	if (appc_list(top, "syscalls", &list, r->err) < 0)
		return -1;
	while ((more = appc_next_object(&list, &item, r->err)) > 0) {
		if (read_entry(r, &item) < 0)
			return -1;
	}
	return more;
}

static int read_top(struct reader *r, const struct appc_node *top)
{
	struct seccomp_policy *policy = &r->profile->policy;
	struct appc_node unused;
	const char *listener;
	uint32_t plain;

	if (seccomp_json_members(
		top,
		"defaultAction defaultErrnoRet defaultErrno architectures archMap flags "
		"listenerPath listenerMetadata syscalls",
		r->err) < 0 ||
	    read_action(r, top, "defaultAction", "defaultErrnoRet", "defaultErrno",
			&policy->default_action) < 0 ||
	    appc_string(top, "listenerPath", &listener, r->err) < 0)
		return -1;
	if (*listener)
		return appc_refuse(top, "listenerPath", r->err,
				   "no process of the host can decide about calls in a guest");
	policy->archs[SECCOMP_ARCH_X86_64] = true;
	/* A newer call than the author knew is missing, not forbidden, unless that was chosen. */
	plain = policy->default_action & SECCOMP_RET_ACTION_FULL;
	policy->unknown_is_missing = plain != SECCOMP_RET_ALLOW && plain != SECCOMP_RET_LOG;
	if (json_array(top->json, "archMap", &unused.json, r->err) > 0 &&
	    json_array(top->json, "architectures", &unused.json, r->err) > 0)
		return appc_refuse(top, "archMap", r->err, "architectures stands there too");
	if (read_architectures(r, top, "architectures") < 0 || read_arch_map(r, top) < 0 ||
	    read_flags(r, top) < 0)
		return -1;
	return read_entries(r, top);
}

/* The profile of an OCI bundle is a part of its config.json. */
static int read_bundle(struct reader *r, const struct appc_node *config)
{
	struct appc_node linux_node, seccomp;

	if (appc_object(config, "linux", &linux_node, r->err) <= 0 ||
	    appc_object(&linux_node, "seccomp", &seccomp, r->err) <= 0)
		return error_set(r->err, 0, "it has no linux.seccomp");
	return read_top(r, &seccomp);
}

int seccomp_read_json(struct seccomp_profile *profile, const char *text, size_t len, bool in_bundle,
		      struct error *err)
{
	struct reader r = { .profile = profile, .err = err };
	struct appc_node top = { 0 };
	struct cJSON *document;
	int result;

	profile->conditions = calloc(CONDITIONS_MAX, sizeof(*profile->conditions));
	if (!profile->conditions)
		return error_set(err, ENOMEM, "cannot read a system call filter");
	if (json_parse(&document, text, len, err) < 0)
		return -1;
	top.json = document;
	if (!json_is_object(document))
		result = error_set(err, 0, "it is no JSON object");
	else
		result = in_bundle ? read_bundle(&r, &top) : read_top(&r, &top);
	json_free(document);
	return result;
}
