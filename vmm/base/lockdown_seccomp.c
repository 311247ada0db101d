/*
 * The filter of a role's system calls. Nothing here reads a byte from outside.
 */
#include <assert.h>
#include <errno.h>
#include <linux/seccomp.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "vmm/base/cleanup.h"
#include "vmm/base/lockdown.h"
#include "vmm/base/seccomp.h"

enum { RULES_MAX = 96 };

/* One that is allowed; the rules of a call are tried in order, and any of them allows it. */
static struct seccomp_rule make_rule(const struct lockdown_rule *rule,
				     struct seccomp_condition *condition)
{
	bool self = rule->argument == LOCKDOWN_SELF;

	*condition = (struct seccomp_condition){
		.argument = self ? 0 : (uint8_t)rule->argument,
		.comparison = SECCOMP_COMPARE_MASKED_EQ,
		.value = self ? (uint32_t)getpid() : rule->value,
		.mask = UINT32_MAX,
	};
	return (struct seccomp_rule){
		.numbers = { [SECCOMP_ARCH_X86_64] = (int16_t)rule->number,
			     [SECCOMP_ARCH_X86] = SECCOMP_NONE,
			     [SECCOMP_ARCH_X32] = SECCOMP_NONE },
		.action = SECCOMP_RET_ALLOW,
		.conditions = condition,
		.condition_count = rule->argument == LOCKDOWN_ANY ? 0 : 1,
	};
}

int lockdown_seccomp(const struct lockdown_rule *rules, size_t count, struct error *err)
{
	struct seccomp_condition conditions[RULES_MAX];
	struct seccomp_rule compiled[RULES_MAX];
	const struct seccomp_policy policy = {
		.default_action = SECCOMP_RET_KILL_PROCESS,
		.archs = { [SECCOMP_ARCH_X86_64] = true },
		.rules = compiled,
		.rule_count = count,
	};
	_cleanup_free_ struct seccomp_program *program = malloc(sizeof(*program));
	struct sock_fprog filter;

	assert(count > 0 && count <= RULES_MAX);
	if (!program)
		return error_set(err, ENOMEM, "cannot restrict system calls");
	for (size_t i = 0; i < count; i++)
		compiled[i] = make_rule(&rules[i], &conditions[i]);
	if (seccomp_compile(&policy, program, err) < 0)
		return -1;
	filter =
	    (struct sock_fprog){ .len = (unsigned short)program->count, .filter = program->code };
	if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC, &filter) != 0)
		return error_set(err, errno, "cannot restrict system calls");
	return 0;
}
