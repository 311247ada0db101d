/*
 * The role that keeps the apps' output: bytes of the apps in, log files and those who attach out.
 *
 * It holds one end of the apps' pipes, the pod's directory of logs, which is all of the host that
 * it can reach, and a socket to the supervisor. It has no privileges, but the user of the
 * supervisor, whose files the logs are.
 */
#ifndef NACELLE_POD_LOGGER_H
#define NACELLE_POD_LOGGER_H

#include "guest-init/protocol.h"
#include "vmm/pod/log_file.h"

/* The logger's ends of the pipes; -1: none. A terminal's output is out. */
struct logger_app {
	const char *name;
	int in, out, err;
};

struct logger_request {
	int directory;
	int socket; /* SOCK_SEQPACKET from the supervisor: struct logger_command */
	struct log_options options;
	unsigned app_count;
	struct logger_app apps[RECORD_APPS_MAX];
};

/*
 * Whoever has attached to the app, with a descriptor of the socket beside it. When the supervisor
 * closes its end, what is in the pipes is all that comes: it is written, made durable, and the role
 * ends.
 */
struct logger_command {
	uint32_t app;
};

/* Runs in the role's own process. Its last words go to stderr. */
void logger_run(const struct logger_request *request) __attribute__((noreturn));

#endif
