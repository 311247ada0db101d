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

/*
 * What of the command line belongs to the pod goes into its record, and comes out again, pointing
 * into that and into what is kept. options are those before the first image, argv what stood behind
 * them.
 */
struct launch_record;
struct keep;
struct run_options;
struct app_options;
int cli_keep_command_line(struct launch_record *record, const struct run_options *options, int argc,
			  char **argv, struct error *err);
int cli_restore_command_line(const struct launch_record *record, struct keep *keep,
			     struct run_options *options, struct app_options *apps,
			     struct error *err);

/* options are a struct run_options. */
int cli_prepare(const void *options, int argc, char **argv, struct error *err);
int cli_run_prepared(const void *options, int argc, char **argv, struct error *err);

#endif
