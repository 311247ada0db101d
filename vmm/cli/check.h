/*
 * nacelle check.
 */
#ifndef NACELLE_CLI_CHECK_H
#define NACELLE_CLI_CHECK_H

#include <stdbool.h>

#include "vmm/base/error.h"

struct check_options {
	bool json;
};

/* Prints what this host can do; options are struct check_options. Returns 0 if a pod can run, 1 if
 * not. */
int cli_check(const void *options, int argc, char **argv, struct error *err);

#endif
