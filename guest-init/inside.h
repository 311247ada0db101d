/*
 * Paths that are resolved inside an app's root, whatever links its image put there.
 */
#ifndef NACELLE_GUEST_INIT_INSIDE_H
#define NACELLE_GUEST_INIT_INSIDE_H

#include <stdbool.h>
#include <stddef.h>

#include "vmm/base/error.h"

/*
 * openat2() of path with `root` as the root directory: "..", absolute and other links stay inside,
 * the magic links of /proc are refused. Returns the descriptor (CLOEXEC), or -1 with errno set.
 */
int inside_open(int root, const char *path, int flags);

/*
 * An O_PATH descriptor of path, which is made (a directory, or an empty file), with its parents, if
 * it is missing: where a link leads, if it leads to nothing. Returns -1 with err filled if it
 * cannot be made or is of the other kind.
 */
int inside_make(int root, const char *path, bool directory, struct error *err);

/*
 * Reads a regular file of at most max bytes into a fresh allocation. Returns 0; -1 with errno set,
 * ENOENT if it is not there.
 */
int inside_read(int root, const char *path, size_t max, char **data, size_t *len);

#endif
