/*
 * The nacelle command: argv in, exit code out.
 */
#include <stdio.h>
#include <string.h>

#include "vmm/cli/help.h"
#include "vmm/cli/options.h"
#include "vmm/cli/run.h"
#include "vmm/pod/report.h"
#include "vmm/pod/run.h"

/* Verbs without options of their own share the check that nothing else is given. */
static int run_verb(const struct verb *verb, int argc, char **argv)
{
	struct error err = ERROR_NONE;
	bool help;
	int first;

	if (verb->option_count)
		return verb->run(argc, argv);
	first = options_parse(verb, argc, argv, NULL, &help, &err);
	if (first >= 0 && first < argc && !help)
		first = error_set(&err, 0, "%s takes no arguments", verb->name);
	if (first < 0) {
		report(REPORT_ERROR, "%s", err.text);
		return RUN_STATUS_FAILURE;
	}
	if (help) {
		help_print_verb(verb);
		return 0;
	}
	return verb->run(argc, argv);
}

int main(int argc, char **argv)
{
	const struct verb *verb;
	int status;

	cli_run_started();
	if (argc < 2) {
		help_print_verbs();
		return RUN_STATUS_FAILURE;
	}
	if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 ||
	    strcmp(argv[1], "help") == 0) {
		help_print_verbs();
		return fflush(stdout) == 0 ? 0 : RUN_STATUS_FAILURE;
	}
	verb = verb_find(strcmp(argv[1], "--version") == 0 ? "version" : argv[1]);
	if (!verb) {
		report(REPORT_ERROR, "there is no verb %s; nacelle --help lists them", argv[1]);
		return RUN_STATUS_FAILURE;
	}
	status = run_verb(verb, argc - 1, argv + 1);
	return fflush(stdout) == 0 || status ? status : RUN_STATUS_FAILURE;
}
