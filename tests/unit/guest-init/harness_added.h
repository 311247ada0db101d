/*
 * What tests of processes and containers that are added to a running app have in common.
 */
#ifndef NACELLE_TEST_HARNESS_ADDED_H
#define NACELLE_TEST_HARNESS_ADDED_H

#include "harness.h"

/* An app that is there to be added to. */
#define WAIT "echo ready; exec sleep 1000"

/* Gives what is added streams of its own: the harness's. */
void harness_added_streams(struct pod_app *added);

/*
 * Runs the pod and adds what is given, unless script.added_on says otherwise when the app is ready.
 * The pod is none the worse for it; what became of the addition is for the caller to look at.
 */
void harness_added_run(struct harness_pod *pod, const struct pod_app *added, struct script script,
		       struct outcome *o);

#endif
