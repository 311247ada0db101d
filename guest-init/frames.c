/*
 * Frames to and from bytes. The peer is the host's machine; a byte stream that has lost its step is
 * noticed by an unknown type or a wrong length.
 */
#include "guest-init/frames.h"

#include <signal.h>

/* The payload's size, or -1 for a type that the host may not send. */
static ssize_t payload_size(uint32_t type)
{
	switch (type) {
	case FRAME_SIGNAL:
		return sizeof(struct frame_signal);
	case FRAME_WINSIZE:
		return sizeof(struct frame_winsize);
	case FRAME_STOP:
		return sizeof(struct frame_stop);
	case FRAME_START:
		return sizeof(struct frame_start);
	case FRAME_ADD:
		return sizeof(struct frame_add);
	case FRAME_CLOCK:
		return 0;
	default:
		return -1;
	}
}

ssize_t frame_parse(const void *data, size_t len, struct host_frame *frame)
{
	struct cursor c = cursor_make(data, len);
	uint32_t type = cursor_le32(&c);
	uint32_t length = cursor_le32(&c);

	if (c.bad)
		return 0;
	if (payload_size(type) != (ssize_t)length)
		return -1;
	*frame = (struct host_frame){ .type = (enum frame_type)type };
	if (type == FRAME_SIGNAL) {
		frame->app = cursor_le32(&c);
		frame->signal = cursor_le32(&c);
	} else if (type == FRAME_WINSIZE) {
		frame->app = cursor_le32(&c);
		frame->rows = cursor_le16(&c);
		frame->columns = cursor_le16(&c);
	} else if (type == FRAME_ADD) {
		frame->id = cursor_le32(&c);
		frame->record_port = cursor_le32(&c);
		frame->app = cursor_le32(&c);
	} else if (type == FRAME_START) {
		frame->app = cursor_le32(&c);
	} else if (type == FRAME_STOP) {
		frame->timeout_ms = cursor_le32(&c);
	}
	if (c.bad)
		return 0;
	if (type == FRAME_SIGNAL && (frame->signal == 0 || frame->signal >= NSIG))
		return -1;
	if (type == FRAME_ADD && (frame->id < FRAME_ID_ADDED_FIRST ||
				  frame->id - FRAME_ID_ADDED_FIRST >= FRAME_ADDED_MAX))
		return -1;
	return (ssize_t)(sizeof(struct frame_header) + length);
}

size_t frame_write(void *out, enum frame_type type, const void *payload, size_t len)
{
	struct frame_header header = { le32_make(type), le32_make((uint32_t)len) };

	memcpy(out, &header, sizeof(header));
	memcpy((uint8_t *)out + sizeof(header), payload, len);
	return sizeof(header) + len;
}
