/*
 * Text, JSON and CSV.
 */
#include "vmm/bench/report.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "vmm/base/json_writer.h"

static const char *const figure_names[STARTS_FIGURES] = { "first_byte", "end" };

static double ms(int64_t ns)
{
	return (double)ns / 1e6;
}

static int64_t quantile(const struct starts *starts, unsigned row, int figure, unsigned permille)
{
	return (int64_t)starts_quantile(starts, &starts->rows[row], (enum starts_figure)figure,
					permille);
}

static void print_command(FILE *out, const struct bench_task *task)
{
	(void)fprintf(out, "%s", task->image);
	for (const char *const *word = task->command; *word; word++)
		(void)fprintf(out, " %s", *word);
}

static void print_table(FILE *out, const struct starts *starts)
{
	(void)fprintf(out, "\n%-16s%30s%34s\n%-16s", "", "first byte, ms", "end, ms", "");
	for (int figure = 0; figure < STARTS_FIGURES; figure++)
		(void)fprintf(out, "%12s%10s%10s", "median", "p90", "p99");
	(void)fprintf(out, "\n");
	for (unsigned i = 0; i < starts->row_count; i++) {
		(void)fprintf(out, "%-16.16s", starts->rows[i].subject.name);
		if (starts->rows[i].has_failed) {
			(void)fprintf(out, "  failed: %s\n", starts->rows[i].why.text);
			continue;
		}
		for (int figure = 0; figure < STARTS_FIGURES; figure++)
			(void)fprintf(out, "%12.2f%10.2f%10.2f",
				      ms(quantile(starts, i, figure, STATISTICS_PERMILLE_MEDIAN)),
				      ms(quantile(starts, i, figure, STARTS_P90)),
				      ms(quantile(starts, i, figure, STARTS_P99)));
		(void)fprintf(out, "\n");
	}
	if (starts->rounds < STARTS_P99_ROUNDS_MIN)
		(void)fprintf(out,
			      "Of %u starts the p99 is hardly more than the slowest one; --runs "
			      "%d or more make it one.\n",
			      starts->rounds, STARTS_P99_ROUNDS_MIN);
}

/* Of the first row against each other one, in words. */
static void print_differences(FILE *out, const struct starts *starts)
{
	const unsigned first_row = starts_first(starts);
	const struct starts_row *first = &starts->rows[first_row];

	if (starts->row_count > 1)
		(void)fprintf(out, "\n");
	for (unsigned i = first_row + 1; i < starts->row_count; i++) {
		const struct starts_row *other = &starts->rows[i];
		struct difference found;

		if (other->has_failed)
			continue;
		found = starts_compare(starts, first, other, STARTS_FIRST_BYTE);
		if (found.is_shown)
			(void)fprintf(out,
				      "The first byte of %s comes %.2f ms %s than that of %s (%.2f "
				      "to %.2f).\n",
				      first->subject.name, ms(llabs(found.median_ns)),
				      found.median_ns < 0 ? "earlier" : "later",
				      other->subject.name,
				      ms(found.median_ns < 0 ? -found.high_ns : found.low_ns),
				      ms(found.median_ns < 0 ? -found.low_ns : found.high_ns));
		else
			(void)fprintf(out,
				      "%s and %s: no difference that %u starts can show (%.2f to "
				      "%.2f ms).\n",
				      first->subject.name, other->subject.name, starts->rounds,
				      ms(found.low_ns), ms(found.high_ns));
	}
	if (starts->row_count > 1)
		(void)fprintf(out, "In parentheses: 95 %% confidence.\n");
}

static void print_phases(FILE *out, const struct phases *phases)
{
	double total;

	if (phases->count == 0)
		return;
	total = (double)phases->items[phases->count - 1].at_ns;
	(void)fprintf(
	    out, "\nOne start of %s, the middle one of %d with a timeline\n%10s%10s%6s  %-6s %s\n",
	    subject_names[0], STARTS_TRACED, "at, ms", "took, ms", "%", "side", "until");
	for (unsigned i = 0; i < phases->count; i++)
		(void)fprintf(out, "%10.2f%10.2f%6.1f  %-6s %s%s\n",
			      ms((int64_t)phases->items[i].at_ns),
			      ms((int64_t)phases->items[i].took_ns),
			      100.0 * (double)phases->items[i].took_ns / total,
			      phases->items[i].side, phases->items[i].name,
			      phase_is_large(phases, i) ? "  <- more than a tenth" : "");
}

void report_text(FILE *out, const struct starts *starts, const struct bench_task *task)
{
	(void)fprintf(out, "%u starts of each, in turn: ", starts->rounds);
	print_command(out, task);
	(void)fprintf(out, "\n");
	print_table(out, starts);
	print_differences(out, starts);
	print_phases(out, &starts->phases);
	if (starts->no_phases.text[0])
		(void)fprintf(out, "\nNo timeline: %s.\n", starts->no_phases.text);
	if (starts->absent_count)
		(void)fprintf(out, "\n");
	for (unsigned i = 0; i < starts->absent_count; i++)
		(void)fprintf(out, "Without %s: %s.\n", starts->absent[i].name,
			      starts->absent[i].why.text);
}

/* JSON */

static void put_task(struct json_writer *json, const struct bench_task *task)
{
	json_put_text(json, "image", task->image);
	json_open(json, "command", '[');
	for (const char *const *word = task->command; *word; word++)
		json_put_text(json, NULL, *word);
	json_close(json, ']');
}

static void put_row(struct json_writer *json, const struct starts *starts, unsigned row)
{
	json_open(json, NULL, '{');
	json_put_text(json, "name", starts->rows[row].subject.name);
	if (starts->rows[row].has_failed)
		json_put_text(json, "failed", starts->rows[row].why.text);
	for (int figure = 0; !starts->rows[row].has_failed && figure < STARTS_FIGURES; figure++) {
		json_open(json, figure_names[figure], '{');
		json_put_number(
		    json, "median_ns",
		    (uint64_t)quantile(starts, row, figure, STATISTICS_PERMILLE_MEDIAN));
		json_put_number(json, "p90_ns",
				(uint64_t)quantile(starts, row, figure, STARTS_P90));
		json_put_number(json, "p99_ns",
				(uint64_t)quantile(starts, row, figure, STARTS_P99));
		json_open(json, "all_ns", '[');
		for (unsigned i = 0; i < starts->rounds; i++)
			json_put_number(json, NULL, starts->rows[row].values_ns[figure][i]);
		json_close(json, ']');
		json_close(json, '}');
	}
	json_close(json, '}');
}

/* JSON's numbers have a sign; the writer's have none. */
static void put_signed(struct json_writer *json, const char *key, int64_t value)
{
	json_open(json, key, '{');
	json_put_bool(json, "negative", value < 0);
	json_put_number(json, "ns", (uint64_t)llabs(value));
	json_close(json, '}');
}

static void put_differences(struct json_writer *json, const struct starts *starts)
{
	const unsigned first = starts_first(starts);

	json_open(json, "differences", '[');
	for (unsigned i = first + 1; i < starts->row_count; i++)
		for (int figure = 0; !starts->rows[i].has_failed && figure < STARTS_FIGURES;
		     figure++) {
			struct difference found =
			    starts_compare(starts, &starts->rows[first], &starts->rows[i],
					   (enum starts_figure)figure);

			json_open(json, NULL, '{');
			json_put_text(json, "of", starts->rows[first].subject.name);
			json_put_text(json, "from", starts->rows[i].subject.name);
			json_put_text(json, "figure", figure_names[figure]);
			put_signed(json, "median", found.median_ns);
			put_signed(json, "low", found.low_ns);
			put_signed(json, "high", found.high_ns);
			json_put_bool(json, "shown", found.is_shown);
			json_close(json, '}');
		}
	json_close(json, ']');
}

void report_json(FILE *out, const struct starts *starts, const struct bench_task *task)
{
	struct json_writer json;

	json_begin(&json, out);
	json_open(&json, NULL, '{');
	put_task(&json, task);
	json_put_number(&json, "rounds", starts->rounds);
	json_open(&json, "rows", '[');
	for (unsigned i = 0; i < starts->row_count; i++)
		put_row(&json, starts, i);
	json_close(&json, ']');
	put_differences(&json, starts);
	json_open(&json, "phases", '[');
	for (unsigned i = 0; i < starts->phases.count; i++) {
		json_open(&json, NULL, '{');
		json_put_text(&json, "until", starts->phases.items[i].name);
		json_put_text(&json, "side", starts->phases.items[i].side);
		json_put_number(&json, "at_ns", starts->phases.items[i].at_ns);
		json_put_number(&json, "took_ns", starts->phases.items[i].took_ns);
		json_put_bool(&json, "large", phase_is_large(&starts->phases, i));
		json_close(&json, '}');
	}
	json_close(&json, ']');
	if (starts->no_phases.text[0])
		json_put_text(&json, "no_phases", starts->no_phases.text);
	json_open(&json, "absent", '[');
	for (unsigned i = 0; i < starts->absent_count; i++) {
		json_open(&json, NULL, '{');
		json_put_text(&json, "name", starts->absent[i].name);
		json_put_text(&json, "reason", starts->absent[i].why.text);
		json_close(&json, '}');
	}
	json_close(&json, ']');
	json_close(&json, '}');
	json_end(&json);
}

/* A field as RFC 4180 has it: quoted where something in it would end it, its quotes doubled. */
static void put_field(FILE *out, const char *text)
{
	if (!text[strcspn(text, ",\"\r\n")]) {
		(void)fputs(text, out);
		return;
	}
	(void)fputc('"', out);
	for (; *text; text++) {
		if (*text == '"')
			(void)fputc('"', out);
		(void)fputc(*text, out);
	}
	(void)fputc('"', out);
}

void report_csv(FILE *out, const struct starts *starts, const struct bench_task *task)
{
	(void)task;
	(void)fprintf(out, "row,round,first_byte_ns,end_ns\n");
	for (unsigned i = 0; i < starts->row_count; i++) {
		const struct starts_row *row = &starts->rows[i];

		if (row->has_failed) {
			put_field(out, row->subject.name);
			(void)fprintf(out, ",,,\n");
			continue;
		}
		for (unsigned round = 0; round < starts->rounds; round++) {
			put_field(out, row->subject.name);
			(void)fprintf(out, ",%u,%" PRIu64 ",%" PRIu64 "\n", round + 1,
				      row->values_ns[STARTS_FIRST_BYTE][round],
				      row->values_ns[STARTS_END][round]);
		}
	}
}

void report_phases_csv(FILE *out, const struct starts *starts, const struct bench_task *task)
{
	(void)task;
	(void)fprintf(out, "until,side,at_ns,took_ns,large\n");
	for (unsigned i = 0; i < starts->phases.count; i++) {
		const struct phase *phase = &starts->phases.items[i];

		put_field(out, phase->name);
		(void)fputc(',', out);
		put_field(out, phase->side);
		(void)fprintf(out, ",%" PRIu64 ",%" PRIu64 ",%s\n", phase->at_ns, phase->took_ns,
			      phase_is_large(&starts->phases, i) ? "true" : "false");
	}
}

/* Memory */

static double mib_each(uint64_t kib, unsigned pods)
{
	return (double)kib / 1024 / pods;
}

static void print_share(FILE *out, const struct memory *memory, bool is_known, const char *name,
			int64_t kib)
{
	if (is_known)
		(void)fprintf(out, "%-40s%10.2f\n", name, (double)kib / 1024 / memory->pods);
	else
		(void)fprintf(out, "%-40s%10s\n", name, "unknown");
}

/* Where MemAvailable went. */
static void print_shares(FILE *out, const struct memory *memory)
{
	static const char *const names[MEMORY_PARTS] = {
		[MEMORY_PAGE_TABLES] = "  page tables",
		[MEMORY_GUEST_PAGE_TABLES] = "  page tables of the guest's memory",
		[MEMORY_STACKS] = "  kernel stacks",
		[MEMORY_SLABS] = "  slabs",
		[MEMORY_PER_CPU] = "  per-CPU memory",
		[MEMORY_TMPFS] = "  files in memory",
	};
	const bool is_known = memory->unreadable == 0;
	char text[64] = "  guest memory";

	if (is_known)
		(void)snprintf(text, sizeof(text), "  guest memory, %.2f of it in huge pages",
			       mib_each(memory->huge_kib, memory->pods));
	print_share(out, memory, is_known, text, (int64_t)memory->guest_kib);
	print_share(out, memory, is_known, "  changed pages of the guest kernel",
		    (int64_t)memory->image_kib);
	print_share(out, memory, is_known, "  supervisor and machine", (int64_t)memory->own_kib);
	for (int part = 0; part < MEMORY_PARTS; part++)
		print_share(out, memory, memory->is_part_known[part], names[part],
			    (int64_t)memory->parts_kib[part]);
	print_share(out, memory, is_known, "  anything else", memory_rest_kib(memory));
}

void report_memory_text(FILE *out, const struct memory *memory, const struct bench_task *task)
{
	const bool is_known = memory->unreadable == 0;

	(void)fprintf(out, "%u idle pods, MiB a pod: ", memory->pods);
	print_command(out, task);
	(void)fprintf(out, "\n\n");
	print_share(out, memory, true, "taken from MemAvailable", (int64_t)memory->available_kib);
	print_shares(out, memory);
	(void)fprintf(out, "\n");
	print_share(out, memory, is_known, "RSS of its processes", (int64_t)memory->rss_kib);
	print_share(out, memory, is_known, "PSS of its processes", (int64_t)memory->pss_kib);
	print_share(out, memory, is_known, "private to them", (int64_t)memory->private_kib);
	(void)fprintf(out, "%-40s%10.1f\n", "processes", (double)memory->processes / memory->pods);
	if (!is_known)
		(void)fprintf(out,
			      "\nThe memory of %u of %u processes may not be read, so that their "
			      "sums are unknown.\n",
			      memory->unreadable, memory->processes);
}

static void put_kib(struct json_writer *json, bool is_known, const char *key, uint64_t kib)
{
	if (is_known)
		json_put_number(json, key, kib);
	else
		json_put_null(json, key);
}

void report_memory_json(FILE *out, const struct memory *memory, const struct bench_task *task)
{
	const bool is_known = memory->unreadable == 0;
	struct json_writer json;

	json_begin(&json, out);
	json_open(&json, NULL, '{');
	put_task(&json, task);
	json_put_number(&json, "pods", memory->pods);
	json_put_number(&json, "available_kib", memory->available_kib);
	put_kib(&json, is_known, "rss_kib", memory->rss_kib);
	put_kib(&json, is_known, "pss_kib", memory->pss_kib);
	put_kib(&json, is_known, "private_kib", memory->private_kib);
	put_kib(&json, is_known, "guest_kib", memory->guest_kib);
	put_kib(&json, is_known, "guest_huge_kib", memory->huge_kib);
	put_kib(&json, is_known, "kernel_image_kib", memory->image_kib);
	put_kib(&json, is_known, "own_kib", memory->own_kib);
	json_open(&json, "kernel_kib", '{');
	for (int part = 0; part < MEMORY_PARTS; part++)
		put_kib(&json, memory->is_part_known[part],
			memory_part_field((enum memory_part)part), memory->parts_kib[part]);
	json_close(&json, '}');
	json_put_number(&json, "processes", memory->processes);
	json_put_number(&json, "unreadable_processes", memory->unreadable);
	json_close(&json, '}');
	json_end(&json);
}
