/*
 * The filter of a role's system calls, a binary search by number. Nothing here reads a byte from
 * outside.
 */
#include <assert.h>
#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "vmm/base/bytes.h"
#include "vmm/base/lockdown.h"

/* x32 system calls share the architecture but have this bit in their number. */
#define X32_BIT 0x40000000u

enum { RULES_MAX = 96 };

struct program {
	struct sock_filter code[RULES_MAX * 6 + 8];
	unsigned short length;
};

static void emit(struct program *program, uint16_t op, uint32_t operand, uint8_t yes, uint8_t no)
{
	assert(program->length < ARRAY_SIZE(program->code));
	program->code[program->length++] =
	    (struct sock_filter){ .code = op, .k = operand, .jt = yes, .jf = no };
}

static void emit_load(struct program *program, size_t offset)
{
	emit(program, BPF_LD | BPF_W | BPF_ABS, (uint32_t)offset, 0, 0);
}

static void emit_return(struct program *program, uint32_t action)
{
	emit(program, BPF_RET | BPF_K, action, 0, 0);
}

/*
 * Jumps to the two returns at the end of a group, which emit_group() makes real ones. What is
 * longer is compiled six times as long by the kernel.
 */
enum { GROUP_RULES = 24, TO_ALLOW = 254, TO_KILL = 255 };

/* The rules of one system call: any of them allows it. */
static void emit_call(struct program *program, const struct lockdown_rule *const *rules,
		      size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (rules[i]->argument == LOCKDOWN_ANY) {
			emit(program, BPF_JMP | BPF_JEQ | BPF_K, rules[0]->number, TO_ALLOW,
			     TO_KILL);
			return;
		}
	emit(program, BPF_JMP | BPF_JEQ | BPF_K, rules[0]->number, 0, TO_KILL);
	for (size_t i = 0; i < count; i++) {
		bool self = rules[i]->argument == LOCKDOWN_SELF;
		size_t argument = self ? 0 : (size_t)rules[i]->argument;

		emit_load(program,
			  offsetof(struct seccomp_data, args) + argument * sizeof(uint64_t));
		emit(program, BPF_JMP | BPF_JEQ | BPF_K,
		     self ? (uint32_t)getpid() : rules[i]->value, TO_ALLOW,
		     i + 1 < count ? 0 : TO_KILL);
	}
}

/* The place nearest the middle where one number's rules end and another's begin; 0: nowhere. */
static size_t find_middle(const struct lockdown_rule *const *rules, size_t count)
{
	size_t up = count / 2, down = count / 2;

	while (up > 0 && up < count && rules[up]->number == rules[up - 1]->number)
		up++;
	if (up > 0 && up < count)
		return up;
	while (down > 0 && rules[down]->number == rules[down - 1]->number)
		down--;
	return down;
}

static void emit_halves(struct program *program, const struct lockdown_rule *const *rules,
			size_t count)
{
	size_t middle = find_middle(rules, count);
	unsigned short jump = program->length;

	if (middle == 0) {
		emit_call(program, rules, count);
		return;
	}
	emit(program, BPF_JMP | BPF_JGE | BPF_K, rules[middle]->number, 0, 0);
	emit_halves(program, rules, middle);
	program->code[jump].jt = (uint8_t)(program->length - jump - 1);
	emit_halves(program, rules + middle, count - middle);
}

/* So few rules, or so short ones, that a jump of 8 bits reaches the end from everywhere. */
static void emit_group(struct program *program, const struct lockdown_rule *const *rules,
		       size_t count)
{
	unsigned short at = program->length, end;

	emit_halves(program, rules, count);
	end = program->length;
	assert(end - at < TO_ALLOW - 1);
	for (; at < end; at++) {
		struct sock_filter *code = &program->code[at];

		if (BPF_CLASS(code->code) != BPF_JMP)
			continue;
		if (code->jt == TO_ALLOW)
			code->jt = (uint8_t)(end - at - 1);
		if (code->jf == TO_KILL)
			code->jf = (uint8_t)(end - at);
	}
	emit_return(program, SECCOMP_RET_ALLOW);
	emit_return(program, SECCOMP_RET_KILL_PROCESS);
}

/*
 * A search by halves, over rules that are sorted by number; its depth is the number of their bits.
 * The kernel runs a new filter once for each system call that there is, to see which are always
 * allowed: in a list that takes longer than all else that a filter costs.
 */
static void emit_search(struct program *program, const struct lockdown_rule *const *rules,
			size_t count)
{
	size_t middle = find_middle(rules, count);
	unsigned short jump;

	if (count <= GROUP_RULES || middle == 0) {
		emit_group(program, rules, count);
		return;
	}
	emit(program, BPF_JMP | BPF_JGE | BPF_K, rules[middle]->number, 0, 1);
	jump = program->length;
	emit(program, BPF_JMP | BPF_JA, 0, 0, 0);
	emit_search(program, rules, middle);
	program->code[jump].k = (uint32_t)(program->length - jump - 1);
	emit_search(program, rules + middle, count - middle);
}

static int compare_rules(const void *a, const void *b)
{
	const struct lockdown_rule *const *one = a, *const *other = b;

	return ((*one)->number > (*other)->number) - ((*one)->number < (*other)->number);
}

int lockdown_seccomp(const struct lockdown_rule *rules, size_t count, struct error *err)
{
	const struct lockdown_rule *sorted[RULES_MAX];
	struct program program = { .length = 0 };
	struct sock_fprog filter;

	assert(count > 0 && count <= RULES_MAX);
	for (size_t i = 0; i < count; i++)
		sorted[i] = &rules[i];
	qsort(sorted, count, sizeof(sorted[0]), compare_rules);
	emit_load(&program, offsetof(struct seccomp_data, arch));
	emit(&program, BPF_JMP | BPF_JEQ | BPF_K, AUDIT_ARCH_X86_64, 1, 0);
	emit_return(&program, SECCOMP_RET_KILL_PROCESS);
	emit_load(&program, offsetof(struct seccomp_data, nr));
	emit(&program, BPF_JMP | BPF_JGE | BPF_K, X32_BIT, 0, 1);
	emit_return(&program, SECCOMP_RET_KILL_PROCESS);
	emit_search(&program, sorted, count);
	filter = (struct sock_fprog){ .len = program.length, .filter = program.code };
	if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC, &filter) != 0)
		return error_set(err, errno, "cannot restrict system calls");
	return 0;
}
