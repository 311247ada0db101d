/*
 * What stands behind the options of a pod: IMAGE [OPTIONS] [--] [ARG...] [--- IMAGE ...].
 */
#ifndef NACELLE_CLI_RUN_ARGUMENTS_H
#define NACELLE_CLI_RUN_ARGUMENTS_H

#include "vmm/base/error.h"
#include "vmm/pod/run.h"

/*
 * Fills apps, and options with them and with defaults. argv is changed, and what is read points
 * into it. Returns 0, or -1 with err filled; cli_run_arguments_free() must follow.
 */
int cli_run_arguments(struct run_options *options, struct app_options apps[RUN_APPS_MAX], int argc,
		      char **argv, struct error *err);
void cli_run_arguments_free(const struct run_options *options,
			    struct app_options apps[RUN_APPS_MAX]);

#endif
