/*
 * An OCI bundle (runtime-spec 1.0.2), for the runtimes that take one.
 */
#ifndef NACELLE_BENCH_BUNDLE_H
#define NACELLE_BENCH_BUNDLE_H

#include "vmm/base/error.h"

/*
 * Writes DIRECTORY/config.json for DIRECTORY/rootfs: the namespaces, mounts, capabilities and
 * hidden paths that `runc spec` writes, without a terminal. command ends with a NULL.
 */
int bundle_write_config(const char *directory, const char *const *command, struct error *err);

#endif
