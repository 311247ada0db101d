/*
 * The guest's side of the control connection over any bytes. What is accepted is written again, and
 * must be the same bytes.
 */
#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "guest-init/frames.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static size_t write_again(const struct host_frame *frame, uint8_t *out)
{
	struct frame_signal signal = { le32_make(frame->app), le32_make(frame->signal) };
	struct frame_winsize winsize = { le32_make(frame->app), le16_make(frame->rows),
					 le16_make(frame->columns) };

	struct frame_start start = { le32_make(frame->app) };
	struct frame_add add = { le32_make(frame->id), le32_make(frame->record_port),
				 le32_make(frame->app) };

	if (frame->type == FRAME_ADD)
		return frame_write(out, FRAME_ADD, &add, sizeof(add));
	struct frame_stop stop = { le32_make(frame->timeout_ms) };

	if (frame->type == FRAME_SIGNAL)
		return frame_write(out, FRAME_SIGNAL, &signal, sizeof(signal));
	if (frame->type == FRAME_WINSIZE)
		return frame_write(out, FRAME_WINSIZE, &winsize, sizeof(winsize));
	if (frame->type == FRAME_START)
		return frame_write(out, FRAME_START, &start, sizeof(start));
	if (frame->type == FRAME_CLOCK)
		return frame_write(out, FRAME_CLOCK, "", 0);
	assert(frame->type == FRAME_STOP);
	return frame_write(out, FRAME_STOP, &stop, sizeof(stop));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	while (size) {
		struct host_frame frame;
		uint8_t again[FRAME_FROM_HOST_MAX];
		ssize_t used = frame_parse(data, size, &frame);

		/* A whole frame is never asked for more. */
		assert(used != 0 || size < FRAME_FROM_HOST_MAX);
		if (used <= 0)
			break;
		assert((size_t)used <= size && write_again(&frame, again) == (size_t)used);
		assert(!memcmp(again, data, (size_t)used));
		data += used;
		size -= (size_t)used;
	}
	return 0;
}
