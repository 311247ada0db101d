/*
 * From argv to an exit status, for every program that has tables of verbs (options.h).
 */
#ifndef NACELLE_CLI_PROGRAM_H
#define NACELLE_CLI_PROGRAM_H

#include "vmm/cli/options.h"

enum { PROGRAM_STATUS_FAILURE = 125 };

/*
 * Runs what the command line says. argv[0] is skipped and argv changed. A failure is printed as one
 * line on stderr. Returns the exit status.
 */
int program_run(const struct program *program, int argc, char **argv);

#endif
