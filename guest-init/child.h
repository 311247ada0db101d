/*
 * From a fresh process in namespaces of its own to the app, or to its post-stop handler.
 */
#ifndef NACELLE_GUEST_INIT_CHILD_H
#define NACELLE_GUEST_INIT_CHILD_H

#include <stdbool.h>

#include "guest-init/record.h"

enum child_part {
	CHILD_FIRST, /* the app's first process: it makes the root, in its own mount namespace */
	CHILD_AGAIN, /* a later one, in the mount namespace of the first */
	CHILD_POST_STOP, /* the handler, also there */
	CHILD_JOINED,	 /* one beside the app's: it joins all of its namespaces */
};

struct child {
	struct record_app *app;
	enum child_part part;
	int stdio[3];	   /* the app's ends; -1: a new terminal's; its own number: /dev/null */
	int report;	   /* see report.h; -1: nobody listens */
	int status;	   /* for the reaper's wait status; -1 without a reaper */
	int mounts;	   /* mount namespace of the first process; -1 in the first */
	bool gives_mounts; /* the first process reports it */
	int home;	   /* process of the app (a pidfd) whose namespaces are joined; else -1 */
	bool trace;
};

/*
 * Ends as the app, as its reaper, as the handler, or with a report of the failure. All descriptors
 * are CLOEXEC.
 */
_Noreturn void child_run(struct child *child);

#endif
