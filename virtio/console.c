/*
 * virtio-console. The bytes that the guest sends are opaque but for escaping; the receive queue is
 * there because the specification has one, and its buffers are never taken.
 */
#include "virtio/console.h"

#include <linux/virtio_ids.h>

#include "vmm/base/bytes.h"

enum { QUEUE_RECEIVE, QUEUE_TRANSMIT, QUEUE_COUNT };
enum { QUEUE_SIZE = 64 };
enum { PIECE_BYTES = 1024 };

static void put(struct virtio_console *console, uint8_t byte)
{
	console->buffer[(console->start + console->used) % VIRTIO_CONSOLE_BUFFER_BYTES] = byte;
	if (console->used < VIRTIO_CONSOLE_BUFFER_BYTES) {
		console->used++;
		return;
	}
	console->start = (console->start + 1) % VIRTIO_CONSOLE_BUFFER_BYTES;
	console->dropped_bytes++;
}

static void put_escaped(struct virtio_console *console, uint8_t byte)
{
	static const char digits[] = "0123456789abcdef";

	if (byte == '\r')
		return;
	if (byte == '\n' || byte == '\t' || (byte >= ' ' && byte <= '~')) {
		put(console, byte);
		return;
	}
	put(console, '\\');
	put(console, 'x');
	put(console, (uint8_t)digits[byte >> 4]);
	put(console, (uint8_t)digits[byte & 15]);
}

static void put_message(struct virtio_console *console, uint8_t byte)
{
	if (console->escape)
		put_escaped(console, byte);
	else
		put(console, byte);
}

/* Writes until the buffer is empty or nobody takes more. */
static void drain(struct virtio_console *console)
{
	while (console->used > 0 && console->write) {
		uint32_t part = VIRTIO_CONSOLE_BUFFER_BYTES - console->start;
		ssize_t done;

		if (part > console->used)
			part = console->used;
		done = console->write(console->write_ctx, console->buffer + console->start, part);
		if (done == 0)
			return;
		if (done < 0) {
			console->write = NULL;
			break;
		}
		console->start = (console->start + (uint32_t)done) % VIRTIO_CONSOLE_BUFFER_BYTES;
		console->used -= (uint32_t)done;
	}
	if (!console->write) {
		console->dropped_bytes += console->used;
		console->used = 0;
	}
}

static void take(struct virtio_console *console, const struct virtq_chain *chain)
{
	uint8_t piece[PIECE_BYTES];
	uint64_t offset = 0;
	size_t len;

	while (offset < VIRTIO_CONSOLE_CHAIN_MAX &&
	       (len = virtq_chain_read(chain, offset, piece, sizeof(piece))) > 0) {
		for (size_t i = 0; i < len; i++)
			put_message(console, piece[i]);
		offset += len;
	}
	console->dropped_bytes += chain->readable_bytes - offset;
}

static void notify(struct virtio_device *dev, unsigned queue)
{
	struct virtio_console *console = container_of(dev, struct virtio_console, dev);
	struct virtqueue *q = &dev->queues[queue];
	struct virtq_chain chain;

	if (queue != QUEUE_TRANSMIT)
		return;
	for (unsigned budget = q->size; virtq_pop(q, &chain) > 0;) {
		take(console, &chain);
		drain(console);
		virtq_push(q, chain.head, 0);
		if (--budget == 0) {
			virtio_device_requeue(dev, queue);
			break;
		}
	}
	virtio_device_signal_used(dev, queue);
}

static const struct virtio_device_ops console_ops = {
	.notify = notify,
};

void virtio_console_init(struct virtio_console *console, const struct gmem *gmem,
			 virtio_console_write_fn *write, void *write_ctx, bool escape)
{
	static const uint16_t sizes[QUEUE_COUNT] = { QUEUE_SIZE, QUEUE_SIZE };

	console->write = write;
	console->write_ctx = write_ctx;
	console->escape = escape;
	console->dropped_bytes = 0;
	console->start = 0;
	console->used = 0;
	virtio_device_init(&console->dev, &(struct virtio_device_params){
					      .ops = &console_ops,
					      .gmem = gmem,
					      .device_id = VIRTIO_ID_CONSOLE,
					      .queue_count = QUEUE_COUNT,
					      .queue_sizes = sizes,
					  });
}

void virtio_console_fini(struct virtio_console *console)
{
	virtio_device_fini(&console->dev);
}

void virtio_console_flush(struct virtio_console *console)
{
	virtio_device_lock(&console->dev);
	drain(console);
	virtio_device_unlock(&console->dev);
}

void virtio_console_put(struct virtio_console *console, uint8_t byte)
{
	virtio_device_lock(&console->dev);
	put_message(console, byte);
	if (byte == '\n')
		drain(console);
	virtio_device_unlock(&console->dev);
}
