/*
 * nacelle check.
 */
#ifndef NACELLE_CLI_CHECK_H
#define NACELLE_CLI_CHECK_H

#include "vmm/base/error.h"

/* Prints what this host can do. Returns 0 if a pod can run, 1 if not. */
int cli_check(const void *options, int argc, char **argv, struct error *err);

#endif
