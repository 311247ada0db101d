/*
 * The guest's bytes become numbers and clean texts here, and what is shown is written anew from
 * those: whoever reads it may take for granted that it is as the kernel writes it.
 */
#include "vmm/pod/processes.h"

#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vmm/base/bytes.h"
#include "vmm/base/cleanup.h"
#include "vmm/base/text.h"

/* Fields of stat by the numbers of proc(5). */
enum {
	STAT_STATE = 3,
	STAT_TTY = 7,
	STAT_USER = 14,
	STAT_SYSTEM = 15,
	STAT_NICE = 19,
	STAT_THREADS = 20,
	STAT_START = 22,
	STAT_SIZE = 23,
	STAT_FIELDS, /* what lies behind them is not used */
	STAT_FIELDS_SHOWN = 52,
};
enum { PID_MAX = 4194304, NUMBERS_MAX = 64 };

static const char *const sets[PROCESS_CAPABILITIES] = { "CapInh", "CapPrm", "CapEff", "CapBnd",
							"CapAmb" };

const char *const process_file_names[PROCESS_FILES] = {
	[PROCESS_STAT] = "stat",       [PROCESS_STATUS] = "status",   [PROCESS_CMDLINE] = "cmdline",
	[PROCESS_UID_MAP] = "uid_map", [PROCESS_GID_MAP] = "gid_map",
};

/* A file that the guest sent, with a NUL behind it. */
struct file {
	char text[PROCESSES_FILE_MAX + 1];
	size_t len;
};

/* What a line or a file says in numbers. */
struct numbers {
	uint64_t values[NUMBERS_MAX];
	unsigned count;
	bool is_whole; /* and in nothing else */
};

/* A number of the guest's namespaces, which are known by the process's own ones at the end. */
struct outer {
	uint32_t pid, parent;
};

/* Numbers with blanks between them, up to the end of the line; what is no number ends them. */
static struct numbers read_numbers(const char *at, int base)
{
	struct numbers numbers = { .count = 0 };

	while (numbers.count < NUMBERS_MAX) {
		uint64_t value;
		char *end;

		at += strspn(at, " \t");
		if (!isxdigit((unsigned char)*at))
			break;
		errno = 0;
		value = strtoull(at, &end, base);
		if (end == at || errno)
			break;
		numbers.values[numbers.count++] = value;
		at = end;
	}
	numbers.is_whole = !*at || *at == '\n';
	return numbers;
}

/* The first of them, or 0; readers have signed numbers for it. */
static uint64_t read_number(const char *at)
{
	uint64_t value = read_numbers(at, 10).values[0];

	return value > INT64_MAX ? INT64_MAX : value;
}

/* The numbers of the line "NAME:" of a status. */
static struct numbers read_line(const struct file *status, const char *name, int base)
{
	size_t len = strlen(name);

	for (const char *line = status->text; line; line = strchr(line, '\n')) {
		line += *line == '\n';
		if (strncmp(line, name, len) == 0 && line[len] == ':')
			return read_numbers(line + len + 1, base);
	}
	return (struct numbers){ .count = 0 };
}

/* The last of a line, which is in the innermost namespace. */
static bool read_inner(const struct file *status, const char *name, uint32_t *out)
{
	struct numbers numbers = read_line(status, name, 10);
	uint64_t last = numbers.count ? numbers.values[numbers.count - 1] : UINT64_MAX;

	*out = (uint32_t)last;
	return numbers.is_whole && last <= PID_MAX;
}

static bool read_ids(const struct file *status, const char *name, uint32_t out[4])
{
	struct numbers numbers = read_line(status, name, 10);

	for (unsigned i = 0; i < 4; i++)
		out[i] = (uint32_t)numbers.values[i];
	return numbers.count == 4;
}

static bool read_status(const struct file *status, struct process *process, struct outer *outer)
{
	struct numbers pid = read_line(status, "Pid", 10), parent = read_line(status, "PPid", 10);
	struct numbers groups = read_line(status, "Groups", 10);

	if (!read_inner(status, "NSpid", &process->pid) || !process->pid ||
	    !read_inner(status, "NSpgid", &process->group) ||
	    !read_inner(status, "NSsid", &process->session) || pid.count != 1 ||
	    parent.count != 1 || !read_ids(status, "Uid", process->uids) ||
	    !read_ids(status, "Gid", process->gids))
		return false;
	*outer = (struct outer){ (uint32_t)pid.values[0], (uint32_t)parent.values[0] };
	for (unsigned i = 0; i < groups.count && i < PROCESS_GROUPS_MAX; i++)
		process->groups[process->group_count++] = (uint32_t)groups.values[i];
	for (unsigned i = 0; i < PROCESS_CAPABILITIES; i++)
		process->capabilities[i] = read_line(status, sets[i], 16).values[0];
	process->resident_kib = read_line(status, "VmRSS", 10).values[0];
	process->seccomp = (uint32_t)read_line(status, "Seccomp", 10).values[0];
	return true;
}

/* What comes behind the name, by the numbers of proc(5). */
static bool split_stat(const char *end, const char *fields[STAT_FIELDS])
{
	const char *at = end[1] == ' ' ? end + 2 : NULL;

	for (unsigned i = STAT_STATE; i < STAT_FIELDS; i++) {
		if (!at)
			return false;
		fields[i] = at;
		at = strchr(at, ' ');
		at = at ? at + 1 : NULL;
	}
	return true;
}

static bool read_stat(const struct file *stat, struct process *process)
{
	const char *begin = strchr(stat->text, '('), *end = strrchr(stat->text, ')');
	const char *fields[STAT_FIELDS];
	long nice;

	if (!begin || !end || end < begin || !split_stat(end, fields))
		return false;
	process->state = *fields[STAT_STATE];
	nice = strtol(fields[STAT_NICE], NULL, 10);
	if (!strchr("RSDTtZXxKWPI", process->state) || nice < -20 || nice > 19)
		return false;
	process->nice = (int8_t)nice;
	(void)snprintf(process->name, sizeof(process->name), "%.*s", (int)(end - begin - 1),
		       begin + 1);
	process->tty = (uint32_t)read_number(fields[STAT_TTY]);
	process->user_ticks = read_number(fields[STAT_USER]);
	process->system_ticks = read_number(fields[STAT_SYSTEM]);
	process->threads = (uint32_t)read_number(fields[STAT_THREADS]);
	process->start_ticks = read_number(fields[STAT_START]);
	process->size_bytes = read_number(fields[STAT_SIZE]);
	return true;
}

static bool keep_arguments(struct process *process, const struct file *cmdline)
{
	process->arguments = malloc(cmdline->len + 1);
	if (!process->arguments)
		return false;
	memcpy(process->arguments, cmdline->text, cmdline->len + 1);
	process->arguments_len = cmdline->len;
	for (size_t at = 0; at < cmdline->len; at += strlen(process->arguments + at) + 1)
		text_clean(process->arguments + at);
	return true;
}

static void clean_name(char *name)
{
	text_clean(name);
	for (char *c = name; *c; c++)
		if (*c == ' ')
			*c = '_';
}

static bool read_file(struct cursor *c, struct file *file)
{
	uint32_t len = cursor_le32(c);
	const void *bytes = len <= PROCESSES_FILE_MAX ? cursor_take(c, len) : NULL;

	if (!bytes)
		return false;
	memcpy(file->text, bytes, len);
	file->text[len] = '\0';
	file->len = len;
	return true;
}

/* Returns 1, 0 if it is left out, or -1 at bytes that are of no process. */
static int read_process(struct cursor *c, struct process *process, struct outer *outer)
{
	static struct file stat, status, cmdline;

	*process = (struct process){ .pid = 0 };
	if (!read_file(c, &stat) || !read_file(c, &status) || !read_file(c, &cmdline))
		return -1;
	if (!read_status(&status, process, outer) || !read_stat(&stat, process))
		return 0;
	clean_name(process->name);
	return keep_arguments(process, &cmdline) ? 1 : -1;
}

/* Numbers from outside of the app's namespace become its own. */
static void find_parents(struct processes *processes, const struct outer *outer)
{
	for (size_t i = 0; i < processes->count; i++)
		for (size_t j = 0; j < processes->count; j++)
			if (outer[j].pid == outer[i].parent)
				processes->items[i].parent = processes->items[j].pid;
}

void processes_free(struct processes *processes)
{
	for (size_t i = 0; i < processes->count; i++)
		free(processes->items[i].arguments);
	free(processes->items);
	*processes = (struct processes){ .items = NULL };
}

static int read_all(struct processes *processes, struct cursor *c, struct outer *outer)
{
	while (cursor_left(c)) {
		struct process *next = &processes->items[processes->count];
		int got;

		if (processes->count == PROCESSES_MAX)
			return 0;
		got = read_process(c, next, &outer[processes->count]);
		if (got < 0)
			return -1;
		if (got > 0 && !processes_find(processes, next->pid))
			processes->count++;
		else
			free(next->arguments);
	}
	return c->bad ? -1 : 0;
}

int processes_parse(struct processes *processes, const void *bytes, size_t len, struct error *err)
{
	struct cursor c = cursor_make(bytes, len);
	_cleanup_free_ struct outer *outer = calloc(PROCESSES_MAX, sizeof(*outer));
	uint64_t begun_s = cursor_le64(&c);

	*processes = (struct processes){ .begun_s = begun_s > INT32_MAX ? 0 : begun_s };
	processes->items = calloc(PROCESSES_MAX + 1, sizeof(*processes->items));
	if (!outer || !processes->items || c.bad || read_all(processes, &c, outer) < 0) {
		processes_free(processes);
		return error_set(err, EPROTO, "the guest's processes cannot be understood");
	}
	find_parents(processes, outer);
	return 0;
}

const struct process *processes_find(const struct processes *processes, uint32_t pid)
{
	for (size_t i = 0; i < processes->count; i++)
		if (processes->items[i].pid == pid)
			return &processes->items[i];
	return NULL;
}

struct text {
	char *bytes;
	size_t len;
};

__attribute__((format(printf, 2, 3))) static void put(struct text *text, const char *format, ...)
{
	va_list args;
	int len;

	va_start(args, format);
	len = vsnprintf(text->bytes + text->len, PROCESS_FILE_MAX - text->len, format, args);
	va_end(args);
	/* The longest has a tenth of that. */
	assert(len >= 0 && (size_t)len < PROCESS_FILE_MAX - text->len);
	text->len += (size_t)len;
}

/* Further fields are 0, which means nothing there. */
static void put_stat(struct text *text, const struct process *p)
{
	put(text, "%u (%s) %c %u %u %u %u -1 0 0 0 0 0 ", p->pid, p->name, p->state, p->parent,
	    p->group, p->session, p->tty);
	put(text, "%" PRIu64 " %" PRIu64 " 0 0 20 %d %u 0 %" PRIu64 " %" PRIu64, p->user_ticks,
	    p->system_ticks, p->nice, p->threads, p->start_ticks, p->size_bytes);
	for (unsigned i = STAT_FIELDS; i <= STAT_FIELDS_SHOWN; i++)
		put(text, " 0");
	put(text, "\n");
}

static void put_status(struct text *text, const struct process *p)
{
	put(text, "Name:\t%s\nState:\t%c\nTgid:\t%u\nPid:\t%u\nPPid:\t%u\n", p->name, p->state,
	    p->pid, p->pid, p->parent);
	put(text, "Uid:\t%u\t%u\t%u\t%u\n", p->uids[0], p->uids[1], p->uids[2], p->uids[3]);
	put(text, "Gid:\t%u\t%u\t%u\t%u\nGroups:\t", p->gids[0], p->gids[1], p->gids[2],
	    p->gids[3]);
	for (unsigned i = 0; i < p->group_count; i++)
		put(text, "%u ", p->groups[i]);
	put(text, "\nVmRSS:\t%8" PRIu64 " kB\nThreads:\t%u\n", p->resident_kib, p->threads);
	for (unsigned i = 0; i < PROCESS_CAPABILITIES; i++)
		put(text, "%s:\t%016" PRIx64 "\n", sets[i], p->capabilities[i]);
	put(text, "Seccomp:\t%u\n", p->seccomp);
}

size_t process_render(const struct process *process, enum process_file file,
		      char out[PROCESS_FILE_MAX])
{
	struct text text = { .bytes = out };

	switch (file) {
	case PROCESS_STAT:
		put_stat(&text, process);
		break;
	case PROCESS_STATUS:
		put_status(&text, process);
		break;
	case PROCESS_CMDLINE:
		memcpy(out, process->arguments, process->arguments_len);
		return process->arguments_len;
	/* Users and groups are those that the guest has. */
	case PROCESS_UID_MAP:
	case PROCESS_GID_MAP:
		put(&text, "%10u %10u %10u\n", 0U, 0U, UINT32_MAX);
		break;
	case PROCESS_FILES:
		break;
	}
	return text.len;
}
