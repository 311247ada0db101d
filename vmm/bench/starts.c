/*
 * Rounds of starts: the order within a round goes forwards and backwards by turns, and begins one
 * further each time, so that none always profits from what the one before it has left in the
 * caches, and none follows itself.
 */
#include "vmm/bench/starts.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "vmm/base/cleanup.h"
#include "vmm/bench/child.h"
#include "vmm/bench/measure.h"

/* One start of a row; with the untimed work around it, which is undone after a failure too. */
static int start_one(struct starts_row *row, struct bench_task *task, unsigned number,
		     struct measurement *measured, struct error *err)
{
	struct argument_list list;
	int status;

	if (subject_before(&row->subject, task, number, err) < 0)
		return -1;
	status = subject_arguments(&row->subject, task, &list, err);
	if (status == 0)
		status = measure_start(list.items, task->error_path, measured, err);
	if (status < 0) {
		child_forget_signal();
		subject_clean_up(&row->subject, task);
	}
	if (subject_after(&row->subject, task, status < 0 ? NULL : err) < 0)
		status = -1;
	return status;
}

static struct starts_row *new_row(struct starts *starts, struct error *err)
{
	if (starts->row_count == STARTS_ROWS_MAX) {
		(void)error_set(err, 0, "at most %d rows are measured at once", STARTS_ROWS_MAX);
		return NULL;
	}
	return &starts->rows[starts->row_count];
}

int starts_add(struct starts *starts, const char *name, bool is_wanted, struct bench_task *task,
	       struct error *err)
{
	struct starts_row *row = new_row(starts, err);
	struct error why = ERROR_NONE;

	if (!row)
		return -1;
	if (subject_open(&row->subject, name, task, &why) == 0) {
		starts->row_count++;
		return 0;
	}
	if (is_wanted || child_signal() || starts->absent_count == STARTS_ROWS_MAX)
		return error_set(err, why.code, "%s: %s", name, why.text);
	(void)snprintf(starts->absent[starts->absent_count].name, SUBJECT_NAME_MAX, "%s", name);
	starts->absent[starts->absent_count].why = why;
	starts->absent_count++;
	return 0;
}

int starts_add_oci(struct starts *starts, const char *runtime, struct bench_task *task,
		   struct error *err)
{
	struct starts_row *row = new_row(starts, err);

	if (!row || subject_open_oci(&row->subject, runtime, task, err) < 0)
		return -1;
	starts->row_count++;
	return 0;
}

int starts_add_command(struct starts *starts, const char *name, const char *command,
		       struct error *err)
{
	struct starts_row *row = new_row(starts, err);

	if (!row || subject_open_command(&row->subject, name, command, err) < 0)
		return -1;
	starts->row_count++;
	return 0;
}

static int allocate(struct starts *starts, struct error *err)
{
	starts->scratch = calloc(starts->rounds, sizeof(uint64_t));
	for (unsigned i = 0; i < starts->row_count; i++)
		for (int figure = 0; figure < STARTS_FIGURES; figure++) {
			starts->rows[i].values_ns[figure] =
			    calloc(starts->rounds, sizeof(uint64_t));
			if (!starts->scratch || !starts->rows[i].values_ns[figure])
				return error_set(err, ENOMEM, "%u rounds", starts->rounds);
		}
	return 0;
}

/* Round 0 warms up. Returns 0, or -1 after a signal. */
static int run_round(struct starts *starts, struct bench_task *task, unsigned round,
		     struct error *err)
{
	for (unsigned i = 0; i < starts->row_count; i++) {
		unsigned from = round % 2 ? i : starts->row_count - 1 - i;
		unsigned at = (from + round) % starts->row_count;
		struct starts_row *row = &starts->rows[at];
		struct measurement measured;

		if (row->has_failed)
			continue;
		if (start_one(row, task, round, &measured, &row->why) < 0) {
			if (child_signal())
				return error_set(err, EINTR, "%s", row->subject.name);
			row->has_failed = true;
			continue;
		}
		if (round == 0)
			continue;
		row->values_ns[STARTS_FIRST_BYTE][round - 1] =
		    measured.first_byte_ns - measured.started_ns;
		row->values_ns[STARTS_END][round - 1] = measured.ended_ns - measured.started_ns;
	}
	return 0;
}

unsigned starts_first(const struct starts *starts)
{
	unsigned i = 0;

	while (i < starts->row_count && starts->rows[i].has_failed)
		i++;
	return i;
}

struct traced {
	struct phases phases;
	uint64_t first_byte_ns;
};

static int compare_traced(const void *left, const void *right)
{
	const struct traced *a = left, *b = right;

	return a->first_byte_ns < b->first_byte_ns ? -1 : a->first_byte_ns > b->first_byte_ns;
}

/* Some starts with a timeline; the one in the middle is kept. */
static int trace(struct starts *starts, struct starts_row *row, struct bench_task *task,
		 struct error *err)
{
	_cleanup_free_ struct traced *traced = calloc(STARTS_TRACED, sizeof(*traced));

	if (!traced)
		return error_set(err, ENOMEM, "the timelines");
	(void)snprintf(row->subject.trace, sizeof(row->subject.trace), "%s/trace", task->directory);
	for (unsigned i = 0; i < STARTS_TRACED; i++) {
		struct measurement measured;

		if (start_one(row, task, starts->rounds + 1 + i, &measured, err) < 0 ||
		    phases_read(&traced[i].phases, row->subject.trace, &measured, err) < 0)
			return error_prefix(err, "%s with a timeline", row->subject.name);
		traced[i].first_byte_ns = measured.first_byte_ns - measured.started_ns;
	}
	qsort(traced, STARTS_TRACED, sizeof(*traced), compare_traced);
	starts->phases = traced[STARTS_TRACED / 2].phases;
	row->subject.trace[0] = '\0';
	return 0;
}

/* Of the rows, after all rounds. */
static int count_failed(const struct starts *starts, struct error *err)
{
	int failed = 0;

	for (unsigned i = 0; i < starts->row_count; i++)
		failed += starts->rows[i].has_failed;
	if (starts->row_count == 0 || starts_first(starts) < starts->row_count)
		return failed;
	return error_set(err, 0, "%s: %s", starts->rows[0].subject.name, starts->rows[0].why.text);
}

int starts_run(struct starts *starts, struct bench_task *task, FILE *progress, struct error *err)
{
	int failed;

	if (allocate(starts, err) < 0)
		return -1;
	for (unsigned round = 0; round <= starts->rounds; round++) {
		if (run_round(starts, task, round, err) < 0)
			return -1;
		if (starts_first(starts) == starts->row_count)
			break;
		if (progress)
			(void)fprintf(progress, "\r%u of %u rounds", round, starts->rounds);
	}
	if (progress)
		(void)fprintf(progress, "\r\033[K");
	failed = count_failed(starts, err);
	for (unsigned i = 0; failed >= 0 && i < starts->row_count; i++)
		if (!starts->rows[i].has_failed &&
		    strcmp(starts->rows[i].subject.name, subject_names[0]) == 0 &&
		    trace(starts, &starts->rows[i], task, &starts->no_phases) < 0) {
			if (child_signal())
				return error_set(err, EINTR, "%s", starts->rows[i].subject.name);
			failed++;
		}
	return failed;
}

void starts_free(struct starts *starts)
{
	for (unsigned i = 0; i < starts->row_count; i++)
		for (int figure = 0; figure < STARTS_FIGURES; figure++)
			free(starts->rows[i].values_ns[figure]);
	free(starts->scratch);
}

uint64_t starts_quantile(const struct starts *starts, const struct starts_row *row,
			 enum starts_figure figure, unsigned permille)
{
	return statistics_quantile(row->values_ns[figure], starts->rounds, permille,
				   starts->scratch);
}

struct difference starts_compare(const struct starts *starts, const struct starts_row *a,
				 const struct starts_row *b, enum starts_figure figure)
{
	return statistics_compare(a->values_ns[figure], b->values_ns[figure], starts->rounds,
				  starts->scratch);
}
