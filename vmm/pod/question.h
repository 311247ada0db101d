/*
 * What is asked of an app that runs, the client's side: its figures, and other limits.
 */
#ifndef NACELLE_POD_QUESTION_H
#define NACELLE_POD_QUESTION_H

#include <stdint.h>

#include "vmm/base/error.h"
#include "vmm/pod/directory.h"
#include "vmm/pod/figures.h"
#include "vmm/pod/processes.h"

/* The figures of an app (NULL: the only one). Returns 0, or -1 with err filled. */
int question_figures(const struct pod_directory *pod, const char *app, struct figures *figures,
		     struct error *err);

/*
 * The processes of the only app of the pod with that directory, in two steps, so that who asks can
 * give up its privileges before it reads what the guest says: the descriptors are all that the
 * second needs, which closes them.
 */
struct question {
	int socket, answer;
};
int question_ask_processes(struct question *question, int pod_fd, struct error *err);
int question_read_processes(struct question *question, struct processes *processes,
			    struct error *err);

/* 0: stays as it is; LIMITS_NONE: no limit any more. */
#define LIMITS_NONE UINT64_MAX
struct limits {
	uint64_t memory_bytes;
	uint64_t cpu; /* thousandths of a CPU */
	/* In microseconds, in place of cpu; a period alone goes with the quota that there is. */
	uint64_t cpu_quota, cpu_period;
	uint64_t cpu_shares; /* of cgroup v1; there is always a weight */
	uint64_t pids;
};

/*
 * Changes the limits of an app. What is more than its machine has is refused, since that does not
 * grow. Returns 0; -1 with err filled, and then nothing has changed, unless the guest's kernel has
 * refused one of several.
 */
int question_limits(const struct pod_directory *pod, const char *app, const struct limits *limits,
		    struct error *err);

#endif
