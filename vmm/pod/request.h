/*
 * What goes over a pod's control socket: one request, one or more replies, each a packet of one
 * fixed size, in the byte order of the host that both ends share.
 */
#ifndef NACELLE_POD_REQUEST_H
#define NACELLE_POD_REQUEST_H

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Changes with the meaning or the size of what is below: another nacelle is told so. */
#define POD_REQUEST_MAGIC UINT32_C(0x4e504332)

enum pod_request_type {
	POD_REQUEST_STATUS = 1, /* of app: one struct pod_reply */
	POD_REQUEST_STOP,	/* all apps, orderly; after timeout_ms by force (0: at once) */
	POD_REQUEST_KILL,	/* signal to app, or to POD_ALL_APPS; where ADD was, to that */
	POD_REQUEST_PAUSE,
	POD_REQUEST_RESUME,
	POD_REQUEST_ADD,     /* a process in app; descriptors: its record, its stdio */
	POD_REQUEST_ATTACH,  /* to app's streams */
	POD_REQUEST_WINSIZE, /* on a connection that ADD or ATTACH keeps: rows, columns */
	POD_REQUEST_START,   /* app, which is held; answered when it runs */
	POD_REQUEST_MEMBER,  /* a place for a container in the pod (members.h) */
	POD_REQUEST_SHARE,   /* descriptors: directories and files for it */
	POD_REQUEST_TYPES,
};

#define POD_ALL_APPS UINT32_MAX
#define POD_PATIENT  UINT32_MAX /* timeout_ms: never by force */

enum {
	POD_REQUEST_FDS_MAX = 8,
	POD_REPLY_TEXT_MAX = 256,
	POD_SIGNAL_MAX = 64,
};

struct pod_request {
	uint32_t magic;
	uint32_t type; /* enum pod_request_type */
	uint32_t app;  /* its index in the pod, the id of a member, or POD_ALL_APPS */
	uint32_t signal;
	uint32_t flags; /* the type's own */
	uint32_t timeout_ms;
	uint16_t rows, columns;
	uint32_t serial; /* of the member that app names; else 0 */
};
static_assert(sizeof(struct pod_request) == 32, "pod request");

enum pod_app_state {
	POD_APP_WAITING = 1, /* not started */
	POD_APP_RUNNING,
	POD_APP_EXITED,
	POD_APP_HELD, /* ready, and waits for POD_REQUEST_START */
};

enum pod_reply_flag {
	POD_REPLY_PAUSED = 1,
	POD_REPLY_OOM = 2,	/* the app, by the guest's kernel */
	POD_REPLY_STOPPING = 4, /* the pod has been asked to end */
	POD_REPLY_TERMINAL = 8, /* ATTACH: the app has a terminal */
	POD_REPLY_STDIN = 16,	/* ATTACH: the app has a stdin */
};

struct pod_reply {
	uint32_t magic;
	uint32_t type;	/* of the request */
	int32_t error;	/* 0, or an errno value: then text says more */
	uint32_t flags; /* enum pod_reply_flag */
	uint32_t app_count;
	uint32_t app;	    /* that this is about */
	uint32_t app_state; /* enum pod_app_state */
	uint32_t exit_kind; /* enum exit_kind */
	uint32_t exit_code;
	uint32_t restarts;
	uint32_t serial; /* of a member: no other one of the pod ever has it */
	/* Of EXIT_KIND_NOT_STARTED, as in struct frame_app_exit; else 0. */
	uint8_t step, hook;
	uint16_t start_error;
	uint64_t started_ms; /* since 1970; 0: not yet */
	uint64_t ended_ms;
	char text[POD_REPLY_TEXT_MAX]; /* NUL-terminated: the app's name, or what went wrong */
};
static_assert(sizeof(struct pod_reply) == 64 + POD_REPLY_TEXT_MAX, "pod reply");

/*
 * Whether a packet of len_bytes is a request that a server may look at: its size, its magic, a type
 * and a signal that exist, no more descriptors than there may be. Returns 0 or an errno value.
 */
int pod_request_check(const struct pod_request *request, size_t len_bytes, unsigned fd_count);

#endif
