/*
 * Attaching to an app whose output is logged: nacelle attach.
 */
#ifndef NACELLE_POD_ATTACH_H
#define NACELLE_POD_ATTACH_H

#include <stdbool.h>

#include "vmm/pod/directory.h"

/*
 * Shows what the app writes from now on, and passes stdin on if the app has one, until the app
 * ends, or Ctrl-P Ctrl-Q is typed at its terminal. Returns the app's exit status, 0 if it goes on,
 * or -1 with err filled.
 */
int attach_run(const struct pod_directory *directory, const char *app, bool without_stdin,
	       struct error *err);

#endif
