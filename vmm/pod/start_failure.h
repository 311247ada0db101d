/*
 * Why an app, a container or a command did not become its program, in the words of runc, which
 * engines look for. The guest says which step failed, by numbers that the machine has checked; the
 * names are the host's own.
 */
#ifndef NACELLE_POD_START_FAILURE_H
#define NACELLE_POD_START_FAILURE_H

#include <stddef.h>
#include <stdint.h>

#include "vmm/base/error.h"
#include "vmm/machine/event.h"
#include "vmm/pod/pod.h"
#include "vmm/pod/request.h"
#include "vmm/pod/run.h"

/* As in struct frame_app_exit of kind EXIT_KIND_NOT_STARTED. */
struct failed_start {
	uint32_t code;
	uint8_t step, hook;
	uint16_t error;
};

/* What was to be started; NULL: not given. */
struct start_names {
	const char *program, *user, *workdir;
	const struct pod_hook *hooks;
	size_t hook_count;
};

/* Those of a container that is made from a bundle, which says all of them. */
struct start_names start_names_of_options(const struct app_options *options);

struct failed_start start_failure_of_event(const struct machine_event *event);
struct failed_start start_failure_of_reply(const struct pod_reply *reply);

/* A sentence. Fills err and returns -1. */
int start_failure_explain(const struct failed_start *failure, const struct start_names *names,
			  struct error *err);

/* The answer to POD_REQUEST_START of an app that has ended instead. */
struct pod_reply start_failure_reply(const struct machine_event *exit);

/* Puts such an answer's text into words. Any other is left as it is. */
void start_failure_complete(struct pod_reply *reply, const struct start_names *names);

#endif
