/*
 * The frames to the guest: a short queue, from which they are sent when the guest takes them.
 */
#include <assert.h>
#include <string.h>

#include "vmm/machine/control.h"

void control_send_queue(struct control *control)
{
	while (control->conn && control->state == CONTROL_RUNNING && control->out_count) {
		const struct control_frame *frame = &control->out[control->out_first];
		size_t whole = sizeof(frame->header) + le32_get(frame->header.length);

		control->out_bytes += (uint32_t)vsock_conn_send(
		    control->conn, (const uint8_t *)frame + control->out_bytes,
		    whole - control->out_bytes);
		if (control->out_bytes < whole)
			return;
		control->out_bytes = 0;
		control->out_first = (control->out_first + 1) % CONTROL_QUEUE_MAX;
		control->out_count--;
	}
}

/* A frame that waits, no byte of which is sent, of this type and with the same first payload. */
static struct control_frame *find_waiting(struct control *control,
					  const struct control_frame *frame, size_t same_bytes)
{
	for (unsigned i = control->out_bytes ? 1 : 0; i < control->out_count; i++) {
		struct control_frame *at =
		    &control->out[(control->out_first + i) % CONTROL_QUEUE_MAX];

		if (memcmp(at, frame, sizeof(frame->header) + same_bytes) == 0)
			return at;
	}
	return NULL;
}

/* A frame that waits with the same type and same_bytes of payload is replaced. */
static bool enqueue_locked(struct control *control, const struct control_frame *frame,
			   size_t same_bytes)
{
	/* The last place is for the order to stop. */
	bool stop = le32_get(frame->header.type) == FRAME_STOP;
	unsigned max = stop ? CONTROL_QUEUE_MAX : CONTROL_QUEUE_MAX - 1;
	struct control_frame *at;

	if (control->state != CONTROL_UNCONNECTED && !control_listens(control))
		return false;
	at = find_waiting(control, frame, same_bytes);
	if (!at && control->out_count >= max)
		return false;
	if (!at)
		at = &control->out[(control->out_first + control->out_count++) % CONTROL_QUEUE_MAX];
	*at = *frame;
	control_send_queue(control);
	return true;
}

static bool enqueue(struct control *control, const struct control_frame *frame, size_t same_bytes)
{
	bool taken;

	virtio_device_lock(&control->vsock->device);
	taken = enqueue_locked(control, frame, same_bytes);
	virtio_device_unlock(&control->vsock->device);
	return taken;
}

static struct control_frame make_frame(enum frame_type type, const void *payload, size_t len)
{
	struct control_frame frame = {
		.header = { .type = le32_make(type), .length = le32_make((uint32_t)len) },
	};

	static_assert(sizeof(struct frame_app_exit) <= CONTROL_PAYLOAD_MAX, "frames");
	assert(len <= CONTROL_PAYLOAD_MAX);
	memcpy(frame.payload, payload, len);
	return frame;
}

bool control_signal(struct control *control, uint32_t app, uint32_t signal)
{
	struct frame_signal payload = { .app = le32_make(app), .signal = le32_make(signal) };
	struct control_frame frame = make_frame(FRAME_SIGNAL, &payload, sizeof(payload));

	return enqueue(control, &frame, sizeof(payload));
}

bool control_winsize(struct control *control, uint32_t app, uint16_t rows, uint16_t columns)
{
	struct frame_winsize payload = {
		.app = le32_make(app),
		.rows = le16_make(rows),
		.columns = le16_make(columns),
	};
	struct control_frame frame = make_frame(FRAME_WINSIZE, &payload, sizeof(payload));

	return enqueue(control, &frame, sizeof(payload.app));
}

bool control_stop(struct control *control, uint32_t timeout_ms)
{
	struct frame_stop payload = { .timeout_ms = le32_make(timeout_ms) };
	struct control_frame frame = make_frame(FRAME_STOP, &payload, sizeof(payload));

	return enqueue(control, &frame, 0);
}

bool control_start(struct control *control, uint32_t app)
{
	struct frame_start payload = { .app = le32_make(app) };
	struct control_frame frame = make_frame(FRAME_START, &payload, sizeof(payload));

	return enqueue(control, &frame, sizeof(payload));
}

bool control_clock(struct control *control)
{
	struct control_frame frame = make_frame(FRAME_CLOCK, "", 0);

	return enqueue(control, &frame, 0);
}

bool control_add(struct control *control, uint32_t slot, uint32_t app)
{
	struct frame_add payload = {
		.id = le32_make(FRAME_ID_ADDED_FIRST + slot),
		.record_port = le32_make(NACELLE_PORT_ADDED_FIRST + slot * NACELLE_PORTS_ADDED),
		.app = le32_make(app),
	};
	struct control_frame frame = make_frame(FRAME_ADD, &payload, sizeof(payload));
	bool taken;

	assert(slot < FRAME_ADDED_MAX);
	virtio_device_lock(&control->vsock->device);
	assert(control->added[slot] == CONTROL_MEMBER_NONE);
	control->added[slot] = CONTROL_MEMBER_ASKED;
	control->containers[slot] = app == FRAME_ALL_APPS;
	taken = enqueue_locked(control, &frame, sizeof(payload));
	if (!taken)
		control->added[slot] = CONTROL_MEMBER_NONE;
	virtio_device_unlock(&control->vsock->device);
	return taken;
}

void control_release(struct control *control, uint32_t slot)
{
	virtio_device_lock(&control->vsock->device);
	assert(control->added[slot] == CONTROL_MEMBER_EXITED ||
	       control->added[slot] == CONTROL_MEMBER_NONE);
	control->added[slot] = CONTROL_MEMBER_NONE;
	virtio_device_unlock(&control->vsock->device);
}
