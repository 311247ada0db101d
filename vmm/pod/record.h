/*
 * The pod record: what guest-init reads. guest-init/protocol.h says what is in it.
 */
#ifndef NACELLE_POD_RECORD_H
#define NACELLE_POD_RECORD_H

#include <stddef.h>

#include "vmm/base/error.h"
#include "vmm/pod/pod.h"

/*
 * Builds the record, a flattened device tree of at most RECORD_SIZE_MAX bytes, into *dtb, which the
 * caller frees. Returns 0; -1 with err filled if the pod is larger than the protocol's limits, or
 * if something in it is nothing that a guest would accept (a path that is not absolute, an
 * environment entry without a name).
 */
int record_build(const struct pod *pod, void **dtb, size_t *len, struct error *err);

/*
 * The record of a process that is added to a running pod, as record_build(): of `process` its argv,
 * env, user, workdir, terminal and ports count, where the ports are 1 to NACELLE_PORTS_ADDED - 1.
 */
int record_build_added(const struct pod_app *process, void **dtb, size_t *len, struct error *err);

/*
 * The record of a container that is added to a running pod, a member: of `app` all that counts for
 * an app of the pod, where the ports are 1 to NACELLE_PORTS_ADDED - 1, the root is a share, and the
 * mounts are shares and tmpfs; and its own_ipc and hostname.
 */
int record_build_member(const struct pod_app *app, void **dtb, size_t *len, struct error *err);

/* The record of networks that become known while the pod is held; at least one. */
int record_build_networks(const struct pod_interface *interfaces, size_t count, void **dtb,
			  size_t *len, struct error *err);

/* The record of a question about an app's figures; they go to the second of the ports. */
int record_build_figures(void **dtb, size_t *len, struct error *err);

/* The same about its processes. */
int record_build_processes(void **dtb, size_t *len, struct error *err);

/* The record that stops an app's processes, or lets them go on. */
int record_build_freeze(bool freeze, void **dtb, size_t *len, struct error *err);

/* The record of an app's limits: of `limits` those count that the guest keeps, as protocol.h says.
 */
int record_build_limits(const struct pod_app *limits, void **dtb, size_t *len, struct error *err);

#endif
