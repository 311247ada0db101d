/*
 * Ending a pod from outside.
 */
#ifndef NACELLE_POD_STOP_H
#define NACELLE_POD_STOP_H

#include <stdint.h>

#include "vmm/pod/directory.h"

/*
 * Asks a running pod to end in order; its apps are killed timeout_ms later (POD_PATIENT: never).
 * Waits until it has ended. The start of a pod ends too: one that was prepared is so again
 * afterwards. A pod that does not run is an error.
 */
int pod_stop(const struct pod_directory *pod, uint32_t timeout_ms, struct error *err);

/* The same without the wait for the end of one that has come to run. */
int pod_stop_begin(const struct pod_directory *pod, uint32_t timeout_ms, struct error *err);

/* Ends a running pod at once, also one whose supervisor does not answer. */
int pod_stop_by_force(const struct pod_directory *pod, struct error *err);

/* Sends a signal to an app, NULL: to all. Before there is one, what asks to end ends the start. */
int pod_kill(const struct pod_directory *pod, const char *app, uint32_t signal, struct error *err);

#endif
