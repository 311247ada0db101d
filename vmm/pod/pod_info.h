/*
 * What can be said of a pod: from its directory, and from its supervisor while it runs.
 */
#ifndef NACELLE_POD_POD_INFO_H
#define NACELLE_POD_POD_INFO_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "vmm/pod/directory.h"
#include "vmm/pod/launch_record.h"
#include "vmm/pod/life.h"
#include "vmm/pod/request.h"

enum { POD_STATUS_UNKNOWN = -1, POD_STATUS_NOT_STARTED = -2 };

struct pod_info_app {
	const char *name;
	const char *image;
	int status;   /* 0 to 255; UNKNOWN: it has not ended, or died; NOT_STARTED: nor ever will */
	bool is_live; /* what follows is the supervisor's answer */
	bool is_member; /* of another pod, whose supervisor answers */
	enum pod_app_state state;
	bool has_times; /* as far as they are known from the answer, or were noted at its end */
	struct life_app_times times;
};

struct pod_info {
	char uuid[UUID_TEXT_SIZE];
	enum pod_place place;
	bool is_held;
	bool is_paused;
	struct launch_record launch;
	struct pod_info_app *apps; /* launch.apps.count of them */
	/* In ns since 1970; 0: not yet, or not known, since the supervisor died. */
	uint64_t created_ns, started_ns, ended_ns;
	char networks[POD_NETWORKS_MAX]; /* lines of the file "networks" */
	pid_t pid;			 /* the supervisor's, while it runs; else 0 */
	int status;			 /* the pod's own; POD_STATUS_UNKNOWN as above */
};

/*
 * Looks at a pod's directory; what is not there, or not whole, since its writer died, is not known.
 * Returns 0, or -1 with err filled. pod_info_free() must follow.
 */
int pod_info_read(const struct pod_directory *pod, struct pod_info *out, struct error *err);

/* Asks the supervisor of a running pod too; one that does not answer within a second says nothing.
 */
void pod_info_ask(const struct pod_directory *pod, struct pod_info *info);
void pod_info_free(struct pod_info *info);

/* "running", "paused", "exited", ... */
const char *pod_info_state(const struct pod_info *info);

/* The number in a small file of a pod; fallback where there is none. */
long pod_info_number(int dir_fd, const char *path, long fallback);

#endif
