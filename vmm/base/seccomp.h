/*
 * A compiler of system call filters: rules in, a classic BPF program for seccomp(2) out. Pure; it
 * knows numbers, not names, and makes no system call.
 *
 * System call numbers become intervals of the same outcome and the intervals a binary search, so a
 * program is a few hundred bytes and each call takes about eight comparisons. The kernel walks the
 * program once for every number when a filter is loaded, which makes this the cost of a start.
 */
#ifndef NACELLE_BASE_SECCOMP_H
#define NACELLE_BASE_SECCOMP_H

#include <linux/filter.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vmm/base/error.h"

/* What the kernel of an x86-64 machine may be asked in. */
enum seccomp_arch {
	SECCOMP_ARCH_X86_64,
	SECCOMP_ARCH_X86,
	SECCOMP_ARCH_X32, /* numbers without the bit that marks them */
	SECCOMP_ARCHS,
};

/* Comparisons of all 64 bits, unsigned (OCI runtime specification 1.2, "seccomp", op). */
enum seccomp_comparison {
	SECCOMP_COMPARE_NE,
	SECCOMP_COMPARE_LT,
	SECCOMP_COMPARE_LE,
	SECCOMP_COMPARE_EQ,
	SECCOMP_COMPARE_GE,
	SECCOMP_COMPARE_GT,
	SECCOMP_COMPARE_MASKED_EQ, /* (argument & mask) == value */
};

enum {
	SECCOMP_NONE = -1, /* the architecture has no such call */
	SECCOMP_CONDITIONS_MAX = 6,
	SECCOMP_RULES_MAX = 16384,
	SECCOMP_PROGRAM_MAX = BPF_MAXINSNS,
};

struct seccomp_condition {
	uint8_t argument; /* 0 to 5 */
	enum seccomp_comparison comparison;
	uint64_t value;
	uint64_t mask; /* of MASKED_EQ */
};

/*
 * One system call, and what becomes of it if all conditions hold. A rule without conditions
 * outweighs those with some, the first of several such rules counts; rules with conditions are
 * tried in order, and where none holds the policy's default action is taken.
 */
struct seccomp_rule {
	int16_t numbers[SECCOMP_ARCHS]; /* or SECCOMP_NONE */
	uint32_t action;		/* SECCOMP_RET_* with its data */
	const struct seccomp_condition *conditions;
	unsigned condition_count;
};

struct seccomp_policy {
	uint32_t default_action;
	/*
	 * Numbers above the highest that a rule names (all, if there is none) fail with ENOSYS, so
	 * that a C library which tries a newer call falls back to what the author of the rules
	 * knew.
	 */
	bool unknown_is_missing;
	bool archs[SECCOMP_ARCHS]; /* others are SECCOMP_RET_KILL_PROCESS */
	const struct seccomp_rule *rules;
	size_t rule_count;
};

struct seccomp_program {
	struct sock_filter code[SECCOMP_PROGRAM_MAX];
	unsigned count;
};

/* Returns 0, or -1 with err filled: more rules, or more code, than fit, or no memory. */
int seccomp_compile(const struct seccomp_policy *policy, struct seccomp_program *program,
		    struct error *err);

#endif
