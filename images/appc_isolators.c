/*
 * Isolators (appc spec, ace.md, "Isolators"). Known ones are checked in full; one that is not known
 * is noted by its name, since an executor may ignore it, but nobody may do so silently.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "images/appc_app.h"
#include "images/appc_types.h"

enum { QUANTITY_TEXT_MAX = 64, SHARES_MIN = 2, SHARES_MAX = 262144, OOM_SCORE_MAX = 1000 };

static const char *const names[APPC_ISOLATORS] = {
	[APPC_CPU] = "resource/cpu",
	[APPC_MEMORY] = "resource/memory",
	[APPC_BLOCK_BANDWIDTH] = "resource/block-bandwidth",
	[APPC_BLOCK_IOPS] = "resource/block-iops",
	[APPC_NETWORK_BANDWIDTH] = "resource/network-bandwidth",
	[APPC_CPU_SHARES] = "os/linux/cpu-shares",
	[APPC_OOM_SCORE_ADJ] = "os/linux/oom-score-adj",
	[APPC_NO_NEW_PRIVILEGES] = "os/linux/no-new-privileges",
	[APPC_CAPABILITIES_RETAIN] = "os/linux/capabilities-retain-set",
	[APPC_CAPABILITIES_REMOVE] = "os/linux/capabilities-remove-set",
	[APPC_SECCOMP_RETAIN] = "os/linux/seccomp-retain-set",
	[APPC_SECCOMP_REMOVE] = "os/linux/seccomp-remove-set",
	[APPC_SELINUX_CONTEXT] = "os/linux/selinux-context",
	[APPC_APPARMOR_PROFILE] = "os/linux/apparmor-profile",
	[APPC_SYSCTL] = "os/unix/sysctl",
};

/* A quantity, as a string or as a number. Numbers keep fifteen digits, which is what JSON's have.
 */
static int read_quantity(const struct appc_node *value, const char *key, bool in_thousandths,
			 struct appc_quantity *out, struct error *err)
{
	char number[QUANTITY_TEXT_MAX];
	const struct cJSON *json;
	const char *text;
	double nearest;
	int found = json_member(value->json, key, &json, err);

	if (found <= 0)
		return found < 0 ? appc_refuse(value, key, err, "its name has another case") : 0;
	text = json_text(json);
	if (!text && json_number(json, &nearest)) {
		(void)snprintf(number, sizeof(number), "%.15g", nearest);
		text = number;
	}
	if (!text || !appc_quantity_parse(text, in_thousandths, &out->value))
		return appc_refuse(value, key, err, "\"%.64s\" is no quantity in range",
				   text ? text : "?");
	out->is_set = true;
	return 0;
}

/* resource/...: memory and cpu may be per app, the others are only for all of them. */
static int read_resource(const struct appc_node *value, enum appc_isolator which,
			 struct appc_resource *out, struct error *err)
{
	bool is_default = false, must_be_default = which != APPC_CPU && which != APPC_MEMORY;

	if (appc_bool(value, "default", &is_default, err) < 0 ||
	    read_quantity(value, "request", which == APPC_CPU, &out->request, err) < 0 ||
	    read_quantity(value, "limit", which == APPC_CPU, &out->limit, err) < 0)
		return -1;
	if (is_default != must_be_default)
		return appc_refuse(value, "default", err, "it must be %s",
				   must_be_default ? "true" : "false");
	if (must_be_default && out->request.is_set)
		return appc_refuse(value, "request", err, "only a limit is possible");
	return 0;
}

static int read_integer(const struct appc_node *value, int min, int max, int *out,
			struct error *err)
{
	double number;

	if (!json_number(value->json, &number) || !(number >= min) || !(number <= max) ||
	    number != (double)(int)number)
		return appc_refuse(value, NULL, err, "it is no integer from %d to %d", min, max);
	*out = (int)number;
	return 0;
}

static bool has_only(const char *text, const char *characters)
{
	return *text && strspn(text, characters) == strlen(text);
}

#define UPPER  "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define LOWER  "abcdefghijklmnopqrstuvwxyz"
#define DIGITS "0123456789"

static int read_capabilities(const struct appc_node *value, struct appc_isolators *out,
			     struct error *err)
{
	if (appc_strings(value, "set", &out->capabilities, err) < 0)
		return -1;
	if (!out->capabilities.count)
		return appc_refuse(value, "set", err, "it is empty");
	for (size_t i = 0; i < out->capabilities.count; i++) {
		const char *name = out->capabilities.items[i];

		if (strncmp(name, "CAP_", 4) || !has_only(name + 4, UPPER DIGITS "_"))
			return appc_refuse(value, "set", err, "\"%.64s\" is no capability", name);
	}
	return 0;
}

static int read_seccomp(const struct appc_node *value, struct appc_isolators *out,
			struct error *err)
{
	const char *number;

	if (appc_strings(value, "set", &out->system_calls, err) < 0 ||
	    appc_string(value, "errno", &number, err) < 0)
		return -1;
	if (!out->system_calls.count)
		return appc_refuse(value, "set", err, "it is empty");
	for (size_t i = 0; i < out->system_calls.count; i++) {
		const char *name = out->system_calls.items[i];
		bool is_known = *name == '@' ? has_only(name + 1, LOWER DIGITS "-._/")
					     : has_only(name, LOWER DIGITS "_");

		if (!is_known)
			return appc_refuse(value, "set", err, "\"%.64s\" is no system call", name);
	}
	if (!*number)
		return 0;
	if (*number != 'E' || !has_only(number, UPPER DIGITS))
		return appc_refuse(value, "errno", err, "\"%.64s\" is no error name", number);
	out->seccomp_errno = strdup(number);
	return out->seccomp_errno ? 0 : error_set(err, ENOMEM, "cannot read a manifest");
}

static int check_selinux(const struct appc_node *value, struct error *err)
{
	static const char *const parts[] = { "user", "role", "type", "level" };
	const char *text;

	for (size_t i = 0; i < 4; i++) {
		if (appc_need_string(value, parts[i], &text, err) < 0)
			return -1;
		if (i < 3 && strchr(text, ':'))
			return appc_refuse(value, parts[i], err, "it has a colon in it");
	}
	return 0;
}

static int read_sysctl(const struct appc_node *value, struct appc_isolators *out, struct error *err)
{
	for (const struct cJSON *item = json_first(value->json); item; item = json_next(item)) {
		const char *name = json_key(item);

		if (!json_text(item))
			return appc_refuse(value, name, err, "it is no string");
		if (!has_only(name, UPPER LOWER DIGITS "._-/") || strstr(name, ".."))
			return appc_refuse(value, NULL, err, "\"%.64s\" is no sysctl", name);
		if (out->sysctls.count >= APPC_ITEMS_MAX)
			return appc_refuse(value, NULL, err, "it has too many items");
		if (appc_add(value, name, &out->sysctls, name, err) < 0 ||
		    appc_add(value, name, &out->sysctls, json_text(item), err) < 0)
			return -1;
	}
	return 0;
}

/* Whether the value of an isolator is no object. */
static bool is_scalar(enum appc_isolator which)
{
	return which == APPC_CPU_SHARES || which == APPC_OOM_SCORE_ADJ ||
	       which == APPC_NO_NEW_PRIVILEGES;
}

static int read_scalar(const struct appc_node *isolator, const struct appc_node *value,
		       enum appc_isolator which, struct appc_isolators *out, struct error *err)
{
	int number;

	if (which == APPC_NO_NEW_PRIVILEGES)
		return appc_bool(isolator, "value", &out->no_new_privileges, err);
	if (which == APPC_OOM_SCORE_ADJ)
		return read_integer(value, -OOM_SCORE_MAX, OOM_SCORE_MAX, &out->oom_score_adj, err);
	if (read_integer(value, SHARES_MIN, SHARES_MAX, &number, err) < 0)
		return -1;
	out->cpu_shares = (uint32_t)number;
	return 0;
}

static int read_value(const struct appc_node *isolator, enum appc_isolator which,
		      struct appc_isolators *out, struct error *err)
{
	struct appc_node value = { .parent = isolator, .key = "value" };
	const char *profile;
	int found = json_member(isolator->json, "value", &value.json, err);

	if (found <= 0)
		return appc_refuse(isolator, "value", err, "it is missing");
	if (is_scalar(which))
		return read_scalar(isolator, &value, which, out, err);
	if (!json_is_object(value.json))
		return appc_refuse(isolator, "value", err, "it is no object");
	switch (which) {
	case APPC_CAPABILITIES_RETAIN:
	case APPC_CAPABILITIES_REMOVE:
		return read_capabilities(&value, out, err);
	case APPC_SECCOMP_RETAIN:
	case APPC_SECCOMP_REMOVE:
		return read_seccomp(&value, out, err);
	case APPC_SELINUX_CONTEXT:
		return check_selinux(&value, err);
	case APPC_APPARMOR_PROFILE:
		return appc_need_string(&value, "profile", &profile, err);
	case APPC_SYSCTL:
		return read_sysctl(&value, out, err);
	case APPC_CPU:
	case APPC_MEMORY:
	case APPC_BLOCK_BANDWIDTH:
	case APPC_BLOCK_IOPS:
	case APPC_NETWORK_BANDWIDTH:
		return read_resource(&value, which, &out->resources[which], err);
	case APPC_CPU_SHARES:
	case APPC_OOM_SCORE_ADJ:
	case APPC_NO_NEW_PRIVILEGES:
	case APPC_ISOLATORS:
	default:
		return -1;
	}
}

/* What excludes the isolator: its own double, and the other set of the same kind. */
static bool is_excluded(const struct appc_isolators *isolators, enum appc_isolator which)
{
	const bool *has = isolators->has;

	if (which == APPC_CAPABILITIES_RETAIN || which == APPC_CAPABILITIES_REMOVE)
		return has[APPC_CAPABILITIES_RETAIN] || has[APPC_CAPABILITIES_REMOVE];
	if (which == APPC_SECCOMP_RETAIN || which == APPC_SECCOMP_REMOVE)
		return has[APPC_SECCOMP_RETAIN] || has[APPC_SECCOMP_REMOVE];
	return has[which];
}

static int read_isolator(const struct appc_node *isolator, struct appc_isolators *out,
			 struct error *err)
{
	const char *name;
	unsigned which = 0;

	if (appc_need_string(isolator, "name", &name, err) < 0)
		return -1;
	if (!appc_is_identifier(name))
		return appc_refuse(isolator, "name", err, "\"%.64s\" is no AC Identifier", name);
	while (which < APPC_ISOLATORS && strcmp(names[which], name))
		which++;
	if (which < APPC_ISOLATORS && is_excluded(out, which))
		return appc_refuse(isolator, "name", err,
				   "%s stands beside another isolator that excludes it", name);
	if (which < APPC_ISOLATORS && read_value(isolator, which, out, err) < 0)
		return -1;
	if (which < APPC_ISOLATORS)
		out->has[which] = true;
	return appc_add(isolator, "name", &out->names, name, err);
}

bool appc_isolator_is_known(const char *name)
{
	for (unsigned i = 0; i < APPC_ISOLATORS; i++)
		if (!strcmp(names[i], name))
			return true;
	return false;
}

int appc_isolators_read(const struct appc_node *object, struct appc_isolators *isolators,
			struct error *err)
{
	struct appc_node list, item = { 0 };
	int more;

	if (appc_list(object, "isolators", &list, err) < 0)
		return -1;
	while ((more = appc_next_object(&list, &item, err)) > 0) {
		if (read_isolator(&item, isolators, err) < 0)
			return -1;
	}
	return more;
}

void appc_isolators_free(struct appc_isolators *isolators)
{
	string_list_free(&isolators->names);
	string_list_free(&isolators->capabilities);
	string_list_free(&isolators->system_calls);
	string_list_free(&isolators->sysctls);
	free(isolators->seccomp_errno);
	*isolators = (struct appc_isolators){ 0 };
}
