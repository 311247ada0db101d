/*
 * nacelle bench start and nacelle bench memory.
 */
#include "vmm/cli/bench_verbs.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "vmm/base/cleanup.h"
#include "vmm/base/io.h"
#include "vmm/base/text_list.h"
#include "vmm/bench/measure.h"
#include "vmm/bench/memory.h"
#include "vmm/bench/report.h"
#include "vmm/bench/starts.h"
#include "vmm/cli/help.h"

enum { DEFAULT_ROUNDS = 30, DEFAULT_PODS = 20, EXIT_SIGNALLED = 128 };

struct bench_options {
	struct text_list commands;
	struct text_list options;
	struct text_list subjects;
	const char *format;
	const char *output;
	const char *qemu_kernel;
	const char *root;
	uint64_t pods;
	uint64_t runs;
};

#define FIELD(name) offsetof(struct bench_options, name)
#define OPTION_OPTION                                                                              \
	{                                                                                          \
		"option", 0, OPTION_LIST, "OPTION", VALUE_OTHER,                                   \
		    "one more option for nacelle run: --option=--memory=64M (repeatable)",         \
		    FIELD(options)                                                                 \
	}
#define OPTION_OUTPUT                                                                              \
	{                                                                                          \
		"output", 'o', OPTION_TEXT, "FILE", VALUE_FILE,                                    \
		    "write the report there instead of standard output", FIELD(output)             \
	}

static const struct option_spec start_options[] = {
	{ "command", 0, OPTION_LIST, "NAME=COMMAND", VALUE_OTHER,
	  "also measure this command of the shell (repeatable)", FIELD(commands) },
	{ "format", 0, OPTION_TEXT, "FORMAT", VALUE_OTHER, "text (default), json, csv or html",
	  FIELD(format) },
	OPTION_OPTION,
	OPTION_OUTPUT,
	{ "qemu-kernel", 0, OPTION_TEXT, "FILE", VALUE_FILE,
	  "a kernel with a PVH entry, for the row of QEMU's microvm", FIELD(qemu_kernel) },
	OPTION_ROW_ROOT(FIELD(root)),
	{ "runs", 'n', OPTION_NUMBER, "N", VALUE_OTHER, "starts of each (default 30)",
	  FIELD(runs) },
	{ "with", 0, OPTION_LIST, "NAME", VALUE_OTHER,
	  "measure nacelle, prepared, crun, runc, podman or qemu (repeatable; default all that are "
	  "here)",
	  FIELD(subjects) },
};

static const struct option_spec memory_options[] = {
	{ "format", 0, OPTION_TEXT, "FORMAT", VALUE_OTHER, "text (default) or json",
	  FIELD(format) },
	OPTION_OPTION,
	OPTION_OUTPUT,
	{ "pods", 'n', OPTION_NUMBER, "N", VALUE_OTHER, "how many at once (default 20)",
	  FIELD(pods) },
	OPTION_ROW_ROOT(FIELD(root)),
};

static const char *const default_start[] = { "echo", "hello", NULL };
static const char *const default_idle[] = { "sh", "-c", "echo ready; exec sleep 1000000", NULL };

/* A program of the installation that this one, PREFIX/lib/nacelle/nacelle-bench, is part of. */
static int find_nacelle(char path[PATH_MAX], struct error *err)
{
	char self[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);

	if (n < 0)
		return error_set(err, errno, "cannot find out where nacelle is installed");
	self[n] = '\0';
	for (int up = 0; up < 3; up++) {
		char *slash = strrchr(self, '/');

		if (!slash)
			return error_set(err, 0, "nacelle is installed in no directory");
		*slash = '\0';
	}
	if (snprintf(path, PATH_MAX, "%s/bin/nacelle", self) >= PATH_MAX)
		return error_set(err, ENAMETOOLONG, "the path of nacelle");
	return 0;
}

/* Reports. */

struct format {
	const char *name;
	void (*write)(FILE *out, const struct starts *starts, const struct bench_task *task);
};

static const struct format formats[] = {
	{ "text", report_text },
	{ "json", report_json },
	{ "csv", report_csv },
	{ "html", report_html },
};

static const struct format *find_format(const char *name, size_t count, struct error *err)
{
	for (size_t i = 0; i < count; i++)
		if (strcmp(formats[i].name, name ? name : "text") == 0)
			return &formats[i];
	(void)error_set(err, 0, "--format %s: %s is expected", name,
			count > 2 ? "text, json, csv or html" : "text or json");
	return NULL;
}

/* What is no regular file, /dev/stdout for example, is written to and stays what it is. */
static int write_special(const char *path, const char *text, size_t len, struct error *err)
{
	_cleanup_fd_ int fd = open(path, O_WRONLY | O_TRUNC | O_CLOEXEC | O_NOCTTY);

	if (fd < 0 || io_write_all(fd, text, len) < 0)
		return error_set(err, errno, "cannot write %s", path);
	return 0;
}

/* A file appears whole or not at all. */
static int write_file(const char *path, const char *text, size_t len, struct error *err)
{
	char unfinished[PATH_MAX];
	_cleanup_fd_ int fd = -1;
	struct stat st;

	if (lstat(path, &st) == 0 && !S_ISREG(st.st_mode))
		return write_special(path, text, len, err);
	if (snprintf(unfinished, sizeof(unfinished), "%s.XXXXXX", path) >= (int)sizeof(unfinished))
		return error_set(err, ENAMETOOLONG, "%s", path);
	fd = mkostemp(unfinished, O_CLOEXEC);
	if (fd < 0)
		return error_set(err, errno, "cannot write %s", path);
	if (fchmod(fd, 0644) == 0 && io_write_all(fd, text, len) == 0 &&
	    rename(unfinished, path) == 0)
		return 0;
	(void)error_set(err, errno, "cannot write %s", path);
	(void)unlink(unfinished);
	return -1;
}

static int deliver(const struct bench_options *options, const char *text, size_t len,
		   struct error *err)
{
	if (options->output)
		return write_file(options->output, text, len, err);
	if (fwrite(text, 1, len, stdout) != len || fflush(stdout) != 0)
		return error_set(err, errno, "cannot write to standard output");
	return 0;
}

/* Where a report is kept until it is whole. */
struct report {
	FILE *stream;
	char *text;
	size_t len;
};

static void report_free(struct report *report)
{
	if (report->stream)
		(void)fclose(report->stream);
	free(report->text);
}

static int report_begin(struct report *report, struct error *err)
{
	report->stream = open_memstream(&report->text, &report->len);
	return report->stream ? 0 : error_set(err, errno, "the report");
}

static int report_end(struct report *report, const struct bench_options *options, struct error *err)
{
	int failed = fclose(report->stream);

	report->stream = NULL;
	if (failed)
		return error_set(err, errno, "the report");
	return deliver(options, report->text, report->len, err);
}

/* What both verbs begin with. argv is that of the verb. */
static int open_task(struct bench_task *task, const struct bench_options *options, char **argv,
		     const char *const *default_command, char nacelle[PATH_MAX], struct error *err)
{
	char **command = argv + 1;

	if (*command && strcmp(*command, "--") == 0)
		command++;
	if (find_nacelle(nacelle, err) < 0)
		return -1;
	*task = (struct bench_task){
		.nacelle = nacelle,
		.image = argv[0],
		.root = options->root,
		.options = options->options.items,
		.command = *command ? (const char *const *)command : default_command,
		.qemu_kernel = options->qemu_kernel,
	};
	measure_catch_signals();
	return bench_task_open(task, err);
}

static FILE *progress(void)
{
	return isatty(STDERR_FILENO) ? stderr : NULL;
}

/* After a signal the status says so, and nothing is printed. */
static int end(int status)
{
	int number = measure_interrupted();

	return number ? EXIT_SIGNALLED + number : status;
}

/* start */

static int add_commands(struct starts *starts, const struct bench_options *options,
			struct error *err)
{
	for (unsigned i = 0; i < options->commands.count; i++) {
		const char *text = options->commands.items[i];
		size_t len = strcspn(text, "=");
		char name[SUBJECT_NAME_MAX];

		if (len == 0 || len >= sizeof(name) || text[len] != '=' || text[len + 1] == '\0')
			return error_set(err, 0, "--command %s: NAME=COMMAND is expected", text);
		(void)snprintf(name, sizeof(name), "%.*s", (int)len, text);
		if (starts_add_command(starts, name, text + len + 1, err) < 0)
			return -1;
	}
	return 0;
}

static int add_subjects(struct starts *starts, const struct bench_options *options,
			struct bench_task *task, struct error *err)
{
	const char *const *names =
	    options->subjects.count ? options->subjects.items : subject_names;
	bool is_chosen = options->subjects.count > 0;

	/* Without nacelle the default would compare nothing that was asked for. */
	for (; *names; names++)
		if (starts_add(starts, *names, is_chosen || strcmp(*names, subject_names[0]) == 0,
			       task, err) < 0)
			return -1;
	return add_commands(starts, options, err);
}

static int start(const struct bench_options *options, const struct format *format, char **argv,
		 struct error *err)
{
	_cleanup_(bench_task_close) struct bench_task task = { .nacelle = NULL };
	_cleanup_(starts_free) struct starts starts = {
		.rounds = options->runs ? (unsigned)options->runs : DEFAULT_ROUNDS,
	};
	_cleanup_(report_free) struct report report = { NULL, NULL, 0 };
	char nacelle[PATH_MAX];

	if (open_task(&task, options, argv, default_start, nacelle, err) < 0 ||
	    add_subjects(&starts, options, &task, err) < 0 ||
	    starts_run(&starts, &task, progress(), err) < 0 || report_begin(&report, err) < 0)
		return -1;
	format->write(report.stream, &starts, &task);
	return report_end(&report, options, err);
}

static int verb_start(const void *opaque, int argc, char **argv, struct error *err)
{
	const struct bench_options *options = opaque;
	const struct format *format =
	    find_format(options->format, sizeof(formats) / sizeof(formats[0]), err);

	(void)argc;
	if (!format)
		return -1;
	if (options->runs > STARTS_ROUNDS_MAX)
		return error_set(err, 0, "--runs %" PRIu64 ": at most %d", options->runs,
				 STARTS_ROUNDS_MAX);
	return end(start(options, format, argv, err));
}

/* memory */

static int memory(const struct bench_options *options, bool is_json, char **argv, struct error *err)
{
	_cleanup_(bench_task_close) struct bench_task task = { .nacelle = NULL };
	_cleanup_(report_free) struct report report = { NULL, NULL, 0 };
	struct memory found = { .pods = options->pods ? (unsigned)options->pods : DEFAULT_PODS };
	char nacelle[PATH_MAX];

	if (open_task(&task, options, argv, default_idle, nacelle, err) < 0 ||
	    memory_run(&found, &task, progress(), err) < 0 || report_begin(&report, err) < 0)
		return -1;
	if (is_json)
		report_memory_json(report.stream, &found, &task);
	else
		report_memory_text(report.stream, &found, &task);
	return report_end(&report, options, err);
}

static int verb_memory(const void *opaque, int argc, char **argv, struct error *err)
{
	const struct bench_options *options = opaque;
	const struct format *format = find_format(options->format, 2, err);

	(void)argc;
	if (!format)
		return -1;
	if (options->pods > MEMORY_PODS_MAX)
		return error_set(err, 0, "--pods %" PRIu64 ": at most %d", options->pods,
				 MEMORY_PODS_MAX);
	return end(memory(options, format == &formats[1], argv, err));
}

static int verb_completion(const void *options, int argc, char **argv, struct error *err)
{
	(void)options;
	(void)argc;
	(void)argv;
	(void)err;
	help_print_completion(&bench_program);
	return 0;
}

static const struct verb verbs[] = {
	{ .name = "start",
	  .usage = "[OPTIONS] IMAGE [--] [COMMAND [ARG...]]",
	  .help = "Time starts, beside other runtimes",
	  .options = start_options,
	  .option_count = sizeof(start_options) / sizeof(start_options[0]),
	  .options_size = sizeof(struct bench_options),
	  .options_first = true,
	  .arguments_min = 1,
	  .arguments_max = INT_MAX,
	  .complete = COMPLETE_REFERENCE,
	  .run = verb_start },
	{ .name = "memory",
	  .usage = "[OPTIONS] IMAGE [--] [COMMAND [ARG...]]",
	  .help = "Weigh idle pods",
	  .options = memory_options,
	  .option_count = sizeof(memory_options) / sizeof(memory_options[0]),
	  .options_size = sizeof(struct bench_options),
	  .options_first = true,
	  .arguments_min = 1,
	  .arguments_max = INT_MAX,
	  .complete = COMPLETE_REFERENCE,
	  .run = verb_memory },
	{ .name = "completion",
	  .usage = "",
	  .help = "Print the completion of these verbs for bash",
	  .run = verb_completion },
	{ .name = NULL },
};

const struct program bench_program = {
	.name = "nacelle-bench",
	.command = "nacelle bench",
	.about = "Measures what pods cost on this machine",
	.manual = "nacelle-bench(1)",
	.verbs = verbs,
};
