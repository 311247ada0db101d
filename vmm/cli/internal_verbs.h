/*
 * What nacelle asks nacelle-image for and users do not: verbs without a place in help and manual.
 */
#ifndef NACELLE_CLI_INTERNAL_VERBS_H
#define NACELLE_CLI_INTERNAL_VERBS_H

#include "vmm/cli/options.h"

extern const struct program internal_program; /* about the store */
extern const struct program document_program; /* about single documents */

#endif
