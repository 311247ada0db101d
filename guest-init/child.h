/*
 * From a fresh process in namespaces of its own to the app.
 */
#ifndef NACELLE_GUEST_INIT_CHILD_H
#define NACELLE_GUEST_INIT_CHILD_H

#include <stdbool.h>

#include "guest-init/record.h"

struct child {
	struct record_app *app;
	int stdio[3]; /* the app's ends; -1: the terminal's; its own number: /dev/null */
	int report;   /* see report.h */
	int status;   /* for the reaper's wait status; -1 without a reaper */
	int home;     /* process of the app (a pidfd) whose namespaces are joined; -1: of its own */
	bool joined;  /* child_run() says: it has joined them */
	bool trace;
};

/* Ends as the app, as its reaper, or with a report of the failure. All descriptors are CLOEXEC. */
_Noreturn void child_run(struct child *child);

#endif
