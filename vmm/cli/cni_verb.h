/*
 * nacelle-image cni: what nacelle asks it to do with a pod's CNI networks. Not for users.
 */
#ifndef NACELLE_CLI_CNI_VERB_H
#define NACELLE_CLI_CNI_VERB_H

#include "vmm/cli/options.h"

extern const struct program cni_program;

#endif
