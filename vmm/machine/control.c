/*
 * The host's end of the control connection: a parser for eight kinds of frames with a buffer for
 * one of them. control_out.c sends those to the guest.
 *
 * What comes in is written by the guest; each byte is copied out of guest memory once.
 */
#include "vmm/machine/control.h"

#include <assert.h>
#include <string.h>
#include <time.h>

enum {
	CREDIT_BYTES = 16 * 1024, /* everything is consumed at once */
	SIGNAL_MAX = 64,
	ERRNO_MAX = 4095,
	EXIT_FLAGS = EXIT_FLAG_CORE | EXIT_FLAG_OOM,
};

static void fault(struct control *control, enum control_fault why)
{
	const struct machine_event event = { .type = MACHINE_EVENT_PROTOCOL_ERROR, .code = why };
	struct vsock_conn *conn = control->conn;

	control->conn = NULL;
	control->state = CONTROL_ENDED;
	if (conn)
		vsock_conn_reset(conn);
	control->on_event(control->ctx, &event);
}

/* Payload bytes of a frame of the guest, or -1 for a type that it may not send. */
static int payload_length(uint32_t type)
{
	switch (type) {
	case FRAME_HELLO:
		return sizeof(struct frame_hello);
	case FRAME_APP_START:
	case FRAME_APP_HELD:
		return sizeof(struct frame_app_start);
	case FRAME_APP_EXIT:
	case FRAME_APP_RESTART:
		return sizeof(struct frame_app_exit);
	case FRAME_POD_EXIT:
		return sizeof(struct frame_pod_exit);
	case FRAME_ADD_PORTS:
		return sizeof(struct frame_add_ports);
	default:
		return -1;
	}
}

static void on_hello(struct control *control, struct cursor *in)
{
	struct machine_event event = { .type = MACHINE_EVENT_HELLO };
	uint32_t major = cursor_le32(in);

	event.code = cursor_le32(in);
	if (major != PROTOCOL_VERSION_MAJOR) {
		fault(control, CONTROL_FAULT_VERSION);
		return;
	}
	control->state = CONTROL_RUNNING;
	control->on_event(control->ctx, &event);
}

/* The state of the process that a frame names, or NULL if no id is like that. */
static uint8_t *find_member(struct control *control, uint32_t id)
{
	if (id < control->app_count)
		return &control->apps[id];
	if (id >= FRAME_ID_ADDED_FIRST && id - FRAME_ID_ADDED_FIRST < FRAME_ADDED_MAX)
		return &control->added[id - FRAME_ID_ADDED_FIRST];
	return NULL;
}

static void on_add_ports(struct control *control, struct cursor *in)
{
	uint32_t id = cursor_le32(in), ports[NACELLE_PORTS_ADDED];
	uint8_t *member = id < control->app_count ? NULL : find_member(control, id);

	for (size_t i = 0; i < NACELLE_PORTS_ADDED; i++)
		ports[i] = cursor_le32(in);
	if (!member) {
		fault(control, CONTROL_FAULT_CONTENT);
		return;
	}
	if (*member != CONTROL_MEMBER_ASKED) {
		fault(control, CONTROL_FAULT_ORDER);
		return;
	}
	*member = CONTROL_MEMBER_EXPECTED;
	if (control->on_ports)
		control->on_ports(control->ports_ctx, id - FRAME_ID_ADDED_FIRST, ports);
}

/* Reads a process and its pid. NULL after a fault. */
static uint8_t *read_pid(struct control *control, struct cursor *in, struct machine_event *event)
{
	uint8_t *member;

	event->app = cursor_le32(in);
	event->code = cursor_le32(in);
	member = find_member(control, event->app);
	if (member && event->code >= 1 && event->code <= INT32_MAX)
		return member;
	fault(control, CONTROL_FAULT_CONTENT);
	return NULL;
}

/* Whether what an id stands for may wait for its start: it is no process beside others. */
static bool may_be_held(const struct control *control, uint32_t id)
{
	return id < control->app_count || control->containers[id - FRAME_ID_ADDED_FIRST];
}

/* Once for each app of the pod, before its first start, and each container that is added. */
static void on_app_held(struct control *control, struct cursor *in)
{
	struct machine_event event = { .type = MACHINE_EVENT_APP_HELD };
	uint8_t *member = read_pid(control, in, &event);

	if (!member)
		return;
	if (!may_be_held(control, event.app)) {
		fault(control, CONTROL_FAULT_CONTENT);
		return;
	}
	if (*member != CONTROL_MEMBER_EXPECTED ||
	    (event.app < control->app_count && control->restarts[event.app].count)) {
		fault(control, CONTROL_FAULT_ORDER);
		return;
	}
	*member = CONTROL_MEMBER_HELD;
	control->on_event(control->ctx, &event);
}

static void on_app_start(struct control *control, struct cursor *in)
{
	struct machine_event event = { .type = MACHINE_EVENT_APP_START };
	uint8_t *member = read_pid(control, in, &event);

	if (!member)
		return;
	if (*member != CONTROL_MEMBER_EXPECTED && *member != CONTROL_MEMBER_HELD) {
		fault(control, CONTROL_FAULT_ORDER);
		return;
	}
	*member = CONTROL_MEMBER_STARTED;
	if (event.app >= control->app_count || !control->restarts[event.app].start_left_out)
		control->on_event(control->ctx, &event);
}

static bool exit_acceptable(uint32_t kind, uint32_t code)
{
	switch (kind) {
	case EXIT_KIND_CODE:
		return code <= 255;
	case EXIT_KIND_SIGNAL:
		return code >= 1 && code <= SIGNAL_MAX;
	case EXIT_KIND_NOT_STARTED:
		return code == 126 || code == 127;
	case EXIT_KIND_INIT_FAILURE:
		return code <= ERRNO_MAX;
	default:
		return false;
	}
}

/* Why a process has not started; of any other end it says nothing. */
static bool why_acceptable(const struct machine_event *event)
{
	bool is_late = event->step == START_STEP_HOOK_LATE;

	if (event->kind != EXIT_KIND_NOT_STARTED)
		return !event->step && !event->hook && !event->error;
	if (event->step == START_STEP_HOOK || is_late)
		return event->hook < RECORD_HOOKS_MAX && !(is_late && event->error);
	return event->step < START_STEPS && !event->hook && event->error <= ERRNO_MAX;
}

/* Reads the end of a process, by APP_EXIT or APP_RESTART. NULL after a fault. */
static uint8_t *read_exit(struct control *control, struct cursor *in, struct machine_event *event)
{
	uint8_t *member;
	bool ran, killed, in_order;

	event->app = cursor_le32(in);
	event->kind = cursor_le32(in);
	event->code = cursor_le32(in);
	event->flags = cursor_le32(in);
	event->step = cursor_u8(in);
	event->hook = cursor_u8(in);
	event->error = cursor_le16(in);
	member = find_member(control, event->app);
	ran = event->kind == EXIT_KIND_CODE || event->kind == EXIT_KIND_SIGNAL;
	if (!member || !exit_acceptable(event->kind, event->code) ||
	    (event->flags & ~(uint32_t)EXIT_FLAGS) || !why_acceptable(event)) {
		fault(control, CONTROL_FAULT_CONTENT);
		return NULL;
	}
	/* What is held can be killed without a start. */
	killed = event->kind == EXIT_KIND_SIGNAL && *member == CONTROL_MEMBER_HELD;
	in_order = ran ? *member == CONTROL_MEMBER_STARTED || killed
		       : *member == CONTROL_MEMBER_ASKED || *member == CONTROL_MEMBER_EXPECTED ||
			     *member == CONTROL_MEMBER_HELD;
	if (!in_order) {
		fault(control, CONTROL_FAULT_ORDER);
		return NULL;
	}
	return member;
}

static void on_app_exit(struct control *control, struct cursor *in)
{
	struct machine_event event = { .type = MACHINE_EVENT_APP_EXIT };
	uint8_t *member = read_exit(control, in, &event);

	if (!member)
		return;
	*member = CONTROL_MEMBER_EXITED;
	control->on_event(control->ctx, &event);
}

static uint64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* Whether a restart that comes now is to be reported. */
static bool take_restart(struct control_restarts *restarts)
{
	uint64_t now = now_ms();
	uint64_t back = (now - restarts->since_ms) / CONTROL_RESTART_MS;

	if (back >= restarts->used) {
		restarts->used = 0;
		restarts->since_ms = now;
	} else {
		restarts->used -= (uint32_t)back;
		restarts->since_ms += back * CONTROL_RESTART_MS;
	}
	if (restarts->used == CONTROL_RESTARTS_MAX)
		return false;
	restarts->used++;
	return true;
}

static void on_app_restart(struct control *control, struct cursor *in)
{
	struct machine_event event = { .type = MACHINE_EVENT_APP_RESTART };
	uint8_t *member = read_exit(control, in, &event);
	struct control_restarts *restarts;

	if (!member)
		return;
	/* What did not start does not start again, and what was added ends once. */
	if (event.app >= control->app_count || *member != CONTROL_MEMBER_STARTED) {
		fault(control, CONTROL_FAULT_CONTENT);
		return;
	}
	restarts = &control->restarts[event.app];
	*member = CONTROL_MEMBER_EXPECTED;
	if (restarts->count < UINT32_MAX)
		restarts->count++;
	event.count = restarts->count;
	restarts->start_left_out = !take_restart(restarts);
	if (!restarts->start_left_out)
		control->on_event(control->ctx, &event);
}

static void on_pod_exit(struct control *control, struct cursor *in)
{
	struct machine_event event = { .type = MACHINE_EVENT_POD_EXIT };

	event.kind = cursor_le32(in);
	event.code = cursor_le32(in);
	if (!exit_acceptable(event.kind, event.code)) {
		fault(control, CONTROL_FAULT_CONTENT);
		return;
	}
	control->state = CONTROL_POD_EXITED;
	control->on_event(control->ctx, &event);
}

/* A whole frame, whose length fits its type, is in control->in. */
static void on_frame(struct control *control)
{
	uint32_t type = le32_get(control->in.header.type);
	struct cursor in = cursor_make(control->in.payload, le32_get(control->in.header.length));

	if ((type == FRAME_HELLO) != (control->state == CONTROL_CONNECTED)) {
		fault(control, CONTROL_FAULT_NO_HELLO);
		return;
	}
	if (type == FRAME_HELLO)
		on_hello(control, &in);
	else if (type == FRAME_APP_START)
		on_app_start(control, &in);
	else if (type == FRAME_APP_HELD)
		on_app_held(control, &in);
	else if (type == FRAME_APP_EXIT)
		on_app_exit(control, &in);
	else if (type == FRAME_APP_RESTART)
		on_app_restart(control, &in);
	else if (type == FRAME_ADD_PORTS)
		on_add_ports(control, &in);
	else
		on_pod_exit(control, &in);
	assert(!in.bad && cursor_left(&in) == 0);
}

/* Takes what belongs to the frame that is being put together, and returns how much that was. */
static size_t take_bytes(struct control *control, const uint8_t *data, size_t len)
{
	struct control_frame *in = &control->in;
	size_t want = sizeof(in->header);

	if (control->in_bytes >= sizeof(in->header))
		want += le32_get(in->header.length);
	want -= control->in_bytes;
	if (len > want)
		len = want;
	gmem_fetch((uint8_t *)in + control->in_bytes, data, len);
	control->in_bytes += (uint32_t)len;
	if (len < want)
		return len;
	if (control->in_bytes == sizeof(in->header)) {
		int length = payload_length(le32_get(in->header.type));

		/* No frame of the guest is without payload, so this is the header alone. */
		if (length < 0 || le32_get(in->header.length) != (uint32_t)length)
			fault(control, CONTROL_FAULT_FRAME);
		return len;
	}
	control->in_bytes = 0;
	on_frame(control);
	return len;
}

static void control_data(void *ctx, struct vsock_conn *conn, const struct iovec *iov,
			 unsigned iov_count, size_t len)
{
	struct control *control = ctx;

	vsock_conn_consumed(conn, len);
	for (unsigned i = 0; i < iov_count; i++) {
		for (size_t at = 0; at < iov[i].iov_len && control_listens(control);)
			at += take_bytes(control, (const uint8_t *)iov[i].iov_base + at,
					 iov[i].iov_len - at);
	}
	control_send_queue(control);
}

static void control_can_send(void *ctx, struct vsock_conn *conn)
{
	(void)conn;
	control_send_queue(ctx);
}

static void control_shutdown(void *ctx, struct vsock_conn *conn, unsigned directions)
{
	struct control *control = ctx;

	(void)conn;
	/* Without one of its directions the connection is of no use. */
	if (directions && control_listens(control))
		fault(control, CONTROL_FAULT_CLOSED);
}

static void control_closed(void *ctx, struct vsock_conn *conn)
{
	struct control *control = ctx;

	(void)conn;
	control->conn = NULL;
	if (control_listens(control))
		fault(control, CONTROL_FAULT_CLOSED);
}

bool control_accept(void *ctx, uint32_t host_port, struct vsock_conn *conn,
		    struct vsock_accept *accept)
{
	static const struct vsock_conn_ops ops = {
		.data = control_data,
		.can_send = control_can_send,
		.shutdown = control_shutdown,
		.closed = control_closed,
	};
	struct control *control = ctx;

	if (host_port != NACELLE_PORT_CONTROL || control->state != CONTROL_UNCONNECTED)
		return false;
	control->conn = conn;
	control->state = CONTROL_CONNECTED;
	*accept = (struct vsock_accept){ .ops = &ops, .ctx = control, .buf_alloc = CREDIT_BYTES };
	return true;
}

void control_init(struct control *control, struct vsock *vsock, uint32_t app_count,
		  control_event_fn *on_event, void *ctx)
{
	assert(app_count <= CONTROL_APPS_MAX);
	*control = (struct control){
		.vsock = vsock,
		.on_event = on_event,
		.ctx = ctx,
		.app_count = app_count,
		.state = CONTROL_UNCONNECTED,
	};
	memset(control->apps, CONTROL_MEMBER_EXPECTED, app_count);
}

void control_on_ports(struct control *control, control_ports_fn *on_ports, void *ctx)
{
	control->on_ports = on_ports;
	control->ports_ctx = ctx;
}
