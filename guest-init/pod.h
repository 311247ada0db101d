/*
 * The pod from PID 1's side: apps started, served and reaped until the last has ended.
 */
#ifndef NACELLE_GUEST_INIT_POD_H
#define NACELLE_GUEST_INIT_POD_H

#include "guest-init/control.h"
#include "guest-init/record.h"

/*
 * Starts the apps of the record and serves them until all have ended and all of their output is
 * with the host. Returns 0 with *exit filled and the APP_EXIT frames given to control; -1 with err
 * filled if guest-init or the host failed: all apps have then been killed.
 */
int pod_run(const struct record *record, struct control *control, struct frame_pod_exit *exit,
	    struct error *err);

#endif
