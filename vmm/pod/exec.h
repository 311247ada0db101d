/*
 * A command in a running pod, the client's side: nacelle exec.
 */
#ifndef NACELLE_POD_EXEC_H
#define NACELLE_POD_EXEC_H

#include <stdbool.h>

#include "vmm/base/error.h"
#include "vmm/base/text_list.h"

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
};

/*
 * Runs argv (NULL-terminated, at least one) in an app of the pod and waits for its end, with this
 * process's terminal, signals and standard streams as its own. Returns the exit status for this
 * process: the command's, 128 + n for a signal, 126 and 127 if it could not be started, or -1 with
 * err filled.
 */
struct pod_directory;
int exec_run(const struct exec_options *options, const struct pod_directory *pod, const char **argv,
	     struct error *err);

/* Stops all processors of a pod, or lets them go on. Returns 0, or -1 with err filled. */
int exec_pause(const struct pod_directory *pod, bool pause, struct error *err);

#endif
