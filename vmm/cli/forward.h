/*
 * nacelle image ..., nacelle trust ... and nacelle bench ...: another program does it.
 */
#ifndef NACELLE_CLI_FORWARD_H
#define NACELLE_CLI_FORWARD_H

#include "vmm/base/error.h"

/*
 * Becomes nacelle-image, or nacelle-bench. argv is that of nacelle, NULL-terminated, with the verb
 * at 1. Returns -1 with err filled.
 */
int cli_forward_image(char **argv, struct error *err);
int cli_forward_trust(char **argv, struct error *err);
int cli_forward_bench(char **argv, struct error *err);

#endif
