/*
 * nacelle prepare and nacelle run-prepared.
 */
#ifndef NACELLE_CLI_PREPARE_VERBS_H
#define NACELLE_CLI_PREPARE_VERBS_H

#include "vmm/cli/options.h"

/* Those of run that belong to the process and not to the pod, so that prepare keeps none of them.
 */
enum { RUN_PREPARED_OPTION_COUNT = 7 };
extern const struct option_spec run_prepared_options[RUN_PREPARED_OPTION_COUNT];

/* options are a struct run_options. */
int cli_prepare(const void *options, int argc, char **argv, struct error *err);
int cli_run_prepared(const void *options, int argc, char **argv, struct error *err);

#endif
