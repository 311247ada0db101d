/*
 * The life of a container by an OCI runtime's command line, as podman and containerd go through it.
 */
#ifndef NACELLE_BENCH_OCI_LIFE_H
#define NACELLE_BENCH_OCI_LIFE_H

#include "vmm/base/error.h"

/*
 * RUNTIME create, start, wait for the container's process, RUNTIME delete; output is this
 * process's. pid_file is a path that nobody else uses. This process becomes a subreaper (prctl(2)),
 * as the callers of these runtimes are. Returns 0, or -1 with err filled: a container that is left
 * is the caller's to delete.
 */
int oci_life_run(const char *runtime, const char *bundle, const char *id, const char *pid_file,
		 struct error *err);

#endif
