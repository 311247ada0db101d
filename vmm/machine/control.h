/*
 * The host's end of the control connection (guest-init/protocol.h): the guest's frames become
 * struct machine_event, and signals, window sizes and the order to stop become frames.
 *
 * The guest's bytes are not trusted: they go into one fixed buffer, the length is checked against
 * the type before the payload is awaited, each value against its range, and the order of frames
 * against a state machine that lets each app start and exit once, and each added process once for
 * every FRAME_ADD; an app, and a container that is added, may say before that it is held. So a
 * guest can cause at most 3 * app_count + 2 events of its own accord, three for each FRAME_ADD, and
 * two for each restart of an app, which are left out if they come faster than guest-init's back-off
 * makes them. The first offence ends the connection, and
 * with it the events; after POD_EXIT nothing is listened to any more.
 *
 * Locking: control_accept() and the event function are called with the vsock device's lock held (by
 * a vCPU thread); the event function calls nothing of this file. control_signal() and the others
 * take the lock themselves.
 */
#ifndef NACELLE_MACHINE_CONTROL_H
#define NACELLE_MACHINE_CONTROL_H

#include <stdbool.h>
#include <stdint.h>

#include "guest-init/protocol.h"
#include "virtio/vsock.h"
#include "vmm/machine/event.h"

enum {
	CONTROL_APPS_MAX = 256,
	CONTROL_QUEUE_MAX = 128,  /* frames to the guest that wait */
	CONTROL_PAYLOAD_MAX = 20, /* the longest of protocol.h, either way */
};

typedef void control_event_fn(void *ctx, const struct machine_event *event);

/* The ports of the guest from which the streams of an added process will come (ADD_PORTS). */
typedef void control_ports_fn(void *ctx, uint32_t slot, const uint32_t ports[NACELLE_PORTS_ADDED]);

enum control_state {
	CONTROL_UNCONNECTED,
	CONTROL_CONNECTED, /* HELLO has not come */
	CONTROL_RUNNING,
	CONTROL_POD_EXITED,
	CONTROL_ENDED, /* by a fault */
};

struct control_frame {
	struct frame_header header;
	uint8_t payload[CONTROL_PAYLOAD_MAX];
};

/* How far a process of the guest has come: an app's, or an added one's. */
enum control_member {
	CONTROL_MEMBER_NONE,  /* the slot is free */
	CONTROL_MEMBER_ASKED, /* added: ADD_PORTS has not come */
	CONTROL_MEMBER_EXPECTED,
	CONTROL_MEMBER_HELD, /* an app before its first start, or a container that was added */
	CONTROL_MEMBER_STARTED,
	CONTROL_MEMBER_EXITED,
};

/* Restarts of an app that may be reported at once, and how fast they come back. */
enum { CONTROL_RESTARTS_MAX = 16, CONTROL_RESTART_MS = 1000 };

struct control_restarts {
	uint32_t count;
	uint32_t used;	     /* of CONTROL_RESTARTS_MAX */
	uint64_t since_ms;   /* of CLOCK_MONOTONIC: `used` was brought up to date then */
	bool start_left_out; /* the restart was, and so is the start that follows */
};

struct control {
	struct vsock *vsock;
	control_event_fn *on_event;
	void *ctx;
	control_ports_fn *on_ports;
	void *ports_ctx;
	uint32_t app_count;

	/* Guarded by the vsock device's lock. */
	enum control_state state;
	struct vsock_conn *conn;
	uint8_t apps[CONTROL_APPS_MAX]; /* enum control_member */
	uint8_t added[FRAME_ADDED_MAX];
	bool containers[FRAME_ADDED_MAX]; /* what was added is one: it may be held */
	struct control_restarts restarts[CONTROL_APPS_MAX];
	struct control_frame in;
	uint32_t in_bytes;
	struct control_frame out[CONTROL_QUEUE_MAX];
	unsigned out_first;
	unsigned out_count;
	uint32_t out_bytes; /* of the first frame that were sent */
};

/* app_count <= CONTROL_APPS_MAX, the number of apps in the pod record. */
void control_init(struct control *control, struct vsock *vsock, uint32_t app_count,
		  control_event_fn *on_event, void *ctx);

/* on_ports is called as the event function is, at most once for each process that is added. */
void control_on_ports(struct control *control, control_ports_fn *on_ports, void *ctx);

/* A vsock_accept_fn for NACELLE_PORT_CONTROL, ctx being the struct control. One at a time. */
bool control_accept(void *ctx, uint32_t host_port, struct vsock_conn *conn,
		    struct vsock_accept *accept);

/* For the files of the connection, with the lock held: whether it stands; sends what waits. */
static inline bool control_listens(const struct control *control)
{
	return control->state == CONTROL_CONNECTED || control->state == CONTROL_RUNNING;
}
void control_send_queue(struct control *control);

/*
 * Send a frame now, or keep it until HELLO has come and the guest takes it, in order. A signal, a
 * stop or a clock that waits already is not queued twice; a window size replaces the one that
 * waits. Return false if the frame is dropped: too many wait, or the connection has ended.
 */
bool control_signal(struct control *control, uint32_t app, uint32_t signal);
bool control_winsize(struct control *control, uint32_t app, uint16_t rows, uint16_t columns);
bool control_stop(struct control *control, uint32_t timeout_ms);
bool control_clock(struct control *control);
bool control_start(struct control *control, uint32_t app);

/*
 * Begins a process in a free slot, < FRAME_ADDED_MAX: beside an app, in a container that was added
 * (its id), or a container (FRAME_ALL_APPS). Returns false if the frame is dropped; the
 * slot is then still free. After its APP_EXIT event the slot is kept until it is released.
 */
bool control_add(struct control *control, uint32_t slot, uint32_t app);
void control_release(struct control *control, uint32_t slot);

#endif
