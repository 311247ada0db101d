/*
 * nacelle exec, enter, pause, resume: what is done in, or to, a running pod.
 */
#ifndef NACELLE_CLI_EXEC_VERBS_H
#define NACELLE_CLI_EXEC_VERBS_H

#include "vmm/cli/options.h"
#include "vmm/pod/exec.h"

enum { EXEC_OPTION_COUNT = 9, PAUSE_OPTION_COUNT = 2 };
extern const struct option_spec exec_options_table[EXEC_OPTION_COUNT];
extern const struct option_spec pause_options_table[PAUSE_OPTION_COUNT];

int cli_exec(const void *options, int argc, char **argv, struct error *err);
int cli_pause(const void *options, int argc, char **argv, struct error *err);
int cli_resume(const void *options, int argc, char **argv, struct error *err);

#endif
