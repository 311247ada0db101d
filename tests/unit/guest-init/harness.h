/*
 * Runs guest-init as PID 1 of fresh namespaces on this machine, with a directory tree in place of
 * the initramfs and unix sockets in place of vsock, and plays the host.
 */
#ifndef NACELLE_TESTS_GUEST_INIT_HARNESS_H
#define NACELLE_TESTS_GUEST_INIT_HARNESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "guest-init/protocol.h"
#include "vmm/pod/pod.h"

enum { HARNESS_OUTPUT_MAX = 8 * 1024 * 1024, HARNESS_APPS_MAX = 64 };

/* Why something has not started, as in struct frame_app_exit. */
struct why {
	uint32_t step, hook, error;
};

/* What happened in a run. */
struct outcome {
	bool hello, started, app_exited, pod_exited; /* of apps, the first */
	unsigned exits, starts, restarts;	     /* of all apps */
	unsigned held;
	uint32_t app_kind, app_code;
	uint32_t pod_kind, pod_code;
	struct {
		bool exited;
		uint32_t kind, code;
		struct why why;
	} apps[HARNESS_APPS_MAX];
	char *out; /* NUL-terminated; the same memory in every run */
	size_t out_len;
	char *err;
	size_t err_len;
	bool connected; /* somebody has, to the port of stdout */
	int died;	/* wait status of a guest-init that ended by itself, else -1 */

	/* Of the process that the script adds. */
	unsigned added_starts, added_exits;
	uint32_t added_kind, added_code; /* of the last */
	struct why added_why;
	char *added_out; /* as out */
	size_t added_out_len;
	char *added_err;
	size_t added_err_len;
	unsigned added_held;
	bool frozen;	    /* app 0 was, when that ended */
	unsigned processes; /* that it had when something was added last */

	/* Of the process that the script adds to that. Its output is with the other's. */
	unsigned inner_starts, inner_exits;
	uint32_t inner_kind, inner_code;
	struct why inner_why;
};

/* How what the script adds second goes with what it adds first. */
enum inner_order {
	INNER_IN_IT,	    /* added to that, a container */
	INNER_BEFORE_FIRST, /* to app 0; the record of the first comes when this has ended */
	INNER_BEFORE_NEXT,  /* to app 0, after the first, and before what is added in its place */
	INNER_AFTER_NEXT,   /* to app 0, when the record of that has been taken */
};

/* What the host does during a run. */
struct script {
	const void *input; /* written to stdin, then its end */
	size_t input_len;
	bool keep_stdin_open;
	bool input_late;	/* not before signal_on has come */
	bool close_stdout;	/* at once */
	const char *signal_on;	/* when this is in the output: */
	uint32_t signal;	/* this is sent; 0: none */
	bool signal_all;	/* to all apps, not to the first alone */
	uint16_t rows, columns; /* and this, unless 0 */
	bool stop;		/* and an order to stop, with this time */
	uint32_t stop_ms;
	bool hang_up;		/* and the control connection ends */
	uint32_t held_signal;	/* what is held gets this; 0: it is started */
	unsigned time_limit_ms; /* 0: 20 s */
	const void *record;	/* instead of the pod's */
	size_t record_len;

	/* When `added_on` is in the output ("": at once), this process is added to app 0. */
	const struct pod_app *added;
	const char *added_on;
	unsigned added_times; /* one after the other; 0: once. After the last, the app is killed */
	const void *added_record; /* instead of that process's */
	size_t added_record_len;
	const void *added_next; /* that of the second */
	size_t added_next_len;
	uint32_t added_app;	   /* to this one, then */
	const char *added_input;   /* then the end */
	const char *added_act_on;  /* when this is in its output: */
	uint32_t added_signal;	   /* this is sent to it; 0: none */
	uint32_t added_app_signal; /* and this to app 0; 0: none */
	bool added_dies;	   /* and the kernel kills it */
	bool added_stop;	   /* and there is an order to stop, with stop_ms */
	bool added_close_out;	   /* and nobody reads it any more */
	bool added_member;	   /* it is a container */
	uint32_t held_app_signal;  /* what is held is left so, and app 0 gets this; 0: neither */

	/* When `inner_on` is in its output, this process is added to the container. */
	const struct pod_app *inner;
	const void *inner_record; /* instead of that process's */
	size_t inner_record_len;
	enum inner_order inner_order;
	const char *inner_on;
	bool inner_member;	   /* it is a container too, added to the pod */
	uint32_t inner_end_signal; /* at its end, this is sent to the other; 0: none */

	/* When app 0 has ended: */
	uint32_t late_signal;	  /* what was added gets this; 0: none */
	uint32_t late_app_signal; /* and app 0 this; 0: none */
	bool late_stop;		  /* and there is an order to stop, with stop_ms */
};

enum { PORT_STDIN = NACELLE_PORT_STREAM_FIRST, PORT_STDOUT, PORT_STDERR };

/* NULL if namespaces can be made here, else why not. */
const char *harness_prepare(const char *program);
void harness_finish(void);

/* How many cgroups of added containers the last run has left. */
unsigned harness_groups_left(void);

/* The directory that is the share "root": the app's root, made by harness_prepare(). */
const char *harness_root(void);

/* The directory of another share, empty. */
const char *harness_share(void);

/* A pod with one app that runs `script` by the root's sh. */
struct harness_pod {
	struct pod pod;
	struct pod_app app;
	const char *argv[8];
	const char *env[8];
	struct pod_mount mounts[4];
};
void harness_pod(struct harness_pod *pod, const char *script);

/* Runs the pod until POD_EXIT, the end of guest-init, or the time limit. */
void harness_run(const struct pod *pod, const struct script *script, struct outcome *outcome);

#endif
