/*
 * One app of the pod, as PID 1 sees it: its processes one after the other, its streams, how it
 * ended. What is to be done when a process ends is decided in pod.c.
 */
#ifndef NACELLE_GUEST_INIT_APP_H
#define NACELLE_GUEST_INIT_APP_H

#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "guest-init/child.h"
#include "guest-init/frames.h"
#include "guest-init/protocol.h"
#include "guest-init/record.h"
#include "guest-init/report.h"
#include "guest-init/streams.h"

enum app_state {
	APP_WAITING,  /* for its turn to start */
	APP_STARTING, /* its process prepares itself */
	APP_RUNNING,  /* execve() has succeeded */
	APP_CLEANING, /* the process is gone, the post-stop handler runs */
	APP_PAUSED,   /* until it is started again */
	APP_ENDED,    /* for good; output may still be on its way */
	APP_DONE,     /* all output is handed over */
};

enum { APP_STREAMS = 3, APP_POLLFDS = 1 + APP_STREAMS * STREAM_POLLFDS };

struct app {
	struct record_app *config;
	uint32_t index;
	enum app_state state;
	bool failed;	/* a report said so; kind and code are its */
	bool held;	/* its process waits for app_release() */
	bool held_told; /* pod.c has said so */
	bool joined;	/* another app's namespaces: the kernel shields it from no signal */
	bool trace;
	uint32_t group; /* index of the app whose cgroup it is in */
	pid_t pid;
	int report;	       /* see report.h; -1 once it has ended */
	int status;	       /* read end for the reaper's status; -1 without a reaper */
	int mounts;	       /* its mount namespace, if it may have another process; else -1 */
	int ends[APP_STREAMS]; /* the app's ends of its pipes, for the same reason; else -1 */
	int terminal_socket;   /* waits for the terminal; -1 otherwise */
	int reserved[APP_STREAMS]; /* of what is added: sockets for its connections; else -1 */
	int terminal_slave;	   /* held so that the terminal never hangs up by itself */
	uint64_t held_signals;	   /* came while the app was starting; bit n-1 is signal n */
	int ended_by;		   /* the signal that stands behind a SIGKILL of ours; 0: none */
	enum exit_kind kind;
	uint32_t code, flags;
	struct start_failure why; /* with EXIT_KIND_NOT_STARTED */
	uint64_t oom_kills;	  /* of its group that have been seen */
	struct stream streams[APP_STREAMS];

	/* Of added.c. */
	bool frozen;		/* its cgroup is, or will be */
	uint64_t frozen_number; /* of who said so last, or that it is not */

	/* Of pod.c. */
	bool excused;		/* it was stopped because another had failed */
	uint64_t started_ms;	/* when its process began; only if it may start again */
	uint64_t deadline_ms;	/* PAUSED: the start; CLEANING: the handler's end by force */
	uint32_t last_delay_ms; /* before its last start */
};

/* Makes of an app that is all zero bytes one that waits. */
void app_init(struct app *app, struct record_app *config, uint32_t index, bool trace);

/*
 * Begins its connections to the host. Those of all apps come before the first app starts, so that
 * none can take another's place. Returns 0, or -1 with err filled.
 */
int app_connect(struct app *app, struct error *err);

/*
 * Starts a process of the app, which goes on by itself: the first one, or a later one after the end
 * of another. Returns as app_connect().
 */
int app_start(struct app *app, struct error *err);

/* The same for its post-stop handler. False if it has none, or never had a root to run it in. */
bool app_has_post_stop(const struct app *app);
int app_start_post_stop(struct app *app, struct error *err);

/*
 * Starts a process beside the running app `home`, in its namespaces and its cgroup, as config says.
 * Of `app`, all zero bytes but for its index and signals that wait, nothing need be closed before.
 * sockets[i], from platform_reserve(), is for the stream i if that has a port, and becomes the
 * app's. Returns as app_start().
 */
int app_join(struct app *app, struct record_app *config, const struct app *home,
	     const int sockets[APP_STREAMS], struct error *err);

/*
 * As app_init() of a container that is added to the pod, to be connected and started as any app:
 * `app`, whose index stays, and sockets as those of app_join().
 */
void app_init_member(struct app *app, struct record_app *config, const int sockets[APP_STREAMS]);

/* Fills APP_POLLFDS entries for poll(). */
void app_wants(const struct app *app, struct pollfd *fds);

/*
 * Does what can be done without waiting after poll(). Returns 0; -1 with err filled if the host
 * cannot be reached.
 */
int app_step(struct app *app, const struct pollfd *fds, struct error *err);

/* Its process has been reaped: kind, code and flags are set. */
void app_process_ended(struct app *app, int wait_status);

/* Its end, or that of one of its processes, for the host. */
struct frame_app_exit app_exit_frame(const struct app *app);

/* No other process will follow: the streams end. Returns as app_step(). */
int app_end(struct app *app, struct error *err);

/* True, once, when an app that has ended has no output left. */
bool app_finish(struct app *app);

/* Closes all that an app had that is done. */
void app_close(struct app *app);

/* Lets an app go on that is held; any other does not mind. */
void app_release(struct app *app);

void app_signal(struct app *app, uint32_t signal);
void app_kill(struct app *app); /* SIGKILL to the process that it has */
void app_resize(struct app *app, uint16_t rows, uint16_t columns);

#endif
