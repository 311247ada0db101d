/*
 * A pod that stands still. Its processors do not run; what it holds, and who is connected to it,
 * stays. A signal that asks it to end resumes it, since a pod that stands still cannot end itself.
 */
#ifndef NACELLE_POD_POD_PAUSE_H
#define NACELLE_POD_POD_PAUSE_H

#include "vmm/pod/control_socket.h"

/* Handlers of POD_REQUEST_PAUSE, which is answered when all processors stand, and of _RESUME. */
int pod_pause_begin(struct supervisor *supervisor, struct pod_client *client,
		    const struct pod_request *request, int *fds, unsigned fd_count);
int pod_pause_end(struct supervisor *supervisor, struct pod_client *client,
		  const struct pod_request *request, int *fds, unsigned fd_count);

/* The machine says that all processors stand. */
void pod_pause_done(struct supervisor *supervisor);

/* Before a signal is sent to apps, and before they are stopped (SIGTERM). */
void pod_pause_on_signal(struct supervisor *supervisor, uint32_t signal);

#endif
