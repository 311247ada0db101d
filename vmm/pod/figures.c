/*
 * Lines of NAME VALUE below the names of files.
 */
#include "vmm/pod/figures.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "vmm/base/bytes.h"

enum { LINE_MAX_BYTES = 255, FILE_NAME_MAX = 31 };

struct line {
	char text[LINE_MAX_BYTES + 1];
	const char *value; /* behind the first blank; "": there is none */
};

/* A name of "" stands for a line that is a number alone. */
static const struct known {
	const char *file, *name;
	enum figure figure;
} known[] = {
	{ "cpus", "", FIGURE_CPUS },
	{ "tasks", "", FIGURE_TASKS },
	{ "cpu.stat", "usage_usec", FIGURE_CPU_USAGE },
	{ "cpu.stat", "user_usec", FIGURE_CPU_USER },
	{ "cpu.stat", "system_usec", FIGURE_CPU_SYSTEM },
	{ "cpu.stat", "nr_periods", FIGURE_CPU_PERIODS },
	{ "cpu.stat", "nr_throttled", FIGURE_CPU_THROTTLED },
	{ "cpu.stat", "throttled_usec", FIGURE_CPU_THROTTLED_TIME },
	{ "memory.current", "", FIGURE_MEMORY },
	{ "memory.peak", "", FIGURE_MEMORY_PEAK },
	{ "memory.max", "", FIGURE_MEMORY_MAX },
	{ "memory.events", "max", FIGURE_MEMORY_MAX_EVENTS },
	{ "memory.events", "oom_kill", FIGURE_OOM_KILLS },
	{ "pids.max", "", FIGURE_PIDS_MAX },
	{ "total", "", FIGURE_MACHINE_TOTAL },
	{ "free", "", FIGURE_MACHINE_FREE },
};

/* The next line, cut off where it is too long. False at the end. */
static bool next_line(struct cursor *c, struct line *line)
{
	size_t len = 0;
	char *blank;

	if (!cursor_left(c))
		return false;
	while (cursor_left(c)) {
		char byte = (char)cursor_u8(c);

		if (byte == '\n')
			break;
		if (len < LINE_MAX_BYTES)
			line->text[len++] = byte ? byte : '?';
	}
	line->text[len] = '\0';
	line->value = line->text + len;
	blank = strchr(line->text, ' ');
	if (!blank)
		return true;
	*blank = '\0';
	line->value = blank + 1 + strspn(blank + 1, " ");
	return true;
}

/* A decimal number, up to a blank or the end; what is too large is the largest. */
static bool read_number(const char **at, uint64_t *value)
{
	const char *text = *at;

	*value = 0;
	while (*text >= '0' && *text <= '9') {
		unsigned digit = (unsigned)(*text++ - '0');

		if (*value > (FIGURE_NONE - 1 - digit) / 10)
			*value = FIGURE_NONE - 1;
		else
			*value = *value * 10 + digit;
	}
	if (text == *at || (*text && *text != ' '))
		return false;
	*at = text + strspn(text, " ");
	return true;
}

static bool is_plain(const char *name)
{
	size_t len = strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_");

	return len && !name[len] && len <= FIGURE_NAME_MAX;
}

static void take_detail(struct figures *figures, const struct line *line)
{
	struct figure_detail *detail = &figures->memory[figures->memory_count];
	const char *at = line->value;

	if (figures->memory_count == FIGURE_DETAILS_MAX || !is_plain(line->text) ||
	    !read_number(&at, &detail->value))
		return;
	strcpy(detail->name, line->text);
	figures->memory_count++;
}

/* "QUOTA PERIOD", of which the first may be "max". */
static void take_cpu_max(struct figures *figures, const struct line *line)
{
	const char *quota = line->text, *period = line->value;
	uint64_t value;

	if (read_number(&quota, &value))
		figures->values[FIGURE_CPU_QUOTA] = value;
	if (read_number(&period, &value) && value)
		figures->values[FIGURE_CPU_PERIOD] = value;
}

static void take_line(struct figures *figures, const char *file, const struct line *line)
{
	if (strcmp(file, "memory.stat") == 0)
		take_detail(figures, line);
	if (strcmp(file, "cpu.max") == 0)
		take_cpu_max(figures, line);
	for (size_t i = 0; i < ARRAY_SIZE(known); i++) {
		const char *at = known[i].name[0] ? line->value : line->text;
		uint64_t value;

		if (strcmp(known[i].file, file) == 0 &&
		    (!known[i].name[0] || strcmp(known[i].name, line->text) == 0) &&
		    read_number(&at, &value))
			figures->values[known[i].figure] = value;
	}
}

/* "[NAME]" */
static bool is_title(const struct line *line, char file[FILE_NAME_MAX + 1])
{
	size_t len = strlen(line->text);

	if (line->text[0] != '[')
		return false;
	file[0] = '\0';
	if (len >= 2 && len - 2 <= FILE_NAME_MAX && line->text[len - 1] == ']') {
		memcpy(file, line->text + 1, len - 2);
		file[len - 2] = '\0';
	}
	return true;
}

int figures_parse(struct figures *figures, const void *text, size_t len, struct error *err)
{
	struct cursor c = cursor_make(text, len);
	char file[FILE_NAME_MAX + 1] = "";
	struct line line;

	*figures = (struct figures){ .memory_count = 0 };
	for (size_t i = 0; i < FIGURES; i++)
		figures->values[i] = FIGURE_NONE;
	while (next_line(&c, &line))
		if (!is_title(&line, file))
			take_line(figures, file, &line);
	if (figures->values[FIGURE_CPUS] == FIGURE_NONE || !figures->values[FIGURE_CPUS] ||
	    figures->values[FIGURE_MACHINE_TOTAL] == FIGURE_NONE)
		return error_set(err, EPROTO, "the guest's figures cannot be understood");
	return 0;
}

uint64_t figures_memory(const struct figures *figures)
{
	uint64_t total = figures->values[FIGURE_MACHINE_TOTAL];
	uint64_t free_bytes = figures->values[FIGURE_MACHINE_FREE];

	if (figures->values[FIGURE_MEMORY] != FIGURE_NONE)
		return figures->values[FIGURE_MEMORY];
	return free_bytes < total ? total - free_bytes : 0;
}

uint64_t figures_memory_limit(const struct figures *figures)
{
	uint64_t total = figures->values[FIGURE_MACHINE_TOTAL];
	uint64_t limit = figures->values[FIGURE_MEMORY_MAX];

	return limit < total ? limit : total;
}
