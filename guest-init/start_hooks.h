/*
 * Hooks of an OCI bundle that run in the container before its program (startContainer).
 */
#ifndef NACELLE_GUEST_INIT_START_HOOKS_H
#define NACELLE_GUEST_INIT_START_HOOKS_H

#include "guest-init/record.h"
#include "guest-init/report.h"
#include "vmm/base/error.h"

/*
 * Runs them in order, as the user and with the rights and limits that this process has by now, the
 * app's filter of system calls included: with app->start_state on stdin, and the app's stdout and
 * stderr. What outlives its timeout is killed. Returns 0, or -1 with why and err filled at the
 * first failure.
 */
int start_hooks_run(const struct record_app *app, const int stdio[3], struct start_failure *why,
		    struct error *err);

#endif
