/*
 * What the forms of a profile have in common, and appc's, which is text.
 */
#include "images/seccomp_profile.h"

#include <errno.h>
#include <linux/seccomp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "images/seccomp_sets.h"
#include "vmm/base/bytes.h"
#include "vmm/base/cleanup.h"

enum { ERRNO_MAX = 133, UNKNOWN_MAX = 64 };

int seccomp_errno(const char *name)
{
	/* Second names, which the C library does not list. */
	if (strcmp(name, "EWOULDBLOCK") == 0)
		return EWOULDBLOCK;
	if (strcmp(name, "EDEADLOCK") == 0)
		return EDEADLOCK;
	if (strcmp(name, "ENOTSUP") == 0)
		return ENOTSUP;
	for (int i = 1; i <= ERRNO_MAX; i++) {
		const char *candidate = strerrorname_np(i);

		if (candidate && strcmp(candidate, name) == 0)
			return i;
	}
	return 0;
}

int seccomp_profile_add(struct seccomp_profile *profile, const char *name, uint32_t action,
			const struct seccomp_condition *conditions, unsigned condition_count,
			struct error *err)
{
	const struct system_call *call = system_call_find(name, strlen(name));

	if (call)
		return seccomp_rules_add(&profile->rules, call, action, conditions, condition_count,
					 err);
	if (profile->unknown.count < UNKNOWN_MAX &&
	    string_list_add(&profile->unknown, name, strlen(name)) < 0)
		return error_set(err, ENOMEM, "cannot hold a system call filter");
	return 0;
}

/* One word of a set, which mode= and errno= are not. */
static int add_word(struct seccomp_profile *profile, const char *word, uint32_t action,
		    struct error *err)
{
	int known;

	if (*word != '@')
		return seccomp_profile_add(profile, word, action, NULL, 0, err);
	known = seccomp_sets_add(&profile->rules, word, action, profile->app, err);
	return known == 0 ? error_set(err, 0, "there is no set of system calls %s", word) : known;
}

/* The parts of a set's text. */
struct text_parts {
	const char *mode;
	uint32_t refusal; /* what becomes of what is not allowed */
	bool all, empty;  /* @appc.io/all, @appc.io/empty */
	size_t words;
};

static bool is_option(const char *word, const char *name, const char **value)
{
	size_t len = strlen(name);

	if (strncmp(word, name, len) != 0)
		return false;
	*value = word + len;
	return true;
}

/* The first pass over the words, separated by NULs: all but names and sets. */
static int read_options(struct text_parts *parts, const char *words, const char *end,
			struct error *err)
{
	const char *value;

	for (const char *word = words; word < end; word += strlen(word) + 1) {
		if (is_option(word, "mode=", &value)) {
			if (parts->mode)
				return error_set(err, 0, "the mode is given twice");
			parts->mode = value;
		} else if (is_option(word, "errno=", &value)) {
			if (seccomp_errno(value) == 0)
				return error_set(err, 0, "%s is not the name of an error", value);
			parts->refusal = SECCOMP_RET_ERRNO | (uint32_t)seccomp_errno(value);
		} else if (strcmp(word, "@appc.io/all") == 0) {
			parts->all = true;
		} else if (strcmp(word, "@appc.io/empty") == 0) {
			parts->empty = true;
		} else if (!*word) {
			return error_set(err, 0, "there is an empty name");
		} else {
			parts->words++;
		}
	}
	if (!parts->mode || (strcmp(parts->mode, "retain") && strcmp(parts->mode, "remove")))
		return error_set(err, 0, "mode=retain or mode=remove is expected");
	if (!parts->words && !parts->all && !parts->empty)
		return error_set(err, 0, "the set is empty: @appc.io/empty says so");
	return 0;
}

static int add_words(struct seccomp_profile *profile, const char *words, const char *end,
		     uint32_t action, struct error *err)
{
	const char *value;

	for (const char *word = words; word < end; word += strlen(word) + 1) {
		if (is_option(word, "mode=", &value) || is_option(word, "errno=", &value) ||
		    strcmp(word, "@appc.io/all") == 0 || strcmp(word, "@appc.io/empty") == 0)
			continue;
		if (add_word(profile, word, action, err) < 0)
			return -1;
	}
	return 0;
}

int seccomp_read_text(struct seccomp_profile *profile, const char *text, struct error *err)
{
	struct text_parts parts = { .refusal = SECCOMP_RET_KILL_PROCESS };
	_cleanup_free_ char *words = strdup(text);
	const char *end;
	bool retain;

	if (!words)
		return error_set(err, ENOMEM, "cannot read a system call filter");
	end = words + strlen(words) + 1;
	for (char *at = words; (at = strchr(at, ','));)
		*at++ = '\0';
	if (read_options(&parts, words, end, err) < 0)
		return -1;
	retain = strcmp(parts.mode, "retain") == 0;
	profile->none = retain && parts.all;
	profile->default_only = !retain && parts.empty;
	profile->policy = (struct seccomp_policy){
		.default_action = retain || parts.all ? parts.refusal : SECCOMP_RET_ALLOW,
		.archs = { true, true, true },
	};
	if (retain && seccomp_sets_add(&profile->rules, SECCOMP_SET_BASE, SECCOMP_RET_ALLOW,
				       profile->app, err) < 0)
		return -1;
	return add_words(profile, words, end, retain ? SECCOMP_RET_ALLOW : parts.refusal, err);
}

/* What becomes of a call, if that does not depend on its arguments. */
static bool is_refused(const struct seccomp_policy *policy, const char *name)
{
	const struct system_call *call = system_call_find(name, strlen(name));
	uint32_t action = policy->default_action;

	for (size_t i = policy->rule_count; i-- > 0;) {
		const struct seccomp_rule *rule = &policy->rules[i];

		if (rule->numbers[SECCOMP_ARCH_X86_64] != call->numbers[SECCOMP_ARCH_X86_64])
			continue;
		if (rule->condition_count)
			return false;
		action = rule->action;
	}
	return action != SECCOMP_RET_ALLOW && action != SECCOMP_RET_LOG;
}

int seccomp_profile_compile(struct seccomp_profile *profile, struct seccomp_program *program,
			    struct error *err)
{
	program->count = 0;
	if (profile->none)
		return 0;
	if (profile->default_only)
		return seccomp_compile_default(profile->app, true, program, err);
	profile->policy.rules = profile->rules.items;
	profile->policy.rule_count = profile->rules.count;
	if (is_refused(&profile->policy, "execve"))
		return error_set(err, 0, "it forbids execve, so no program could start");
	return seccomp_compile(&profile->policy, program, err);
}

void seccomp_profile_free(struct seccomp_profile *profile)
{
	seccomp_rules_free(&profile->rules);
	string_list_free(&profile->unknown);
	free(profile->conditions);
	*profile = (struct seccomp_profile){ 0 };
}
