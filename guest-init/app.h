/*
 * One app of the pod, as PID 1 sees it: its process, its streams, how it ended.
 */
#ifndef NACELLE_GUEST_INIT_APP_H
#define NACELLE_GUEST_INIT_APP_H

#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "guest-init/frames.h"
#include "guest-init/record.h"
#include "guest-init/streams.h"

enum app_state {
	APP_STARTING, /* its process prepares itself */
	APP_RUNNING,  /* execve() has succeeded */
	APP_ENDED,    /* the process is gone, output may still be on its way */
	APP_DONE,     /* all output is handed over */
};

enum { APP_STREAMS = 3, APP_POLLFDS = 1 + APP_STREAMS * STREAM_POLLFDS };

struct app {
	struct record_app *config;
	uint32_t index;
	enum app_state state;
	bool failed; /* a report said so; kind and code are its */
	bool joined; /* another app's namespaces: the kernel shields it from no signal */
	pid_t pid;
	int report;	       /* see report.h; -1 once it has ended */
	int status;	       /* read end for the reaper's status; -1 without a reaper */
	int terminal_socket;   /* waits for the terminal; -1 otherwise */
	int terminal_slave;    /* held so that the terminal never hangs up by itself */
	uint64_t held_signals; /* came while the app was starting; bit n-1 is signal n */
	int ended_by;	       /* the signal that stands behind a SIGKILL of ours; 0: none */
	enum exit_kind kind;
	uint32_t code, flags;
	struct stream streams[APP_STREAMS];
};

/*
 * Starts config in an app that is all zero bytes: begins its connections and makes its process,
 * which goes on by itself. Returns 0, or -1 with err filled.
 */
int app_start(struct app *app, struct record_app *config, uint32_t index, bool trace,
	      struct error *err);

/*
 * Starts a process beside the running app `home`, in its namespaces and its cgroup, as config says,
 * which app->config is. Returns as app_start(), before which nothing of `app` need be closed.
 */
int app_join(struct app *app, struct record_app *config, const struct app *home, struct error *err);

/* Fills APP_POLLFDS entries for poll(). */
void app_wants(const struct app *app, struct pollfd *fds);

/*
 * Does what can be done without waiting after poll(). Returns 0; -1 with err filled if the host
 * cannot be reached.
 */
int app_step(struct app *app, const struct pollfd *fds, struct error *err);

/* Its process has been reaped. Returns as app_step(). */
int app_process_ended(struct app *app, int wait_status, struct error *err);

/* True, once, when an app that has ended has no output left. */
bool app_finish(struct app *app);

/* Closes all that an app had that is done. */
void app_close(struct app *app);

void app_signal(struct app *app, uint32_t signal);
void app_resize(struct app *app, uint16_t rows, uint16_t columns);

#endif
