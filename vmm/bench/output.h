/*
 * Where a report goes.
 */
#ifndef NACELLE_BENCH_OUTPUT_H
#define NACELLE_BENCH_OUTPUT_H

#include <stddef.h>

#include "vmm/base/error.h"

/*
 * Writes a file, which appears whole and on the disk, with the rights that the umask leaves or that
 * it had, or stays as it was. What is no regular file, /dev/stdout for example, is written to; a
 * symbolic link stays, and what it leads to is replaced. Returns 0, or -1 with err filled.
 */
int output_write(const char *path, const char *text, size_t len, struct error *err);

/*
 * Whether output_write() could begin now: to be asked before what takes long. Leaves everything as
 * it is. Returns 0, or -1 with err filled as output_write() would.
 */
int output_check(const char *path, struct error *err);

#endif
