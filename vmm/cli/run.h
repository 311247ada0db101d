/*
 * nacelle run.
 */
#ifndef NACELLE_CLI_RUN_H
#define NACELLE_CLI_RUN_H

#include "vmm/cli/options.h"

enum { RUN_OPTION_COUNT = 21 };
extern const struct option_spec run_options_table[RUN_OPTION_COUNT];

/* First of all in main(): takes the time, and keeps 0, 1 and 2 from being used for anything else.
 */
void cli_run_started(void);

int cli_run(int argc, char **argv);

#endif
