/*
 * The traces of a pod that runs, in its directory: what it leaves there when it starts, when an app
 * ends and when it ends itself.
 *
 *	pid	    the supervisor's, decimal; its mtime is the time of the start
 *	control	    the control socket; gone when the pod has ended in order
 *	launch	    names (launch_record.h); its mtime is the time at which the pod was made
 *	bundle	    what an OCI bundle was read as (images/oci_bundle.h), if it is one
 *	networks    its networks, if there are any
 *	status/APP  the decimal exit status of an app, as the pod's own would be; or "not-started",
 *		    if the pod ended before its turn came. None, and "exit" there: it is not known
 *	times	    more of the apps that have ended: struct life_app_times
 *	exit	    the pod's own; its mtime is the time of the end
 *
 * Where the disk was full a status is a symbolic link that says it, and leads nowhere.
 * Nothing is made durable before the end; then all of it is, unless the pod is removed at once.
 */
#ifndef NACELLE_POD_LIFE_H
#define NACELLE_POD_LIFE_H

#include <stdbool.h>
#include <sys/types.h>

#include "vmm/pod/directory.h"

#define POD_PID_NAME	  "pid"
#define POD_EXIT_NAME	  "exit"
#define POD_STATUS_NAME	  "status"
#define POD_NETWORKS_NAME "networks"
#define POD_TIMES_NAME	  "times"
#define POD_NOT_STARTED	  "not-started"
#define POD_BUNDLE_NAME	  "bundle"
#define POD_CREATING_NAME "creating" /* while hooks of a bundle's create have not all run */

enum { POD_NETWORKS_MAX = 2048 }; /* bytes of the file "networks" */

/*
 * The file "launch" of a pod that was not prepared: its name, those of its apps, and their images
 * with what these were at that time.
 */
struct run_options;
struct app_states;
struct pod_images;
int life_write_launch(const struct pod_directory *directory, const struct run_options *options,
		      const struct app_states *apps, const struct pod_images *images,
		      struct error *err);

/* The file "networks": a line "INTERFACE NETWORK ADDRESS/PREFIX..." for each; none without any. */
struct networks;
int life_write_networks(const struct pod_directory *directory, const struct networks *networks,
			struct error *err);

/* Whether somebody brings it up who has not come to a machine yet. */
bool life_is_starting(const struct pod_directory *directory);

/* For --uuid-file: the UUID and a newline, in one piece. */
int life_write_uuid_file(const char *path, const char *uuid, struct error *err);

/* Of the process that calls it. */
int life_write_pid(const struct pod_directory *directory, pid_t pid, struct error *err);

/* Makes the directory "status", while there is room: a link in it needs none, a directory does. */
int life_make_statuses(const struct pod_directory *directory, struct error *err);

/* Keeps the exit status of an app in it, not yet durable. */
int life_write_app_status(const struct pod_directory *directory, const char *app, int status,
			  struct error *err);

/* The same of an app that was never begun. */
int life_write_app_not_started(const struct pod_directory *directory, const char *app,
			       struct error *err);

/*
 * Of an app that has ended. In the file it is a line "APP STARTED ENDED RESTARTS OOM", of decimal
 * numbers; what the exit status needs not is not made durable.
 */
struct life_app_times {
	uint64_t started_ms, ended_ms; /* since 1970; started 0: never */
	uint32_t restarts;
	bool out_of_memory;
};
enum { POD_TIMES_MAX = 64 * 1024 };
void life_note_times(const struct pod_directory *directory, const char *app,
		     const struct life_app_times *times);

/* The pod has ended: removes the socket, keeps the status and makes all of that durable. */
int life_write_end(const struct pod_directory *directory, int status, struct error *err);

#endif
