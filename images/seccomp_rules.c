/*
 * Names into rules, and the default profile into a program.
 */
#include "images/seccomp_rules.h"

#include <assert.h>
#include <errno.h>
#include <linux/seccomp.h>
#include <stdlib.h>
#include <string.h>

#include "vmm/base/bytes.h"
#include "vmm/base/cleanup.h"

enum { CALL_SOCKETCALL = 102, CALL_IPC = 117 };

/*
 * What a 32-bit program may also ask for by socketcall() (linux/net.h) and ipc() (linux/ipc.h); the
 * upper half of ipc()'s number is a version.
 */
#define BY_SOCKETCALL(name, number)                                                                \
	{                                                                                          \
		name, CALL_SOCKETCALL,                                                             \
		{                                                                                  \
			.comparison = SECCOMP_COMPARE_EQ, .value = (number)                        \
		}                                                                                  \
	}
#define BY_IPC(name, number)                                                                       \
	{                                                                                          \
		name, CALL_IPC,                                                                    \
		{                                                                                  \
			.comparison = SECCOMP_COMPARE_MASKED_EQ, .value = (number), .mask = 0xffff \
		}                                                                                  \
	}

static const struct {
	const char *name;
	int16_t number;
	struct seccomp_condition condition;
} multiplexed[] = {
	BY_SOCKETCALL("socket", 1),
	BY_SOCKETCALL("bind", 2),
	BY_SOCKETCALL("connect", 3),
	BY_SOCKETCALL("listen", 4),
	BY_SOCKETCALL("accept", 5),
	BY_SOCKETCALL("getsockname", 6),
	BY_SOCKETCALL("getpeername", 7),
	BY_SOCKETCALL("socketpair", 8),
	BY_SOCKETCALL("send", 9),
	BY_SOCKETCALL("recv", 10),
	BY_SOCKETCALL("sendto", 11),
	BY_SOCKETCALL("recvfrom", 12),
	BY_SOCKETCALL("shutdown", 13),
	BY_SOCKETCALL("setsockopt", 14),
	BY_SOCKETCALL("getsockopt", 15),
	BY_SOCKETCALL("sendmsg", 16),
	BY_SOCKETCALL("recvmsg", 17),
	BY_SOCKETCALL("accept4", 18),
	BY_SOCKETCALL("recvmmsg", 19),
	BY_SOCKETCALL("sendmmsg", 20),
	BY_IPC("semop", 1),
	BY_IPC("semget", 2),
	BY_IPC("semctl", 3),
	BY_IPC("semtimedop", 4),
	BY_IPC("msgsnd", 11),
	BY_IPC("msgrcv", 12),
	BY_IPC("msgget", 13),
	BY_IPC("msgctl", 14),
	BY_IPC("shmat", 21),
	BY_IPC("shmdt", 22),
	BY_IPC("shmget", 23),
	BY_IPC("shmctl", 24),
};

static int add(struct seccomp_rules *rules, const struct seccomp_rule *rule, struct error *err)
{
	if (rules->count == SECCOMP_RULES_MAX)
		return error_set(err, E2BIG, "a system call filter has more than %d rules",
				 SECCOMP_RULES_MAX);
	if (rules->count == rules->capacity) {
		size_t capacity = rules->capacity ? rules->capacity * 2 : 512;
		struct seccomp_rule *grown = realloc(rules->items, capacity * sizeof(*grown));

		if (!grown)
			return error_set(err, ENOMEM, "cannot hold a system call filter");
		rules->items = grown;
		rules->capacity = capacity;
	}
	rules->items[rules->count++] = *rule;
	return 0;
}

int seccomp_rules_add(struct seccomp_rules *rules, const struct system_call *call, uint32_t action,
		      const struct seccomp_condition *conditions, unsigned condition_count,
		      struct error *err)
{
	struct seccomp_rule rule = { .action = action,
				     .conditions = conditions,
				     .condition_count = condition_count };

	memcpy(rule.numbers, call->numbers, sizeof(rule.numbers));
	if (add(rules, &rule, err) < 0)
		return -1;
	for (size_t i = 0; condition_count == 0 && i < ARRAY_SIZE(multiplexed); i++) {
		struct seccomp_rule other = { .numbers = { SECCOMP_NONE, multiplexed[i].number,
							   SECCOMP_NONE },
					      .action = action,
					      .conditions = &multiplexed[i].condition,
					      .condition_count = 1 };

		if (strcmp(multiplexed[i].name, call->name) == 0)
			return add(rules, &other, err);
	}
	return 0;
}

const char *seccomp_next_name(const char **names, size_t *len)
{
	const char *name = *names + strspn(*names, " ");

	*len = strcspn(name, " ");
	*names = name + *len;
	return *len ? name : NULL;
}

static bool counts(const struct seccomp_default_group *group, const struct seccomp_app *app)
{
	if (group->when == SECCOMP_WITHOUT_VSOCK && app->vsock)
		return false;
	return (!group->any_of || group->any_of & app->capabilities) &&
	       !(group->none_of & app->capabilities);
}

int seccomp_rules_add_default(struct seccomp_rules *rules, const struct seccomp_app *app,
			      struct error *err)
{
	for (size_t i = 0; i < seccomp_default_group_count; i++) {
		const struct seccomp_default_group *group = &seccomp_default_groups[i];
		const char *names = group->names, *name;
		size_t len;

		while (counts(group, app) && (name = seccomp_next_name(&names, &len))) {
			const struct system_call *call = system_call_find(name, len);

			assert(call);
			if (seccomp_rules_add(rules, call,
					      group->action ? group->action : SECCOMP_RET_ALLOW,
					      group->conditions, group->condition_count, err) < 0)
				return -1;
		}
	}
	return 0;
}

static void mark_names(const struct seccomp_default_group *group, bool *marks)
{
	const char *names = group->names, *name;
	size_t len;

	while ((name = seccomp_next_name(&names, &len)))
		marks[system_call_find(name, len) - system_calls] = true;
}

int seccomp_rules_add_listed(struct seccomp_rules *rules, const struct seccomp_app *app,
			     bool allowed, uint32_t action, struct error *err)
{
	_cleanup_free_ bool *marks = calloc(system_call_count, sizeof(*marks));

	if (!marks)
		return error_set(err, ENOMEM, "cannot hold a system call filter");
	for (size_t i = 0; i < seccomp_default_group_count; i++) {
		if (counts(&seccomp_default_groups[i], app))
			mark_names(&seccomp_default_groups[i], marks);
	}
	for (size_t i = 0; i < system_call_count; i++) {
		if (marks[i] == allowed &&
		    seccomp_rules_add(rules, &system_calls[i], action, NULL, 0, err) < 0)
			return -1;
	}
	return 0;
}

void seccomp_rules_free(struct seccomp_rules *rules)
{
	free(rules->items);
	*rules = (struct seccomp_rules){ 0 };
}

int seccomp_compile_default(const struct seccomp_app *app, bool with_x86,
			    struct seccomp_program *program, struct error *err)
{
	struct seccomp_rules rules = { 0 };
	int result = seccomp_rules_add_default(&rules, app, err);

	if (result == 0) {
		/* No kernel of ours has x32, so its calls need no rules. */
		for (size_t i = 0; i < rules.count; i++)
			rules.items[i].numbers[SECCOMP_ARCH_X32] = SECCOMP_NONE;
		result = seccomp_compile(
		    &(struct seccomp_policy){ .default_action = SECCOMP_RET_ERRNO | EPERM,
					      .unknown_is_missing = true,
					      .archs = { true, with_x86, true },
					      .rules = rules.items,
					      .rule_count = rules.count },
		    program, err);
	}
	seccomp_rules_free(&rules);
	return result;
}
