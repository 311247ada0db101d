/*
 * One page with its pictures in it: no script, no other file, nothing from any network.
 */
#include "vmm/bench/report.h"

#include <inttypes.h>
#include <string.h>

enum {
	WIDTH = 900,
	LABEL_WIDTH = 190,
	BAR_WIDTH = WIDTH - LABEL_WIDTH - 90,
	BAR_HEIGHT = 18,
	ROW_HEIGHT = 30,
	COLOURS = 8,
};

static const char *const colours[COLOURS] = { "#4e79a7", "#f28e2b", "#e15759", "#76b7b2",
					      "#59a14f", "#edc948", "#b07aa1", "#9c755f" };

static const char style[] =
    "body{font:15px/1.5 sans-serif;max-width:60em;margin:2em auto;padding:0 1em;color:#222}"
    "table{border-collapse:collapse;margin:1em 0}td,th{padding:.2em .8em;text-align:right;"
    "border-bottom:1px solid #ddd}td:first-child,th:first-child{text-align:left}"
    "svg{width:100%;height:auto}svg text{font:13px sans-serif}.note{color:#666}";

/* A text in the page: what HTML would read as its own is escaped. */
static void put_escaped(FILE *out, const char *text)
{
	for (; *text; text++)
		switch (*text) {
		case '<':
			(void)fputs("&lt;", out);
			break;
		case '>':
			(void)fputs("&gt;", out);
			break;
		case '&':
			(void)fputs("&amp;", out);
			break;
		case '"':
			(void)fputs("&quot;", out);
			break;
		default:
			(void)fputc(*text, out);
		}
}

static double ms(uint64_t ns)
{
	return (double)ns / 1e6;
}

static void put_table(FILE *out, const struct starts *starts)
{
	static const unsigned permilles[] = { STATISTICS_PERMILLE_MEDIAN, STARTS_P90, STARTS_P99 };

	(void)fprintf(out, "<table><tr><th>milliseconds<th colspan=3>first byte<th colspan=3>end"
			   "<tr><th><th>median<th>p90<th>p99<th>median<th>p90<th>p99\n");
	for (unsigned i = 0; i < starts->row_count; i++) {
		(void)fprintf(out, "<tr><td>");
		put_escaped(out, starts->rows[i].subject.name);
		if (starts->rows[i].has_failed) {
			(void)fprintf(out, "<td colspan=6>failed: ");
			put_escaped(out, starts->rows[i].why.text);
			(void)fprintf(out, "\n");
			continue;
		}
		for (int figure = 0; figure < STARTS_FIGURES; figure++)
			for (size_t k = 0; k < sizeof(permilles) / sizeof(permilles[0]); k++)
				(void)fprintf(
				    out, "<td>%.2f",
				    ms(starts_quantile(starts, &starts->rows[i],
						       (enum starts_figure)figure, permilles[k])));
		(void)fprintf(out, "\n");
	}
	(void)fprintf(out, "</table>\n");
	if (starts->rounds < STARTS_P99_ROUNDS_MIN)
		(void)fprintf(out,
			      "<p class=note>Of %u starts the p99 is hardly more than the slowest "
			      "one.</p>\n",
			      starts->rounds);
}

/* A bar for each row: the median, and a line to the 90th percentile. */
static void put_bars(FILE *out, const struct starts *starts)
{
	uint64_t longest_ns = 1;

	for (unsigned i = 0; i < starts->row_count; i++) {
		uint64_t ns =
		    starts->rows[i].has_failed
			? 0
			: starts_quantile(starts, &starts->rows[i], STARTS_FIRST_BYTE, STARTS_P90);

		longest_ns = ns > longest_ns ? ns : longest_ns;
	}
	(void)fprintf(out, "<svg viewBox=\"0 0 %d %u\" role=img><title>first byte</title>\n", WIDTH,
		      starts->row_count * ROW_HEIGHT);
	for (unsigned i = 0; i < starts->row_count; i++) {
		const struct starts_row *row = &starts->rows[i];
		double scale = (double)BAR_WIDTH / (double)longest_ns;
		unsigned y = i * ROW_HEIGHT;
		uint64_t median_ns, p90_ns;

		if (row->has_failed)
			continue;
		median_ns =
		    starts_quantile(starts, row, STARTS_FIRST_BYTE, STATISTICS_PERMILLE_MEDIAN);
		p90_ns = starts_quantile(starts, row, STARTS_FIRST_BYTE, STARTS_P90);
		(void)fprintf(out, "<text x=0 y=%u>", y + BAR_HEIGHT - 4);
		put_escaped(out, row->subject.name);
		(void)fprintf(out,
			      "</text><rect x=%d y=%u width=\"%.1f\" height=%d fill=\"%s\"/>"
			      "<path d=\"M%.1f %uH%.1f\" stroke=\"#222\"/>"
			      "<text x=\"%.1f\" y=%u>%.2f ms</text>\n",
			      LABEL_WIDTH, y, (double)median_ns * scale, BAR_HEIGHT,
			      colours[i % COLOURS], LABEL_WIDTH + (double)median_ns * scale,
			      y + BAR_HEIGHT / 2, LABEL_WIDTH + (double)p90_ns * scale,
			      LABEL_WIDTH + (double)p90_ns * scale + 6, y + BAR_HEIGHT - 4,
			      ms(median_ns));
	}
	(void)fprintf(out, "</svg>\n");
}

/* The phases of one start, each where it was in time: a stair from its beginning to its end. */
static void put_phases(FILE *out, const struct phases *phases)
{
	double scale;

	if (phases->count == 0)
		return;
	scale = (double)BAR_WIDTH / (double)phases->items[phases->count - 1].at_ns;
	(void)fprintf(out,
		      "<h2>Where one start goes</h2>\n"
		      "<svg viewBox=\"0 0 %d %u\" role=img><title>phases</title>\n",
		      WIDTH, phases->count * ROW_HEIGHT);
	for (unsigned i = 0; i < phases->count; i++) {
		const struct phase *phase = &phases->items[i];
		double x = LABEL_WIDTH + (double)(phase->at_ns - phase->took_ns) * scale;
		double width = (double)phase->took_ns * scale;
		unsigned y = i * ROW_HEIGHT;

		(void)fprintf(out, "<text x=0 y=%u>", y + BAR_HEIGHT - 4);
		put_escaped(out, phase->name);
		(void)fprintf(out,
			      "</text><rect x=\"%.1f\" y=%u width=\"%.1f\" height=%d fill=\"%s\"/>"
			      "<text x=\"%.1f\" y=%u>%.2f ms%s</text>\n",
			      x, y, width > 1 ? width : 1, BAR_HEIGHT,
			      colours[strcmp(phase->side, "guest") == 0], x + width + 6,
			      y + BAR_HEIGHT - 4, ms(phase->took_ns),
			      phase_is_large(phases, i) ? ", more than a tenth" : "");
	}
	(void)fprintf(out,
		      "</svg>\n<p class=note>Host in blue, guest in orange; each bar ends where "
		      "what its name says has happened.</p>\n");
}

void report_html(FILE *out, const struct starts *starts, const struct bench_task *task)
{
	(void)fprintf(out,
		      "<!DOCTYPE html>\n<html lang=en><meta charset=utf-8>"
		      "<title>nacelle bench start</title><style>%s</style>\n<h1>%u starts of ",
		      style, starts->rounds);
	put_escaped(out, task->image);
	(void)fprintf(out, "</h1>\n<p>Command:");
	for (const char *const *word = task->command; *word; word++) {
		(void)fputc(' ', out);
		put_escaped(out, *word);
	}
	(void)fprintf(out, "</p>\n<h2>First byte of output</h2>\n");
	put_bars(out, starts);
	put_table(out, starts);
	put_phases(out, &starts->phases);
	if (starts->no_phases.text[0]) {
		(void)fprintf(out, "<p class=note>No timeline: ");
		put_escaped(out, starts->no_phases.text);
		(void)fprintf(out, ".</p>\n");
	}
	for (unsigned i = 0; i < starts->absent_count; i++) {
		(void)fprintf(out, "<p class=note>Without ");
		put_escaped(out, starts->absent[i].name);
		(void)fprintf(out, ": ");
		put_escaped(out, starts->absent[i].why.text);
		(void)fprintf(out, ".</p>\n");
	}
	(void)fprintf(out, "</html>\n");
}
