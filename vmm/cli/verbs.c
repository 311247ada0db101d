/*
 * The verbs of the nacelle command, in the order of its help.
 */
#include <stdio.h>

#include "vmm/cli/check.h"
#include "vmm/cli/help.h"
#include "vmm/cli/options.h"
#include "vmm/cli/run.h"

static int verb_version(int argc, char **argv);
static int verb_completion(int argc, char **argv);

const struct verb verbs[] = {
	{ "run", "[OPTIONS] IMAGE [-- COMMAND [ARG...]]",
	  "Run an image in a virtual machine of its own", run_options_table, RUN_OPTION_COUNT, true,
	  cli_run },
	{ "check", "", "Say what this host can do, and what is missing", NULL, 0, false,
	  cli_check },
	{ "completion", "", "Print the completion for bash", NULL, 0, false, verb_completion },
	{ "version", "", "Print the version", NULL, 0, false, verb_version },
	{ NULL, NULL, NULL, NULL, 0, false, NULL },
};

static int verb_version(int argc, char **argv)
{
	(void)argc;
	(void)argv;
	printf("nacelle %s\n", NACELLE_VERSION);
	return 0;
}

static int verb_completion(int argc, char **argv)
{
	(void)argc;
	(void)argv;
	help_print_completion();
	return 0;
}
