/*
 * A copy of a pod's disk that may be written to, and that nobody ever sees.
 */
#ifndef NACELLE_POD_EXPORT_COPY_H
#define NACELLE_POD_EXPORT_COPY_H

#include "vmm/base/error.h"

/* A file without a name in the directory, or -1 with errno. */
int export_make_unnamed(int directory);

/*
 * Copies the file `from` into one without a name in the directory, or shares its blocks with it
 * where the file system can do that. Holes stay holes. Returns the descriptor, or -1.
 */
int export_copy_disk(int directory, int from, struct error *err);

#endif
