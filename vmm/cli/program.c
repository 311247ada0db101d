/*
 * The way from argv to a verb's function and back to an exit status.
 */
#include "vmm/cli/program.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "vmm/base/cleanup.h"
#include "vmm/base/io.h"
#include "vmm/cli/help.h"
#include "vmm/cli/suggest.h"

static int failure_status(const struct program *program)
{
	return program->failure_status ? program->failure_status : PROGRAM_STATUS_FAILURE;
}

/* One write, so that lines of several processes do not mix. */
static int fail(const struct program *program, const struct error *err)
{
	char line[ERROR_TEXT_MAX + 64];
	int n = snprintf(line, sizeof(line), "%s: %s\n", program->name, err->text);

	(void)io_write_all(STDERR_FILENO, line, (size_t)n);
	return failure_status(program);
}

static int check_arguments(const struct program *program, const struct verb *verb, unsigned count,
			   struct error *err)
{
	if (count >= verb->arguments_min && count <= verb->arguments_max)
		return 0;
	if (verb->arguments_max == 0)
		return error_set(err, 0, "%s takes no arguments", verb->name);
	return error_set(err, 0, "%s %s; usage: %s %s %s", verb->name,
			 count < verb->arguments_min ? "needs more arguments"
						     : "takes fewer arguments",
			 program->command, verb->name, verb->usage);
}

static int run_verb(const struct program *program, const struct verb *verb, int argc, char **argv,
		    struct error *err)
{
	void *options = calloc(1, verb->options_size + 1);
	bool help = false;
	int status;

	if (!options)
		return error_set(err, ENOMEM, "cannot read the command line");
	status = options_parse(program, verb, &argc, argv, options, &help, err);
	if (status == 0 && help)
		help_print_verb(program, verb);
	else if (status == 0)
		status = check_arguments(program, verb, (unsigned)argc - 1, err);
	if (status == 0 && !help)
		status = verb->run(options, argc - 1, argv + 1, err);
	options_free(verb, options);
	free(options);
	return status;
}

static int refuse_verb(const struct program *program, const char *name, struct error *err)
{
	for (const struct verb *verb = program->verbs; verb->name; verb++)
		if (suggest_fits(name, strlen(name), verb->name))
			return error_set(err, 0,
					 "there is no verb %s (did you mean %s?); %s --help lists "
					 "them",
					 name, verb->name, program->command);
	return error_set(err, 0, "there is no verb %s; %s --help lists them", name,
			 program->command);
}

static int run(const struct program *program, int argc, char **argv, struct error *err)
{
	const struct verb *verb;

	if (argc < 2) {
		help_print_verbs(program);
		return failure_status(program);
	}
	if (strcmp(argv[1], "help") == 0 && argc > 2) {
		char option[] = "--help";
		char *again[] = { argv[0], argv[2], option, NULL };

		return run(program, 3, again, err);
	}
	if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 ||
	    strcmp(argv[1], "help") == 0) {
		help_print_verbs(program);
		return 0;
	}
	verb = verb_find(program, strcmp(argv[1], "--version") == 0 ? "version" : argv[1]);
	if (!verb)
		return refuse_verb(program, argv[1], err);
	if (verb->forward)
		return verb->forward(argv, err);
	return run_verb(program, verb, argc - 1, argv + 1, err);
}

int program_run(const struct program *program, int argc, char **argv)
{
	struct error err = ERROR_NONE;
	int status = run(program, argc, argv, &err);

	if (status < 0)
		return fail(program, &err);
	if (fflush(stdout) != 0 && status == 0) {
		error_set(&err, errno, "cannot write to standard output");
		return fail(program, &err);
	}
	return status;
}
