/*
 * The parts of nacelle exec.
 */
#ifndef NACELLE_POD_EXEC_INTERNAL_H
#define NACELLE_POD_EXEC_INTERNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vmm/machine/machine.h"
#include "vmm/pod/exec.h"
#include "vmm/pod/start_failure.h"

enum { INPUT_BYTES = 4096 };

struct member;

struct exec {
	const struct exec_options *options;
	struct detach *detach; /* of an orphan; else NULL */
	struct member *member; /* that of a container with a root of its own; else NULL */
	const char *uuid;
	struct start_names names;
	int stdio[3]; /* -1: none, which is /dev/null to the command */
	int socket;
	int signals;
	uint32_t app, serial; /* as in struct pod_request */
	bool started;
	bool pumps; /* stdin is a terminal */
	int input;  /* the way from it to the machine; -1: it has ended */
	char bytes[INPUT_BYTES];
	size_t from, to;
};

/* What goes with the request. */
struct exec_parcel {
	uint32_t flags;
	int fds[MACHINE_ADD_FDS_MAX];
	unsigned count;
};

/* The record as a file, which is read from its beginning on; -1 with err filled. */
int exec_write_record(const void *record, size_t len, struct error *err);

/* The terminal, and the ports of the streams, of what will run. */
void exec_complete_process(const struct exec *exec, struct pod_app *process);

/* A descriptor that the parcel closes. */
void exec_add_fd(struct exec_parcel *parcel, uint32_t flag, int fd);

/* What runs, and what it reads and writes, in this order. Each returns 0, or -1 with err filled. */
int exec_add_record(const struct exec *exec, struct exec_parcel *parcel, const char **argv,
		    struct error *err);
int exec_add_streams(struct exec *exec, struct exec_parcel *parcel, struct error *err);

/* Over the connection to the pod, which is closed then. Returns as exec_run() does. */
int exec_serve(struct exec *exec, const char **argv, struct error *err);

#endif
