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

enum {
	HOLES_MAX = 3, /* single numbers that are looked for before the interval around them */
	/* Numbers up to here are those that the kernel walks through. */
	WEIGHED_NUMBERS = 512,
};

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

/* Intervals of which every second is a single number in what is otherwise one interval. */
struct leaf {
	size_t first; /* of the intervals */
	size_t holes;
	uint32_t weight; /* numbers that lead here, at least 1 */
};

/* All numbers of one architecture of the kernel's, of which x86-64 and x32 are one. */
struct search {
	uint32_t default_action;
	struct call *calls;
	size_t call_count;
	struct interval *intervals;
	size_t count;
	struct leaf *leaves;
	size_t leaf_count;
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

/* Loads a word, and goes on at `target`. */
static unsigned emit_loaded(struct emitter *e, size_t offset, unsigned target)
{
	if (target + 1 != e->count) {
		if (e->code[target].code == (BPF_RET | BPF_K))
			(void)emit(e, BPF_RET | BPF_K, e->code[target].k);
		else
			(void)emit(e, BPF_JMP | BPF_JA, e->count - target - 1);
	}
	return emit_load(e, offset);
}

/* Loads half of an argument and compares it. */
static unsigned emit_half(struct emitter *e, const struct seccomp_condition *condition, bool high,
			  unsigned op, unsigned yes, unsigned no)
{
	size_t offset = offsetof(struct seccomp_data, args) +
			condition->argument * sizeof(uint64_t) + (high ? sizeof(uint32_t) : 0);
	uint32_t value = (uint32_t)(condition->value >> (high ? 32 : 0));
	uint32_t mask = UINT32_MAX;

	if (condition->comparison == SECCOMP_COMPARE_MASKED_EQ)
		mask = (uint32_t)(condition->mask >> (high ? 32 : 0));
	if (mask == 0)
		return value == 0 ? yes : no;
	(void)emit_jump(e, op, value, yes, no);
	if (mask != UINT32_MAX)
		(void)emit(e, BPF_ALU | BPF_AND | BPF_K, mask);
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
	assert(false && "one of enum seccomp_comparison");
	return no;
}

/* Whether a rule compares the lower half of one argument, as most of several for a call do. */
static bool is_word(const struct seccomp_rule *rule)
{
	const struct seccomp_condition *condition = rule->conditions;

	return rule->condition_count == 1 && condition->comparison == SECCOMP_COMPARE_MASKED_EQ &&
	       condition->mask == UINT32_MAX && condition->value <= UINT32_MAX;
}

/* If `no` begins with the same load, to which nothing else leads, that one is taken back. */
static unsigned emit_word(struct emitter *e, const struct seccomp_condition *condition,
			  unsigned yes, unsigned no)
{
	const struct sock_filter *last = &e->code[e->count - 1];
	size_t offset =
	    offsetof(struct seccomp_data, args) + condition->argument * sizeof(uint64_t);

	if (no == e->count - 1 && last->code == (BPF_LD | BPF_W | BPF_ABS) && last->k == offset) {
		e->count--;
		no--;
	}
	(void)emit_jump(e, BPF_JEQ, (uint32_t)condition->value, yes, no);
	return emit_load(e, offset);
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
		if (is_word(rule)) {
			place = emit_word(e, rule->conditions, place, otherwise);
			continue;
		}
		for (unsigned j = rule->condition_count; j-- > 0;)
			place = emit_condition(e, &rule->conditions[j], place, otherwise);
	}
	return place;
}

/* What becomes of the numbers of one interval. */
static unsigned emit_interval(struct emitter *e, const struct search *search,
			      const struct interval *interval)
{
	if (interval->calls)
		return emit_calls(e, interval, search->default_action);
	return emit_return(e, interval->action);
}

static unsigned emit_leaf(struct emitter *e, const struct search *search, const struct leaf *leaf)
{
	const struct interval *intervals = &search->intervals[leaf->first];
	unsigned place = emit_interval(e, search, &intervals[0]);

	for (size_t i = leaf->holes; i-- > 0;) {
		const struct interval *hole = &intervals[2 * i + 1];
		unsigned inside = emit_interval(e, search, hole);

		place = emit_jump(e, BPF_JEQ, hole->first, inside, place);
	}
	return place;
}

/* Where to divide leaves so that about as many numbers lie on either side. */
static size_t find_middle(const struct search *search, size_t from, size_t to)
{
	uint64_t below = 0, all = 0;
	size_t middle = from;

	for (size_t i = from; i < to; i++)
		all += search->leaves[i].weight;
	while (middle + 1 < to && 2 * below + search->leaves[middle].weight < all)
		below += search->leaves[middle++].weight;
	return middle > from ? middle : from + 1;
}

/* Every division leaves half of the numbers, or one leaf: the depth is twice their logarithm. */
static unsigned emit_search(struct emitter *e, const struct search *search, size_t from, size_t to)
{
	size_t middle;
	unsigned above, below;

	if (e->full)
		return 0;
	if (to - from == 1)
		return emit_leaf(e, search, &search->leaves[from]);
	middle = find_middle(search, from, to);
	above = emit_search(e, search, middle, to);
	below = emit_search(e, search, from, middle);
	return emit_jump(e, BPF_JGE, search->intervals[search->leaves[middle].first].first, above,
			 below);
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

/* The numbers of one architecture of ours, from `base` on. */
static void add_arch(struct search *search, const struct seccomp_policy *policy,
		     enum seccomp_arch arch, uint32_t base)
{
	struct call *calls = &search->calls[search->call_count];
	size_t count = 0, next;

	add_interval(search,
		     (struct interval){ .first = base,
					.action = policy->archs[arch] ? policy->default_action
								      : SECCOMP_RET_KILL_PROCESS });
	if (!policy->archs[arch])
		return;
	for (size_t i = 0; i < policy->rule_count; i++) {
		const struct seccomp_rule *rule = &policy->rules[i];

		assert(rule->condition_count <= SECCOMP_CONDITIONS_MAX);
		if (rule->numbers[arch] >= 0)
			calls[count++] =
			    (struct call){ base + (uint16_t)rule->numbers[arch], rule };
	}
	qsort(calls, count, sizeof(*calls), compare_calls);
	search->call_count += count;
	for (size_t i = 0; i < count; i = next) {
		for (next = i + 1; next < count && calls[next].number == calls[i].number;)
			next++;
		add_calls(search, &calls[i], next - i);
	}
	if (policy->unknown_is_missing)
		add_interval(search,
			     (struct interval){ .first = count ? calls[count - 1].number + 1 : base,
						.action = MISSING });
}

/* Whether the intervals from i on are a single number within what is otherwise one interval. */
static bool is_hole(const struct search *search, size_t i)
{
	const struct interval *at = &search->intervals[i];

	return i + 2 < search->count && at[2].first - at[1].first == 1 && !at[0].calls &&
	       !at[2].calls && at[0].action == at[2].action;
}

static void find_leaves(struct search *search)
{
	for (size_t i = 0; i < search->count;) {
		struct leaf leaf = { .first = i };
		uint32_t first = search->intervals[i].first, end = WEIGHED_NUMBERS;

		for (; leaf.holes < HOLES_MAX && is_hole(search, i); i += 2)
			leaf.holes++;
		i++;
		if (i < search->count && search->intervals[i].first < end)
			end = search->intervals[i].first;
		leaf.weight = end > first ? end - first : 1;
		search->leaves[search->leaf_count++] = leaf;
	}
}

/* The decision about a number of one architecture of the kernel's, the number being loaded. */
static int emit_numbers(struct emitter *e, const struct seccomp_policy *policy, bool native,
			unsigned *place)
{
	size_t calls_max = 2 * policy->rule_count + 1, intervals_max = 2 * calls_max + 4;
	_cleanup_free_ struct call *calls = malloc(calls_max * sizeof(*calls));
	_cleanup_free_ struct interval *intervals = malloc(intervals_max * sizeof(*intervals));
	_cleanup_free_ struct leaf *leaves = malloc(intervals_max * sizeof(*leaves));
	struct search search = { .default_action = policy->default_action,
				 .calls = calls,
				 .intervals = intervals,
				 .leaves = leaves };

	if (!calls || !intervals || !leaves)
		return -1;
	if (native) {
		add_arch(&search, policy, SECCOMP_ARCH_X86_64, 0);
		add_arch(&search, policy, SECCOMP_ARCH_X32, X32_BIT);
	} else {
		add_arch(&search, policy, SECCOMP_ARCH_X86, 0);
	}
	find_leaves(&search);
	*place = emit_search(e, &search, 0, search.leaf_count);
	return 0;
}

static int emit_program(struct emitter *e, const struct seccomp_policy *policy)
{
	unsigned other = emit_return(e, SECCOMP_RET_KILL_PROCESS), native;

	if (policy->archs[SECCOMP_ARCH_X86]) {
		if (emit_numbers(e, policy, false, &other) < 0)
			return -1;
		other = emit_loaded(e, offsetof(struct seccomp_data, nr), other);
		other = emit_jump(e, BPF_JEQ, AUDIT_ARCH_I386, other,
				  emit_return(e, SECCOMP_RET_KILL_PROCESS));
	}
	if (emit_numbers(e, policy, true, &native) < 0)
		return -1;
	native = emit_loaded(e, offsetof(struct seccomp_data, nr), native);
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
