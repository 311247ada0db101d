/*
 * The compiler. Code is written from its end to its beginning, so that every jump knows where it
 * goes: a place is counted from the end of the program, and only turned round when all is written.
 */
#include "vmm/base/seccomp.h"

#include <assert.h>
#include <errno.h>
#include <linux/audit.h>
#include <linux/seccomp.h>
#include <stdlib.h>

#include "vmm/base/bytes.h"
#include "vmm/base/cleanup.h"

#define X32_BIT 0x40000000u
#define MISSING (SECCOMP_RET_ERRNO | ENOSYS)

enum { JUMP_MAX = UINT8_MAX };

/* Code from the end; place N is the Nth from there. */
struct emitter {
	struct sock_filter *code;
	unsigned count;
	bool full;
};

/* A rule that concerns the architecture. */
struct call {
	uint32_t number;
	const struct seccomp_rule *rule;
};

/* Numbers from `first` up to the next interval's. */
struct interval {
	uint32_t first;
	uint32_t action;	  /* if there are no calls */
	const struct call *calls; /* rules with conditions, or NULL */
	size_t call_count;
};

struct search {
	struct interval *intervals;
	size_t count;
	uint32_t default_action;
};

static unsigned emit(struct emitter *e, unsigned op, uint32_t operand)
{
	if (e->count == SECCOMP_PROGRAM_MAX)
		e->full = true;
	else
		e->code[e->count++] = (struct sock_filter){ .code = (uint16_t)op, .k = operand };
	return e->count - 1;
}

static unsigned emit_return(struct emitter *e, uint32_t action)
{
	/* One that is near enough will do. */
	for (unsigned back = 1; back <= JUMP_MAX / 2 && back <= e->count; back++) {
		const struct sock_filter *code = &e->code[e->count - back];

		if (code->code == (BPF_RET | BPF_K) && code->k == action)
			return e->count - back;
	}
	return emit(e, BPF_RET | BPF_K, action);
}

static unsigned emit_load(struct emitter *e, size_t offset)
{
	return emit(e, BPF_LD | BPF_W | BPF_ABS, (uint32_t)offset);
}

/* A place that does what `target` does and that the next two instructions can jump to. */
static unsigned bring_near(struct emitter *e, unsigned target)
{
	if (e->count + 1 - target <= JUMP_MAX)
		return target;
	if (e->code[target].code == (BPF_RET | BPF_K))
		return emit(e, BPF_RET | BPF_K, e->code[target].k);
	return emit(e, BPF_JMP | BPF_JA, e->count - target - 1);
}

static unsigned emit_jump(struct emitter *e, unsigned op, uint32_t operand, unsigned yes,
			  unsigned no)
{
	unsigned place;

	yes = bring_near(e, yes);
	no = bring_near(e, no);
	place = emit(e, BPF_JMP | op | BPF_K, operand);
	if (!e->full) {
		e->code[place].jt = (uint8_t)(place - yes - 1);
		e->code[place].jf = (uint8_t)(place - no - 1);
	}
	return place;
}

/* What follows must come next: the code before it falls through. */
static unsigned emit_next(struct emitter *e, unsigned target)
{
	if (target + 1 == e->count)
		return target;
	if (e->code[target].code == (BPF_RET | BPF_K))
		return emit(e, BPF_RET | BPF_K, e->code[target].k);
	return emit(e, BPF_JMP | BPF_JA, e->count - target - 1);
}

/* Compares one half of an argument and goes to `yes` or `no`. */
static unsigned emit_half(struct emitter *e, const struct seccomp_condition *condition, bool high,
			  unsigned op, unsigned yes, unsigned no)
{
	bool masked = condition->comparison == SECCOMP_COMPARE_MASKED_EQ;
	size_t offset = offsetof(struct seccomp_data, args) +
			condition->argument * sizeof(uint64_t) + (high ? sizeof(uint32_t) : 0);
	unsigned shift = high ? 32 : 0;

	(void)emit_jump(e, op, (uint32_t)(condition->value >> shift), yes, no);
	if (masked)
		(void)emit(e, BPF_ALU | BPF_AND | BPF_K, (uint32_t)(condition->mask >> shift));
	return emit_load(e, offset);
}

/* Both halves: the high one decides unless it is equal. */
static unsigned emit_order(struct emitter *e, const struct seccomp_condition *condition,
			   unsigned op, unsigned greater, unsigned other)
{
	size_t offset = offsetof(struct seccomp_data, args) +
			condition->argument * sizeof(uint64_t) + sizeof(uint32_t);
	uint32_t high = (uint32_t)(condition->value >> 32);
	unsigned place = emit_half(e, condition, false, op, greater, other);

	place = emit_jump(e, BPF_JEQ, high, place, other);
	(void)emit_jump(e, BPF_JGT, high, greater, place);
	return emit_load(e, offset);
}

static unsigned emit_condition(struct emitter *e, const struct seccomp_condition *condition,
			       unsigned yes, unsigned no)
{
	unsigned low;

	switch (condition->comparison) {
	case SECCOMP_COMPARE_EQ:
	case SECCOMP_COMPARE_MASKED_EQ:
		low = emit_half(e, condition, false, BPF_JEQ, yes, no);
		return emit_half(e, condition, true, BPF_JEQ, low, no);
	case SECCOMP_COMPARE_NE:
		low = emit_half(e, condition, false, BPF_JEQ, no, yes);
		return emit_half(e, condition, true, BPF_JEQ, low, yes);
	case SECCOMP_COMPARE_GT:
		return emit_order(e, condition, BPF_JGT, yes, no);
	case SECCOMP_COMPARE_GE:
		return emit_order(e, condition, BPF_JGE, yes, no);
	case SECCOMP_COMPARE_LE:
		return emit_order(e, condition, BPF_JGT, no, yes);
	case SECCOMP_COMPARE_LT:
		return emit_order(e, condition, BPF_JGE, no, yes);
	}
	assert(!"one of enum seccomp_comparison");
	return no;
}

/* The rules of one call in order, then the default action. */
static unsigned emit_calls(struct emitter *e, const struct interval *interval,
			   uint32_t default_action)
{
	unsigned place = emit_return(e, default_action);

	for (size_t i = interval->call_count; i-- > 0;) {
		const struct seccomp_rule *rule = interval->calls[i].rule;
		unsigned otherwise = place;

		place = emit_return(e, rule->action);
		for (unsigned j = rule->condition_count; j-- > 0;)
			place = emit_condition(e, &rule->conditions[j], place, otherwise);
	}
	return place;
}

/* Half of the intervals on each side: the depth is the logarithm of their number. */
static unsigned emit_search(struct emitter *e, const struct search *search, size_t from, size_t to)
{
	const struct interval *interval = &search->intervals[from];
	size_t middle = from + (to - from) / 2;
	unsigned above, below;

	if (e->full)
		return 0;
	if (to - from > 1) {
		above = emit_search(e, search, middle, to);
		below = emit_search(e, search, from, middle);
		return emit_jump(e, BPF_JGE, search->intervals[middle].first, above, below);
	}
	if (interval->calls)
		return emit_calls(e, interval, search->default_action);
	return emit_return(e, interval->action);
}

static void add_interval(struct search *search, struct interval interval)
{
	const struct interval *last;

	if (search->count && search->intervals[search->count - 1].first == interval.first)
		search->count--;
	last = search->count ? &search->intervals[search->count - 1] : NULL;
	if (last && !last->calls && !interval.calls && last->action == interval.action)
		return;
	search->intervals[search->count++] = interval;
}

/* The rules of one number become one interval, and what follows gets the default. */
static void add_calls(struct search *search, const struct call *calls, size_t count)
{
	struct interval interval = { .first = calls->number, .calls = calls, .call_count = count };

	for (size_t i = count; i-- > 0;) {
		if (calls[i].rule->condition_count == 0) {
			interval.calls = NULL;
			interval.action = calls[i].rule->action;
		}
	}
	add_interval(search, interval);
	add_interval(search, (struct interval){ .first = calls->number + 1,
						.action = search->default_action });
}

static int compare_calls(const void *a, const void *b)
{
	const struct call *first = a, *second = b;

	if (first->number != second->number)
		return first->number < second->number ? -1 : 1;
	return first->rule < second->rule ? -1 : first->rule > second->rule;
}

static size_t collect_calls(const struct seccomp_policy *policy, enum seccomp_arch arch,
			    struct call *calls)
{
	size_t count = 0;

	for (size_t i = 0; i < policy->rule_count; i++) {
		const struct seccomp_rule *rule = &policy->rules[i];

		assert(rule->condition_count <= SECCOMP_CONDITIONS_MAX);
		if (rule->numbers[arch] >= 0)
			calls[count++] = (struct call){ (uint32_t)rule->numbers[arch], rule };
	}
	qsort(calls, count, sizeof(*calls), compare_calls);
	return count;
}

/* The decision about a number of one architecture, the number being loaded. */
static int emit_arch(struct emitter *e, const struct seccomp_policy *policy, enum seccomp_arch arch,
		     unsigned *place)
{
	_cleanup_free_ struct call *calls = malloc((policy->rule_count + 1) * sizeof(*calls));
	_cleanup_free_ struct interval *intervals =
	    malloc((2 * policy->rule_count + 2) * sizeof(*intervals));
	struct search search = { .intervals = intervals, .default_action = policy->default_action };
	size_t count, next;

	if (!calls || !intervals)
		return -1;
	count = collect_calls(policy, arch, calls);
	add_interval(&search, (struct interval){ .action = policy->default_action });
	for (size_t i = 0; i < count; i = next) {
		for (next = i + 1; next < count && calls[next].number == calls[i].number;)
			next++;
		add_calls(&search, &calls[i], next - i);
	}
	if (policy->unknown_is_missing && count)
		add_interval(&search, (struct interval){ .first = calls[count - 1].number + 1,
							 .action = MISSING });
	*place = emit_search(e, &search, 0, search.count);
	return 0;
}

/* x86-64 and x32 are one architecture to the kernel, with a bit in the number. */
static int emit_native(struct emitter *e, const struct seccomp_policy *policy, unsigned *place)
{
	unsigned x32, native;

	if (!policy->archs[SECCOMP_ARCH_X32]) {
		x32 = emit_return(e, SECCOMP_RET_KILL_PROCESS);
	} else {
		if (emit_arch(e, policy, SECCOMP_ARCH_X32, &x32) < 0)
			return -1;
		(void)emit_next(e, x32);
		x32 = emit(e, BPF_ALU | BPF_AND | BPF_K, ~X32_BIT);
	}
	native = emit_return(e, SECCOMP_RET_KILL_PROCESS);
	if (policy->archs[SECCOMP_ARCH_X86_64] &&
	    emit_arch(e, policy, SECCOMP_ARCH_X86_64, &native) < 0)
		return -1;
	(void)emit_jump(e, BPF_JGE, X32_BIT, x32, native);
	*place = emit_load(e, offsetof(struct seccomp_data, nr));
	return 0;
}

static int emit_program(struct emitter *e, const struct seccomp_policy *policy)
{
	unsigned other = emit_return(e, SECCOMP_RET_KILL_PROCESS), native;

	if (policy->archs[SECCOMP_ARCH_X86]) {
		if (emit_arch(e, policy, SECCOMP_ARCH_X86, &other) < 0)
			return -1;
		(void)emit_next(e, other);
		other = emit_load(e, offsetof(struct seccomp_data, nr));
		other = emit_jump(e, BPF_JEQ, AUDIT_ARCH_I386, other,
				  emit_return(e, SECCOMP_RET_KILL_PROCESS));
	}
	if (emit_native(e, policy, &native) < 0)
		return -1;
	(void)emit_jump(e, BPF_JEQ, AUDIT_ARCH_X86_64, native, other);
	(void)emit_load(e, offsetof(struct seccomp_data, arch));
	return 0;
}

int seccomp_compile(const struct seccomp_policy *policy, struct seccomp_program *program,
		    struct error *err)
{
	struct emitter e = { .code = program->code };

	if (policy->rule_count > SECCOMP_RULES_MAX)
		return error_set(err, E2BIG, "a system call filter has more than %d rules",
				 SECCOMP_RULES_MAX);
	if (emit_program(&e, policy) < 0)
		return error_set(err, ENOMEM, "cannot compile a system call filter");
	if (e.full)
		return error_set(err, E2BIG,
				 "a system call filter needs more than the %d instructions that "
				 "the kernel takes",
				 SECCOMP_PROGRAM_MAX);
	program->count = e.count;
	for (unsigned i = 0; i < e.count / 2; i++) {
		struct sock_filter swapped = e.code[i];

		e.code[i] = e.code[e.count - 1 - i];
		e.code[e.count - 1 - i] = swapped;
	}
	return 0;
}
