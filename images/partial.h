/*
 * The name beside its final one that an export or an extracted tree has while it is made.
 */
#ifndef NACELLE_IMAGES_PARTIAL_H
#define NACELLE_IMAGES_PARTIAL_H

#include <limits.h>

#include "vmm/base/error.h"

/*
 * Checks that nothing stands at the path, and writes the name in the making: the path without
 * slashes at its end, and ".partial". Returns 0, or -1 with err filled.
 */
int partial_name(char partial[PATH_MAX], const char *path, struct error *err);

/* Fills err for a name in the making that could not be created, by errno. Returns -1. */
int partial_cannot_create(const char *partial, struct error *err);

/* Gives a whole file or directory its final name, never over what stands there by now. */
int partial_publish(const char *partial, const char *path, struct error *err);

#endif
