/*
 * Where the parts of the installation are: <prefix>/lib/nacelle beside the running program's
 * <prefix>/bin.
 */
#ifndef NACELLE_POD_PATHS_H
#define NACELLE_POD_PATHS_H

#include <limits.h>

#include "vmm/base/error.h"

/* The absolute path of <prefix>/lib/nacelle/NAME. */
int paths_find(char path[PATH_MAX], const char *name, struct error *err);

#endif
