/*
 * nacelle bench start and nacelle bench memory.
 */
#include "vmm/cli/bench_verbs.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "vmm/base/cleanup.h"
#include "vmm/base/text_list.h"
#include "vmm/bench/child.h"
#include "vmm/bench/memory.h"
#include "vmm/bench/oci_life.h"
#include "vmm/bench/output.h"
#include "vmm/bench/report.h"
#include "vmm/bench/starts.h"
#include "vmm/cli/help.h"

enum { DEFAULT_ROUNDS = 30, DEFAULT_PODS = 20, EXIT_ROW_FAILED = 1, EXIT_SIGNALLED = 128 };

struct bench_options {
	struct text_list commands;
	struct text_list oci;
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
	{ "format", 0, OPTION_TEXT, "FORMAT", VALUE_OTHER,
	  "text (default), json, csv, csv-phases or html", FIELD(format) },
	{ "oci", 0, OPTION_LIST, "RUNTIME", VALUE_FILE,
	  "also measure create, start and delete by this OCI runtime (repeatable)", FIELD(oci) },
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

/* This program, PREFIX/lib/nacelle/nacelle-bench, and the one that it is part of. */
struct programs {
	char self[PATH_MAX];
	char nacelle[PATH_MAX];
};

static int find_programs(struct programs *programs, struct error *err)
{
	ssize_t n = readlink("/proc/self/exe", programs->self, sizeof(programs->self) - 1);
	size_t len;

	if (n < 0)
		return error_set(err, errno, "cannot find out where nacelle is installed");
	programs->self[n] = '\0';
	len = (size_t)n;
	for (int up = 0; up < 3; up++) {
		const char *slash = memrchr(programs->self, '/', len);

		if (!slash)
			return error_set(err, 0, "nacelle is installed in no directory");
		len = (size_t)(slash - programs->self);
	}
	if (snprintf(programs->nacelle, sizeof(programs->nacelle), "%.*s/bin/nacelle", (int)len,
		     programs->self) >= (int)sizeof(programs->nacelle))
		return error_set(err, ENAMETOOLONG, "the path of nacelle");
	return 0;
}

/* Reports. */

struct format {
	const char *name;
	void (*write)(FILE *out, const struct starts *starts, const struct bench_task *task);
};

static const struct format formats[] = {
	{ "text", report_text }, { "json", report_json },
	{ "csv", report_csv },	 { "csv-phases", report_phases_csv },
	{ "html", report_html },
};

static const struct format *find_format(const char *name, size_t count, struct error *err)
{
	for (size_t i = 0; i < count; i++)
		if (strcmp(formats[i].name, name ? name : "text") == 0)
			return &formats[i];
	(void)error_set(err, 0, "--format %s: %s is expected", name,
			count > 2 ? "text, json, csv, csv-phases or html" : "text or json");
	return NULL;
}

static int deliver(const struct bench_options *options, const char *text, size_t len,
		   struct error *err)
{
	if (options->output)
		return output_write(options->output, text, len, err);
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
		     const char *const *default_command, struct programs *programs,
		     struct error *err)
{
	char **command = argv + 1;

	if (*command && strcmp(*command, "--") == 0)
		command++;
	if ((options->output && output_check(options->output, err) < 0) ||
	    find_programs(programs, err) < 0)
		return -1;
	*task = (struct bench_task){
		.nacelle = programs->nacelle,
		.oci_life = programs->self,
		.image = argv[0],
		.root = options->root,
		.options = options->options.items,
		.command = *command ? (const char *const *)command : default_command,
		.qemu_kernel = options->qemu_kernel,
	};
	child_catch_signals();
	return bench_task_open(task, err);
}

static FILE *progress(void)
{
	return isatty(STDERR_FILENO) ? stderr : NULL;
}

/* After a signal the status says so, and nothing is printed. */
static int end(int status)
{
	int number = child_signal();

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
	for (unsigned i = 0; i < options->oci.count; i++)
		if (starts_add_oci(starts, options->oci.items[i], task, err) < 0)
			return -1;
	return add_commands(starts, options, err);
}

/* The report may be read by a program, or later. */
static void say_failures(const struct starts *starts)
{
	for (unsigned i = 0; i < starts->row_count; i++)
		if (starts->rows[i].has_failed)
			(void)fprintf(stderr, "nacelle-bench: %s: %s\n",
				      starts->rows[i].subject.name, starts->rows[i].why.text);
	if (starts->no_phases.text[0])
		(void)fprintf(stderr, "nacelle-bench: no timeline: %s\n", starts->no_phases.text);
}

static int start(const struct bench_options *options, const struct format *format, char **argv,
		 struct error *err)
{
	_cleanup_(bench_task_close) struct bench_task task = { .nacelle = NULL };
	_cleanup_(starts_free) struct starts starts = {
		.rounds = options->runs ? (unsigned)options->runs : DEFAULT_ROUNDS,
	};
	_cleanup_(report_free) struct report report = { NULL, NULL, 0 };
	struct programs programs;
	int failed;

	if (open_task(&task, options, argv, default_start, &programs, err) < 0 ||
	    add_subjects(&starts, options, &task, err) < 0)
		return -1;
	failed = starts_run(&starts, &task, progress(), err);
	if (failed < 0 || report_begin(&report, err) < 0)
		return -1;
	format->write(report.stream, &starts, &task);
	say_failures(&starts);
	return report_end(&report, options, err) < 0 ? -1 : failed > 0 ? EXIT_ROW_FAILED : 0;
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
	struct programs programs;

	if (open_task(&task, options, argv, default_idle, &programs, err) < 0 ||
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

/* What --oci measures; it is no verb of a person's. */
static int verb_oci_life(const void *options, int argc, char **argv, struct error *err)
{
	(void)options;
	(void)argc;
	return oci_life_run(argv[0], argv[1], argv[2], argv[3], err);
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

static const struct verb internal_verbs[] = {
	{ .name = "oci-life",
	  .usage = "RUNTIME BUNDLE ID PID-FILE",
	  .help = "Create, start and delete a container",
	  .arguments_min = 4,
	  .arguments_max = 4,
	  .run = verb_oci_life },
	{ .name = NULL },
};

const struct program bench_internal_program = {
	.name = "nacelle-bench",
	.command = "nacelle-bench",
	.about = "What nacelle-bench starts of itself",
	.manual = "nacelle-bench(1)",
	.verbs = internal_verbs,
};
