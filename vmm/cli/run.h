/*
 * nacelle run.
 */
#ifndef NACELLE_CLI_RUN_H
#define NACELLE_CLI_RUN_H

#include "vmm/cli/options.h"

enum {
	RUN_OPTION_COUNT = 29,
	APP_OPTION_COMMON_COUNT = 30, /* of all apps, if before the first image */
	APP_OPTION_COUNT = APP_OPTION_COMMON_COUNT + 4,
};
extern const struct option_spec run_options_table[RUN_OPTION_COUNT];
extern const struct option_spec app_options_table[APP_OPTION_COUNT];
extern const struct option_group app_options_group; /* a verb's, beside run_options_table */

/* First of all in main(): takes the time, and keeps 0, 1 and 2 from being used for anything else.
 */
void cli_run_started(void);

/* Runs a pod; the options are settled. */
struct run_options;
int cli_run_pod(const struct run_options *options);

/* The function of the verb (options.h); options are a struct run_options. */
int cli_run(const void *options, int argc, char **argv, struct error *err);

#endif
