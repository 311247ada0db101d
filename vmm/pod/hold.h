/*
 * A pod that is made and does not run yet: each of its apps waits before its execve() for
 * POD_REQUEST_START. Until the first has started, whoever ends the pod by a signal ends it at once.
 */
#ifndef NACELLE_POD_HOLD_H
#define NACELLE_POD_HOLD_H

#include "vmm/machine/event.h"
#include "vmm/pod/control_socket.h"

/* The handler of POD_REQUEST_START: answered when the app runs, or has failed to. */
int hold_start(struct supervisor *supervisor, struct pod_client *client,
	       const struct pod_request *request, int *fds, unsigned fd_count);

/* What the machine says of an app. */
void hold_on_held(struct supervisor *supervisor, uint32_t app);
void hold_on_start(struct supervisor *supervisor, uint32_t app);
void hold_on_exit(struct supervisor *supervisor, const struct machine_event *event);

/* The guest has its networks, or, with an errno value, could not take them. */
void hold_on_networks(struct supervisor *supervisor, int error);

#endif
