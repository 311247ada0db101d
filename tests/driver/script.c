/*
 * Scripts for fuzz targets. See script.h.
 */
#include "tests/driver/script.h"

#include <linux/virtio_mmio.h>
#include <linux/virtio_ring.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/driver/oracle.h"

enum { OPS_MAX = 400, BUFS_MAX = 8, BUF_BYTES_MAX = 4096 };

enum op {
	OP_START,  /* u8: features withheld */
	OP_WRITE,  /* u8: register / 4, le32 */
	OP_READ,   /* u8: register / 4 */
	OP_ACCESS, /* u8 offset, u8 offset high and width, 8 bytes: any access at all */
	OP_CHAIN,  /* u8: queue, shape; u8: count; then each buffer */
	OP_KICK,   /* u8: queue */
	OP_COLLECT,
	OP_DESC,  /* u8: queue; le16 index; u8: where; le32 addr, le32 len, le16 flags, le16 next */
	OP_AVAIL, /* u8: queue; le16 head */
	OP_AVAIL_IDX, /* u8: queue; le16 */
	OP_PATCH,     /* le16: offset; u8: count; bytes */
	OP_SAVE,      /* save, restore, resume */
	OP_COUNT,
};

static void require(bool good, const char *what)
{
	if (good)
		return;
	(void)fprintf(stderr, "script: %s\n", what);
	abort();
}

static unsigned pick_queue(struct driver *d, struct cursor *in)
{
	return cursor_u8(in) % (d->dev->queue_count ? d->dev->queue_count : 1);
}

static void collect(struct driver *d)
{
	for (unsigned i = 0; i < d->dev->queue_count; i++) {
		struct driver_used used;

		for (unsigned n = 0; n < VIRTQ_SIZE_MAX && driver_collect(d, i, &used); n++)
			continue;
	}
}

/* One chain from well-made buffers: at most BUFS_MAX, allocated anew, with bytes from the input. */
static void op_chain(struct driver *d, struct cursor *in)
{
	unsigned queue = pick_queue(d, in);
	uint8_t shape = cursor_u8(in);
	unsigned count = 1 + (shape >> 1) % BUFS_MAX;
	struct driver_buf bufs[BUFS_MAX];
	uint8_t bytes[BUF_BYTES_MAX];
	struct driver_queue *q = &d->queues[queue];

	if (count > q->size || d->next_gpa + 65536 > DRIVER_RAM_GPA + d->ram_len)
		return;
	for (unsigned i = 0; i < count; i++) {
		uint16_t word = cursor_le16(in);
		uint32_t len = (word & 0x7fffU) % (BUF_BYTES_MAX + 1);
		bool writable = word & 0x8000;

		bufs[i] = (struct driver_buf){ .len = len, .writable = writable };
		if (!writable) {
			size_t take = cursor_u8(in);
			const void *data;

			if (take > len)
				take = len;
			if (take > cursor_left(in))
				take = cursor_left(in);
			data = cursor_take(in, take);
			memset(bytes, 0, len);
			memcpy(bytes, data, take);
			bufs[i].gpa = driver_alloc(d, len + 1, 1);
			memcpy(driver_at(d, bufs[i].gpa, len), bytes, len);
		}
	}
	driver_add(d, queue, bufs, count, shape & 1 ? DRIVER_INDIRECT : 0);
}

static void op_desc(struct driver *d, struct cursor *in)
{
	unsigned queue = pick_queue(d, in);
	uint16_t index = cursor_le16(in);
	uint8_t where = cursor_u8(in);
	uint64_t addr = cursor_le32(in);
	uint32_t len = cursor_le32(in);
	uint16_t flags = cursor_le16(in);
	uint16_t next = cursor_le16(in);

	if (!d->queues[queue].size)
		return;
	/* Most addresses are near memory, and most lengths are small; not all. */
	if (where & 1)
		addr = DRIVER_RAM_GPA + addr % (d->ram_len + 16);
	if (where & 2)
		addr |= (uint64_t)addr << 32;
	if (where & 4)
		len %= 8192;
	driver_set_desc(d, queue, index % d->queues[queue].size, addr, len, flags, next);
}

static void op_access(struct driver *d, struct cursor *in)
{
	uint64_t offset = cursor_u8(in);
	uint8_t more = cursor_u8(in);
	uint8_t data[16] = { 0 };
	uint32_t len = 1 + (more >> 4) % 9;
	const void *bytes;

	offset |= (uint64_t)(more & 7) << 8;
	bytes = cursor_take(in, 8);
	if (bytes)
		memcpy(data, bytes, 8);
	if (more & 8)
		virtio_mmio_write(&d->slot, offset, data, len);
	else
		virtio_mmio_read(&d->slot, offset, data, len);
}

static void op_patch(struct driver *d, struct cursor *in)
{
	uint64_t offset = cursor_le16(in);
	size_t count = cursor_u8(in) % 64;
	const void *bytes;

	if (count > cursor_left(in))
		count = cursor_left(in);
	bytes = cursor_take(in, count);
	if (offset + count <= d->ram_len)
		memcpy(d->ram + offset, bytes, count);
}

static void op_save(struct driver *d)
{
	struct virtio_mmio_state state;

	virtio_device_pause(d->dev);
	if (virtio_mmio_save(&d->slot, &state) == 0)
		require(virtio_mmio_restore(&d->slot, &state) == 0, "saved state refused");
	virtio_device_resume(d->dev);
	virtio_device_catch_up(d->dev);
}

static void run_op(struct driver *d, unsigned op, struct cursor *in)
{
	uint64_t withheld;
	unsigned queue;

	switch ((enum op)op) {
	case OP_START:
		withheld = (uint64_t)cursor_u8(in) << 8;
		withheld |= (uint64_t)cursor_u8(in) << 28;
		driver_start(d, ~withheld);
		break;
	case OP_WRITE:
		queue = cursor_u8(in);
		driver_write(d, 4 * (queue % 64), cursor_le32(in));
		break;
	case OP_READ:
		driver_read(d, 4 * (uint64_t)cursor_u8(in));
		break;
	case OP_ACCESS:
		op_access(d, in);
		break;
	case OP_CHAIN:
		op_chain(d, in);
		break;
	case OP_KICK:
		driver_kick(d, pick_queue(d, in));
		break;
	case OP_COLLECT:
		collect(d);
		break;
	case OP_DESC:
		op_desc(d, in);
		break;
	case OP_AVAIL:
		queue = pick_queue(d, in);
		if (d->queues[queue].size)
			driver_offer(d, queue, cursor_le16(in));
		break;
	case OP_AVAIL_IDX:
		queue = pick_queue(d, in);
		if (d->queues[queue].size)
			driver_set_avail_idx(d, queue, cursor_le16(in));
		break;
	case OP_PATCH:
		op_patch(d, in);
		break;
	case OP_SAVE:
		op_save(d);
		break;
	case OP_COUNT:
		break;
	}
}

void script_run(struct driver *d, const uint8_t *data, size_t len, script_own_op own, void *ctx)
{
	struct cursor in = cursor_make(data, len);

	oracle_begin(cursor_u8(&in));
	for (unsigned i = 0; i < OPS_MAX && cursor_left(&in) > 0; i++) {
		uint8_t op = cursor_u8(&in);

		if (op >= 0xf0 && own)
			own(ctx, op & 15, &in);
		else
			run_op(d, op % OP_COUNT, &in);
	}
}
