/*
 * Pausing and resuming one container of several in a machine, the supervisor's side. The guest's
 * kernel stops its processes, and those of commands in it; all others go on.
 */
#ifndef NACELLE_POD_MEMBER_PAUSE_H
#define NACELLE_POD_MEMBER_PAUSE_H

#include "vmm/pod/exec_server.h"

/*
 * PAUSE and RESUME of a member; answered when the guest has done it. Where the whole machine is
 * paused it is answered at once, and done when that goes on. A RESUME takes a PAUSE back that is
 * under way, whose asker gets ECANCELED. Returns as a handler of requests.
 */
int member_pause_begin(struct supervisor *supervisor, struct pod_client *client,
		       const struct pod_request *request, struct exec_slot *slot);

/* The machine has been paused: nobody waits for the guest. */
void member_pause_on_pod_paused(struct supervisor *supervisor);

/* The member has ended: nor here. */
void member_pause_on_exit(struct exec_slot *slot);

#endif
