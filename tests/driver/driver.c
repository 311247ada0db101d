/*
 * The driver's side of virtio for tests. See driver.h.
 */
#include "tests/driver/driver.h"

#include <linux/virtio_config.h>
#include <linux/virtio_mmio.h>
#include <linux/virtio_ring.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vmm/base/bytes.h"

struct desc {
	le64 addr;
	le32 len;
	le16 flags;
	le16 next;
};

static void need(bool good, const char *what)
{
	if (good)
		return;
	(void)fprintf(stderr, "driver: %s\n", what);
	abort();
}

void driver_init(struct driver *d, size_t ram_len)
{
	memset(d, 0, sizeof(*d));
	d->ram = aligned_alloc(GMEM_ALIGN_BYTES, ram_len);
	need(d->ram, "no memory");
	memset(d->ram, 0, ram_len);
	d->ram_len = ram_len;
	d->next_gpa = DRIVER_RAM_GPA;
	need(gmem_add(&d->gmem, DRIVER_RAM_GPA, ram_len, d->ram) == 0, "bad region");
	virtio_mmio_init(&d->slot);
}

void driver_fini(struct driver *d)
{
	free(d->ram);
	d->ram = NULL;
}

static void count_interrupt(void *ctx)
{
	struct driver *d = ctx;

	d->raised++;
}

void driver_attach(struct driver *d, struct virtio_device *dev)
{
	d->dev = dev;
	virtio_device_connect(dev, count_interrupt, d);
	virtio_mmio_plug(&d->slot, dev);
}

uint32_t driver_read(struct driver *d, uint64_t offset)
{
	le32 value;

	virtio_mmio_read(&d->slot, offset, &value, sizeof(value));
	return le32_get(value);
}

void driver_write(struct driver *d, uint64_t offset, uint32_t value)
{
	le32 wire = le32_make(value);

	virtio_mmio_write(&d->slot, offset, &wire, sizeof(wire));
}

void driver_negotiate(struct driver *d, uint64_t features)
{
	uint64_t offered = 0;

	driver_write(d, VIRTIO_MMIO_STATUS, 0);
	driver_write(d, VIRTIO_MMIO_STATUS, VIRTIO_CONFIG_S_ACKNOWLEDGE);
	driver_write(d, VIRTIO_MMIO_STATUS, VIRTIO_CONFIG_S_ACKNOWLEDGE | VIRTIO_CONFIG_S_DRIVER);
	for (uint32_t i = 0; i < 2; i++) {
		driver_write(d, VIRTIO_MMIO_DEVICE_FEATURES_SEL, i);
		offered |= (uint64_t)driver_read(d, VIRTIO_MMIO_DEVICE_FEATURES) << (32 * i);
	}
	features &= offered;
	for (uint32_t i = 0; i < 2; i++) {
		driver_write(d, VIRTIO_MMIO_DRIVER_FEATURES_SEL, i);
		driver_write(d, VIRTIO_MMIO_DRIVER_FEATURES, (uint32_t)(features >> (32 * i)));
	}
	driver_write(d, VIRTIO_MMIO_STATUS,
		     driver_read(d, VIRTIO_MMIO_STATUS) | VIRTIO_CONFIG_S_FEATURES_OK);
}

bool driver_setup_queue(struct driver *d, unsigned queue, uint16_t size)
{
	struct driver_queue *q = &d->queues[queue];

	memset(q, 0, sizeof(*q));
	q->size = size;
	q->desc_gpa = driver_alloc(d, 16 * (uint64_t)size, 16);
	q->avail_gpa = driver_alloc(d, 6 + 2 * (uint64_t)size, 2);
	q->used_gpa = driver_alloc(d, 6 + 8 * (uint64_t)size, 4);

	driver_write(d, VIRTIO_MMIO_QUEUE_SEL, queue);
	driver_write(d, VIRTIO_MMIO_QUEUE_NUM, size);
	driver_write(d, VIRTIO_MMIO_QUEUE_DESC_LOW, (uint32_t)q->desc_gpa);
	driver_write(d, VIRTIO_MMIO_QUEUE_DESC_HIGH, (uint32_t)(q->desc_gpa >> 32));
	driver_write(d, VIRTIO_MMIO_QUEUE_AVAIL_LOW, (uint32_t)q->avail_gpa);
	driver_write(d, VIRTIO_MMIO_QUEUE_AVAIL_HIGH, (uint32_t)(q->avail_gpa >> 32));
	driver_write(d, VIRTIO_MMIO_QUEUE_USED_LOW, (uint32_t)q->used_gpa);
	driver_write(d, VIRTIO_MMIO_QUEUE_USED_HIGH, (uint32_t)(q->used_gpa >> 32));
	driver_write(d, VIRTIO_MMIO_QUEUE_READY, 1);
	return driver_read(d, VIRTIO_MMIO_QUEUE_READY) == 1;
}

uint32_t driver_ok(struct driver *d)
{
	driver_write(d, VIRTIO_MMIO_STATUS,
		     driver_read(d, VIRTIO_MMIO_STATUS) | VIRTIO_CONFIG_S_DRIVER_OK);
	return driver_read(d, VIRTIO_MMIO_STATUS);
}

uint32_t driver_start(struct driver *d, uint64_t features)
{
	d->next_gpa = DRIVER_RAM_GPA;
	driver_negotiate(d, features);
	for (unsigned i = 0; i < d->dev->queue_count; i++)
		(void)driver_setup_queue(d, i, d->dev->queues[i].size_max);
	return driver_ok(d);
}

void *driver_at(struct driver *d, uint64_t gpa, uint64_t len)
{
	need(gpa >= DRIVER_RAM_GPA && gpa - DRIVER_RAM_GPA <= d->ram_len &&
		 len <= d->ram_len - (gpa - DRIVER_RAM_GPA),
	     "address outside memory");
	return d->ram + (gpa - DRIVER_RAM_GPA);
}

uint64_t driver_alloc(struct driver *d, uint64_t len, uint64_t align)
{
	uint64_t gpa = align_up(d->next_gpa, align);

	memset(driver_at(d, gpa, len), 0, len);
	d->next_gpa = gpa + len;
	return gpa;
}

static void put_desc(struct driver *d, uint64_t table_gpa, uint16_t index, const struct desc *desc)
{
	memcpy(driver_at(d, table_gpa + sizeof(*desc) * index, sizeof(*desc)), desc, sizeof(*desc));
}

void driver_set_desc(struct driver *d, unsigned queue, uint16_t index, uint64_t addr, uint32_t len,
		     uint16_t flags, uint16_t next)
{
	struct desc desc = {
		.addr = le64_make(addr),
		.len = le32_make(len),
		.flags = le16_make(flags),
		.next = le16_make(next),
	};

	put_desc(d, d->queues[queue].desc_gpa, index, &desc);
}

static void put_le16(struct driver *d, uint64_t gpa, uint16_t value)
{
	uint16_t *at = driver_at(d, gpa, sizeof(*at));

	__atomic_store_n(at, le16_make(value).raw, __ATOMIC_RELEASE);
}

static uint16_t get_le16(struct driver *d, uint64_t gpa)
{
	uint16_t *at = driver_at(d, gpa, sizeof(*at));

	return le16_get((le16){ __atomic_load_n(at, __ATOMIC_ACQUIRE) });
}

void driver_set_avail(struct driver *d, unsigned queue, uint16_t slot, uint16_t head)
{
	const struct driver_queue *q = &d->queues[queue];

	put_le16(d, q->avail_gpa + 4 + 2 * (uint64_t)(slot & (q->size - 1)), head);
}

void driver_set_avail_idx(struct driver *d, unsigned queue, uint16_t idx)
{
	d->queues[queue].avail_idx = idx;
	put_le16(d, d->queues[queue].avail_gpa + 2, idx);
}

void driver_set_avail_flags(struct driver *d, unsigned queue, uint16_t flags)
{
	put_le16(d, d->queues[queue].avail_gpa, flags);
}

void driver_set_used_event(struct driver *d, unsigned queue, uint16_t idx)
{
	put_le16(d, d->queues[queue].avail_gpa + 4 + 2 * (uint64_t)d->queues[queue].size, idx);
}

static void make_available(struct driver *d, unsigned queue, uint16_t head)
{
	struct driver_queue *q = &d->queues[queue];

	driver_set_avail(d, queue, q->avail_idx, head);
	driver_set_avail_idx(d, queue, (uint16_t)(q->avail_idx + 1));
}

uint16_t driver_add(struct driver *d, unsigned queue, struct driver_buf *bufs, unsigned count,
		    unsigned flags)
{
	struct driver_queue *q = &d->queues[queue];
	bool indirect = flags & DRIVER_INDIRECT;
	uint64_t table = q->desc_gpa;
	uint16_t head = q->next_desc;

	need(count > 0 && count <= q->size, "chain does not fit");
	if (indirect)
		table = driver_alloc(d, sizeof(struct desc) * (uint64_t)count, 16);
	q->writable[head] = 0;
	for (unsigned i = 0; i < count; i++) {
		struct desc desc = { .len = le32_make(bufs[i].len) };
		uint16_t index = indirect ? (uint16_t)i : q->next_desc;
		uint16_t next = (uint16_t)(index + 1);
		uint16_t bits = bufs[i].writable ? VRING_DESC_F_WRITE : 0;

		if (!bufs[i].gpa) {
			bufs[i].gpa = driver_alloc(d, bufs[i].len, 1);
			if (bufs[i].data)
				memcpy(driver_at(d, bufs[i].gpa, bufs[i].len), bufs[i].data,
				       bufs[i].len);
		}
		if (bufs[i].writable)
			q->writable[head] += bufs[i].len;
		if (!indirect)
			next &= (uint16_t)(q->size - 1);
		if (i + 1 < count)
			bits |= VRING_DESC_F_NEXT;
		desc.addr = le64_make(bufs[i].gpa);
		desc.flags = le16_make(bits);
		desc.next = le16_make(next);
		put_desc(d, table, index, &desc);
		if (!indirect)
			q->next_desc = next;
	}
	if (indirect) {
		driver_set_desc(d, queue, head, table, (uint32_t)(sizeof(struct desc) * count),
				VRING_DESC_F_INDIRECT, 0);
		q->next_desc = (uint16_t)((head + 1) & (q->size - 1));
	}
	make_available(d, queue, head);
	return head;
}

void driver_kick(struct driver *d, unsigned queue)
{
	d->queues[queue].kicked_idx = d->queues[queue].avail_idx;
	driver_write(d, VIRTIO_MMIO_QUEUE_NOTIFY, queue);
}

bool driver_kick_if_wanted(struct driver *d, unsigned queue)
{
	struct driver_queue *q = &d->queues[queue];
	uint16_t event = get_le16(d, q->used_gpa + 4 + 8 * (uint64_t)q->size);
	uint16_t new = q->avail_idx;

	if (d->dev->features & VIRTIO_FEATURE(VIRTIO_RING_F_EVENT_IDX)) {
		if ((uint16_t)(new - event - 1) >= (uint16_t)(new - q->kicked_idx)) {
			q->kicked_idx = new;
			return false;
		}
	} else if (get_le16(d, q->used_gpa) & VRING_USED_F_NO_NOTIFY) {
		return false;
	}
	driver_kick(d, queue);
	return true;
}

void driver_offer(struct driver *d, unsigned queue, uint16_t head)
{
	make_available(d, queue, head);
	driver_kick(d, queue);
}

uint16_t driver_device_used_idx(struct driver *d, unsigned queue)
{
	return get_le16(d, d->queues[queue].used_gpa + 2);
}

bool driver_collect(struct driver *d, unsigned queue, struct driver_used *used)
{
	struct driver_queue *q = &d->queues[queue];
	uint64_t at = q->used_gpa + 4 + 8 * (uint64_t)(q->used_idx & (q->size - 1));
	le32 wire[2];

	if (!q->size || driver_device_used_idx(d, queue) == q->used_idx)
		return false;
	memcpy(wire, driver_at(d, at, sizeof(wire)), sizeof(wire));
	used->id = le32_get(wire[0]);
	used->len = le32_get(wire[1]);
	q->used_idx++;
	return true;
}
