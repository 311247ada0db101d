/*
 * The compiler of system call filters: what its programs say is compared, in a BPF interpreter and
 * in the kernel, with what the rules say.
 */
#include <errno.h>
#include <linux/audit.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* After stdarg.h and its like. */
#include <cmocka.h>

#include "tests/unit/base/bpf.h"
#include "vmm/base/bytes.h"
#include "vmm/base/seccomp.h"

#define X32_BIT 0x40000000u
#define FAIL(n) (SECCOMP_RET_ERRNO | (n))

static const uint32_t audit[SECCOMP_ARCHS] = {
	[SECCOMP_ARCH_X86_64] = AUDIT_ARCH_X86_64,
	[SECCOMP_ARCH_X86] = AUDIT_ARCH_I386,
	[SECCOMP_ARCH_X32] = AUDIT_ARCH_X86_64,
};

static struct seccomp_program program;

static uint32_t run(enum seccomp_arch arch, uint32_t number, const uint64_t args[6])
{
	struct seccomp_data data = { .nr = (int)(arch == SECCOMP_ARCH_X32 ? number | X32_BIT
									  : number),
				     .arch = audit[arch] };

	if (args)
		memcpy(data.args, args, sizeof(data.args));
	return bpf_run(program.code, program.count, &data);
}

static void compile(const struct seccomp_policy *policy)
{
	struct error err = ERROR_NONE;

	assert_int_equal(seccomp_compile(policy, &program, &err), 0);
	assert_true(program.count <= SECCOMP_PROGRAM_MAX);
}

static bool holds(const struct seccomp_condition *condition, const uint64_t args[6])
{
	uint64_t value = args[condition->argument];

	switch (condition->comparison) {
	case SECCOMP_COMPARE_NE:
		return value != condition->value;
	case SECCOMP_COMPARE_LT:
		return value < condition->value;
	case SECCOMP_COMPARE_LE:
		return value <= condition->value;
	case SECCOMP_COMPARE_EQ:
		return value == condition->value;
	case SECCOMP_COMPARE_GE:
		return value >= condition->value;
	case SECCOMP_COMPARE_GT:
		return value > condition->value;
	case SECCOMP_COMPARE_MASKED_EQ:
		return (value & condition->mask) == condition->value;
	}
	return false;
}

/* What the header says, written down without any cleverness. */
static uint32_t expected(const struct seccomp_policy *policy, enum seccomp_arch arch,
			 uint32_t number, const uint64_t args[6])
{
	uint32_t highest = 0;
	bool any = false;

	if (!policy->archs[arch])
		return SECCOMP_RET_KILL_PROCESS;
	for (size_t i = 0; i < policy->rule_count; i++) {
		const struct seccomp_rule *rule = &policy->rules[i];

		if (rule->numbers[arch] >= 0 && (uint32_t)rule->numbers[arch] >= highest) {
			highest = (uint32_t)rule->numbers[arch];
			any = true;
		}
		if (rule->numbers[arch] == (int)number && rule->condition_count == 0)
			return rule->action;
	}
	if (policy->unknown_is_missing && (!any || number > highest))
		return FAIL(ENOSYS);
	for (size_t i = 0; i < policy->rule_count; i++) {
		const struct seccomp_rule *rule = &policy->rules[i];
		bool all = rule->numbers[arch] == (int)number;

		for (unsigned j = 0; all && j < rule->condition_count; j++)
			all = holds(&rule->conditions[j], args);
		if (all)
			return rule->action;
	}
	return policy->default_action;
}

static void test_no_rules(void **state)
{
	const struct seccomp_policy policy = { .default_action = FAIL(EPERM),
					       .archs = { true, false, false } };

	(void)state;
	compile(&policy);
	assert_int_equal(run(SECCOMP_ARCH_X86_64, 0, NULL), FAIL(EPERM));
	assert_int_equal(run(SECCOMP_ARCH_X86, 0, NULL), SECCOMP_RET_KILL_PROCESS);
	assert_int_equal(run(SECCOMP_ARCH_X32, 0, NULL), SECCOMP_RET_KILL_PROCESS);
}

/* Both halves of an argument count, and each operator at its edges. */
static void test_comparisons(void **state)
{
	static const uint64_t values[] = {
		0,	     1,		  0x7fffffff,  0x80000000,	   0xffffffff,
		0x100000000, 0x100000001, 0x1ffffffff, 0x8000000000000000, UINT64_MAX - 1,
		UINT64_MAX,
	};

	(void)state;
	for (unsigned op = 0; op <= SECCOMP_COMPARE_MASKED_EQ; op++) {
		for (size_t i = 0; i < ARRAY_SIZE(values); i++) {
			const struct seccomp_condition condition = {
				.argument = 3,
				.comparison = (enum seccomp_comparison)op,
				.value = values[i],
				.mask = 0xffffffff0000ffff,
			};
			const struct seccomp_rule rule = { .numbers = { 5, 5, 5 },
							   .action = SECCOMP_RET_ALLOW,
							   .conditions = &condition,
							   .condition_count = 1 };
			const struct seccomp_policy policy = { .default_action = FAIL(EPERM),
							       .archs = { true, true, true },
							       .rules = &rule,
							       .rule_count = 1 };

			compile(&policy);
			for (size_t j = 0; j < ARRAY_SIZE(values); j++) {
				const uint64_t args[6] = { 9, 9, 9, values[j], 9, 9 };

				assert_int_equal(run(SECCOMP_ARCH_X86_64, 5, args),
						 expected(&policy, SECCOMP_ARCH_X86_64, 5, args));
			}
		}
	}
}

enum { RULES = 200, NUMBERS = 470 };

struct random_policy {
	struct seccomp_policy policy;
	struct seccomp_rule rules[RULES];
	struct seccomp_condition conditions[RULES][SECCOMP_CONDITIONS_MAX];
};

static unsigned below(unsigned limit)
{
	return (unsigned)random() % limit;
}

static void make_policy(struct random_policy *random, unsigned conditional_percent)
{
	static const uint32_t actions[] = { SECCOMP_RET_ALLOW, FAIL(EPERM), FAIL(ENOSYS),
					    SECCOMP_RET_KILL_PROCESS, SECCOMP_RET_TRAP };

	random->policy = (struct seccomp_policy){
		.default_action = actions[below(ARRAY_SIZE(actions))],
		.unknown_is_missing = below(2),
		.archs = { below(8), below(2), below(2) },
		.rules = random->rules,
		.rule_count = below(RULES + 1),
	};
	for (unsigned i = 0; i < RULES; i++) {
		struct seccomp_rule *rule = &random->rules[i];

		*rule = (struct seccomp_rule){ .action = actions[below(ARRAY_SIZE(actions))],
					       .conditions = random->conditions[i] };
		for (unsigned j = 0; j < SECCOMP_ARCHS; j++)
			rule->numbers[j] = (int16_t)(below(9) ? (int)below(NUMBERS) : SECCOMP_NONE);
		if (below(100) < conditional_percent)
			rule->condition_count = below(4);
		for (unsigned j = 0; j < rule->condition_count; j++)
			random->conditions[i][j] = (struct seccomp_condition){
				.argument = (uint8_t)below(6),
				.comparison = (enum seccomp_comparison)below(7),
				.value = below(3) | (uint64_t)below(2) << 32,
				.mask = below(4) | (uint64_t)below(2) << 32,
			};
		if (rule->condition_count == 1 && below(2))
			random->conditions[i][0] = (struct seccomp_condition){
				.argument = (uint8_t)below(2),
				.comparison = SECCOMP_COMPARE_MASKED_EQ,
				.value = below(3),
				.mask = UINT32_MAX,
			};
	}
}

static void test_random_policies(void **state)
{
	static struct random_policy random;

	(void)state;
	srandom(1);
	for (unsigned round = 0; round < 60; round++) {
		make_policy(&random, round % 3 * 40);
		compile(&random.policy);
		for (unsigned i = 0; i < 6000; i++) {
			enum seccomp_arch arch = (enum seccomp_arch)below(SECCOMP_ARCHS);
			uint32_t number = below(20) ? below(NUMBERS + 5) : below(X32_BIT);
			uint64_t args[6];

			for (unsigned j = 0; j < 6; j++)
				args[j] = below(3) | (uint64_t)below(2) << 32;
			assert_int_equal(run(arch, number, args),
					 expected(&random.policy, arch, number, args));
		}
	}
}

/* Holes everywhere, so that intervals are many and jumps are long. */
static void test_every_second(void **state)
{
	static struct seccomp_rule rules[1000];
	const struct seccomp_policy policy = { .default_action = FAIL(EPERM),
					       .archs = { true, true, true },
					       .rules = rules,
					       .rule_count = ARRAY_SIZE(rules) };

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(rules); i++)
		rules[i] = (struct seccomp_rule){ .numbers = { (int16_t)(2 * i), (int16_t)(2 * i),
							       (int16_t)(2 * i) },
						  .action = FAIL(i % 40) };
	/* One architecture of so many fits, three do not. */
	assert_int_equal(seccomp_compile(&policy, &program, NULL), -1);
	compile(&(struct seccomp_policy){ .default_action = policy.default_action,
					  .archs = { true },
					  .rules = rules,
					  .rule_count = ARRAY_SIZE(rules) });
	for (uint32_t i = 0; i < 2100; i++)
		assert_int_equal(run(SECCOMP_ARCH_X86_64, i, NULL),
				 i % 2 || i >= 2000 ? FAIL(EPERM) : FAIL(i / 2 % 40));
}

/* The kernel takes a program and does what it says. */
static void test_kernel(void **state)
{
	static const struct seccomp_condition first = { .comparison = SECCOMP_COMPARE_EQ,
							.value = (uint32_t)-1 };
	static const struct seccomp_rule rules[] = {
		{ .numbers = { SYS_getppid, -1, -1 }, .action = FAIL(EXFULL) },
		{ .numbers = { SYS_close, -1, -1 },
		  .action = FAIL(EMULTIHOP),
		  .conditions = &first,
		  .condition_count = 1 },
	};
	const struct seccomp_policy policy = { .default_action = SECCOMP_RET_ALLOW,
					       .archs = { true },
					       .rules = rules,
					       .rule_count = ARRAY_SIZE(rules) };
	int status;
	pid_t pid;

	(void)state;
	compile(&policy);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		const struct sock_fprog filter = { .len = (unsigned short)program.count,
						   .filter = program.code };

		if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
		    syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &filter) < 0)
			_exit(1);
		if (syscall(SYS_getppid) != -1 || errno != EXFULL)
			_exit(2);
		if (syscall(SYS_close, (long)(uint32_t)-1) != -1 || errno != EMULTIHOP)
			_exit(3);
		if (syscall(SYS_close, -2L) != -1 || errno != EBADF)
			_exit(4);
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_no_rules),	cmocka_unit_test(test_comparisons),
		cmocka_unit_test(test_random_policies), cmocka_unit_test(test_every_second),
		cmocka_unit_test(test_kernel),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
