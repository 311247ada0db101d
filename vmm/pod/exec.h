/*
 * A command in a running pod, the client's side: nacelle exec.
 */
#ifndef NACELLE_POD_EXEC_H
#define NACELLE_POD_EXEC_H

#include <stdbool.h>

#include "vmm/base/error.h"
#include "vmm/base/text_list.h"
#include "vmm/pod/orphan.h"

struct exec_options {
	const char *root;
	const char *uuid_file;
	const char *app;
	const char *user;
	struct text_list env; /* NAME=value, or NAME for the caller's value */
	const char *workdir;
	bool interactive;
	bool tty;
	bool detach;

	/* What no command line of nacelle's says. */
	const struct pod_app *process; /* what it has of its own (enum pod_own), umask; or NULL */
	bool ignore_paused;
	const char *host_cgroup; /* that an orphan joins, as far as it is there; or NULL */
	int lost_status;	 /* of a command whose machine has died; 0: that is an error */
};

/*
 * Runs argv (NULL-terminated, at least one) in an app of the pod and waits for its end, with this
 * process's terminal, signals and standard streams as its own. Returns the exit status for this
 * process: the command's, 128 + n for a signal, 126 and 127 if it could not be started, or -1 with
 * err filled.
 */
struct pod_app;
struct pod_directory;
int exec_run(const struct exec_options *options, const struct pod_directory *pod, const char **argv,
	     struct error *err);

/*
 * The same by a process of the command's own, which outlives this one: it has the command's
 * streams, passes its signals on, ends with its status and takes it along when it is killed.
 * Returns 0 with *pid that of the process as soon as the command runs, or -1 with err filled, in
 * runc's words where it cannot be executed or is not there; then nothing is left.
 */
int exec_orphan(const struct exec_options *options, const struct orphan_options *streams,
		const struct pod_directory *pod, const char **argv, pid_t *pid, struct error *err);

/*
 * Stops all processors of a pod, or all processes of a container that shares its machine, or lets
 * them go on. Returns 0, or -1 with err filled: also if there is no answer within limit_s, and
 * then what was to stop goes on.
 */
enum { EXEC_PAUSE_LIMIT_S = 30 };
int exec_pause(const struct pod_directory *pod, bool pause, int limit_s, struct error *err);

#endif
