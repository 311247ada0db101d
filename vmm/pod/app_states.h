/*
 * What the supervisor knows of each app: whether it runs, and how it ended.
 */
#ifndef NACELLE_POD_APP_STATES_H
#define NACELLE_POD_APP_STATES_H

#include <stdbool.h>
#include <stdint.h>

#include "guest-init/protocol.h"
#include "vmm/machine/event.h"
#include "vmm/pod/directory.h"
#include "vmm/pod/pod.h"
#include "vmm/pod/request.h"

struct app_state {
	const char *name;
	enum pod_app_state state;
	uint32_t kind, code, flags; /* of its last end; as in struct machine_event */
	uint32_t restarts;
	uint64_t started_ms, ended_ms; /* since 1970; 0: not yet */
};

struct run_listener;
struct app_states {
	const struct run_listener *listener; /* or NULL; borrowed */
	struct app_state apps[RECORD_APPS_MAX];
	uint32_t count;
};

/* Names stay the pod's. */
void app_states_begin(struct app_states *states, const struct pod *pod);

void app_states_on_start(struct app_states *states, uint32_t app);

/* It waits for its start. Returns false for an app that does not exist, or has started before. */
bool app_states_on_held(struct app_states *states, uint32_t app);

/* It has ended, and will start again. */
void app_states_on_restart(struct app_states *states, const struct machine_event *event);

/* The app's name, or what stands for it if the machine names none that exists. */
const char *app_states_name(const struct app_states *states, uint32_t app);

/* Whether each app has started, also if it has ended since. */
bool app_states_all_started(const struct app_states *states);

/* Whether each app has ended, for good. */
bool app_states_all_ended(const struct app_states *states);

/*
 * Keeps the status in the pod's directory too, and tells the listener. Returns 0, or -1: one of
 * these could not be done. What fails here, or below for one app, keeps none of the rest from being
 * done; err has the first failure.
 */
int app_states_on_exit(struct app_states *states, const struct machine_event *event,
		       const struct pod_directory *directory, struct error *err);

/* Those that still run are killed with the pod. */
int app_states_kill(struct app_states *states, const struct pod_directory *directory,
		    struct error *err);

/* The pod has ended: keeps what is to be said of those that did not start, or not again. */
int app_states_finish(struct app_states *states, const struct pod_directory *directory,
		      struct error *err);

/* The exit status of a process that stands for it: 0 to 255. */
int app_states_status(uint32_t kind, uint32_t code);

#endif
