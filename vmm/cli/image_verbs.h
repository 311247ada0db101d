/*
 * What nacelle-image knows: nacelle image ... and nacelle trust ..., a table of verbs each.
 */
#ifndef NACELLE_CLI_IMAGE_VERBS_H
#define NACELLE_CLI_IMAGE_VERBS_H

#include "vmm/cli/options.h"

extern const struct program image_program;
extern const struct program trust_program;

#endif
