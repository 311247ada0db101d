/*
 * The pod's metadata service, from PID 1's side: metadata/ is the service, a program of its own.
 */
#ifndef NACELLE_GUEST_INIT_METADATA_H
#define NACELLE_GUEST_INIT_METADATA_H

#include <sys/types.h>

#include "vmm/base/error.h"

/* What the program finds open, beside standard streams that lead nowhere. */
enum {
	METADATA_FD_LISTENER = 3,
	METADATA_FD_DATA = 4,
	METADATA_FD_READY = 5, /* gets one byte when apps may come */
};

/*
 * Starts the service, with the loopback interface up, and waits until it is ready: no app can take
 * its port, then or after its end, or read the key that it makes. Its program and its data are
 * removed. Returns 0 or -1.
 */
int metadata_start(struct error *err);

/* A process has ended: if it was the service, the log says so, and its clients are refused. */
void metadata_reap(pid_t pid, int wait_status);

#endif
