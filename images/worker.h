/*
 * A confined process that parses bytes from outside.
 *
 * It is a fork of the importer that keeps nothing but the descriptors it is given: no capability,
 * no way to open a path, to make a socket or to start a process (worker.c has the list of system
 * calls). It reports over its control socket and ends; the importer believes none of it unchecked.
 */
#ifndef NACELLE_IMAGES_WORKER_H
#define NACELLE_IMAGES_WORKER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "vmm/base/error.h"
#include "vmm/base/lockdown.h"

/* What a kind of confined process may do beyond reading, writing and having memory. */
struct worker_role {
	const char *name; /* in sentences: "the image parser" */
	const struct lockdown_rule *rules;
	size_t rule_count;
	bool own_ids;			/* as root: a user and group of its own */
	const char *const *readable;	/* paths beneath which it may read files; ends with NULL */
	int (*prepare)(struct error *); /* in the child, before anything is given up; or NULL */
};

struct worker {
	pid_t pid;
	int control; /* the importer's end */
	const struct worker_role *role;
};

struct worker_job {
	const struct worker_role *role; /* NULL: a parser, which may do nothing else */
	/* Runs confined. Sends its MESSAGE_RESULT itself; a failure is sent for it. */
	int (*run)(void *context, int control, struct error *err);
	void *context;
	const int *fds; /* what it keeps beside the control socket */
	size_t fd_count;
	uint64_t file_max_bytes; /* what it may write into a file; 0: nothing */
	/* Libraries that load more when they are used: before paths are out of reach; or NULL. */
	int (*load)(struct error *err);
};

/* Returns 0, or -1 with err filled. worker_kill() must follow, unless worker_receive() failed. */
int worker_start(struct worker *worker, const struct worker_job *job, struct error *err);

/* Kills the worker and reaps it. */
void worker_kill(struct worker *worker);

/*
 * Receives the worker's next message, of kind MESSAGE_WANT or MESSAGE_RESULT. Returns the kind with
 * *data the caller's, or -1 with err filled and the worker reaped.
 */
int worker_receive(struct worker *worker, char **data, size_t *len, struct error *err);

/*
 * The same for messages of any kind but those of errors, which are a failure with the sentence that
 * the worker sent; err->code is EAGAIN if it may work another time, and 0 otherwise.
 */
int worker_receive_any(struct worker *worker, char **data, size_t *len, struct error *err);

#endif
