/*
 * The nacelle command.
 */
#ifndef NACELLE_CLI_VERBS_H
#define NACELLE_CLI_VERBS_H

#include "vmm/cli/options.h"

extern const struct program nacelle_program;

#endif
