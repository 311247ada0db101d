/*
 * The supervisor's side of the logger: its pipes and its directory, its start and its end.
 */
#ifndef NACELLE_POD_POD_LOGS_H
#define NACELLE_POD_POD_LOGS_H

#include <sys/types.h>

#include "vmm/pod/app_streams.h"
#include "vmm/pod/logger.h"

#define POD_LOGS_NAME "logs" /* in the pod's directory */

struct pod_logs {
	int socket;			 /* our end; -1: no app is logged */
	uint32_t flags[RECORD_APPS_MAX]; /* POD_REPLY_ of each app */
	bool is_logged[RECORD_APPS_MAX];
	struct logger_request request; /* the logger's ends, until it has been started */
};

#define POD_LOGS_NONE ((struct pod_logs){ .socket = -1 })

/*
 * Makes the pipes of the app with that index for its streams that are APP_STDIO_LOG, and with the
 * first of them all the directory. The machine's ends are put into streams.
 */
int pod_logs_add(struct pod_logs *logs, int pod_directory, unsigned index, const char *app,
		 struct app_streams *streams, struct error *err);

/* Starts the logger. Returns its process, 0 if nothing is logged, -1 with err filled. */
pid_t pod_logs_start(struct pod_logs *logs, struct error *err);

/*
 * Has the logger pass the app's output to a socket, which stays the caller's. Returns 0, or an
 * errno value (ENODATA: nothing of the app is logged). Adds to flags what the app has, of enum
 * pod_reply_flag.
 */
int pod_logs_attach(const struct pod_logs *logs, uint32_t app, int socket, uint32_t *flags);

/* Nothing more will come: the logger ends when all is written. */
void pod_logs_end(struct pod_logs *logs);

#endif
