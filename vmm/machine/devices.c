/*
 * The devices of one machine and the address decoder in front of them. Addresses, lengths and
 * values come from the guest; the tables are fixed before it runs.
 */
#include "vmm/machine/devices.h"

#include <errno.h>
#include <linux/virtio_config.h>
#include <linux/virtio_mmio.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "guest-init/protocol.h"
#include "vmm/base/bytes.h"
#include "vmm/machine/ram.h"

enum {
	DISK_BLOCK_BYTES = 512,
	UART_LINE_CONTROL = 3, /* register of a 16550 */
	UART_DIVISOR = 0x80,   /* its bit 7: the data register is the divisor's */
};

unsigned devices_count(const struct plan *plan)
{
	unsigned count = 3 + plan->disk_count + plan->net_count + (plan->console_fd >= 0);

	for (unsigned i = 0; i < PLAN_FILES; i++)
		count += plan->files[i].socket >= 0;
	return count;
}

static void raise_line(void *context)
{
	const struct devices_line *line = context;

	ioapic_raise(line->ioapic, line->pin);
}

/* The order of slots is the order in which Linux finds the devices: disks stay vda, vdb, ... */
static void plug(struct devices *devices, struct virtio_device *device)
{
	unsigned slot = devices->slot_count++;

	devices->lines[slot] = (struct devices_line){ &devices->ioapic, slot };
	virtio_device_connect(device, raise_line, &devices->lines[slot]);
	virtio_mmio_init(&devices->slots[slot]);
	virtio_mmio_plug(&devices->slots[slot], device);
}

static void plug_disk(struct devices *devices, const struct plan_disk *disk, unsigned index,
		      const struct gmem *memory)
{
	const char id[] = { 'v', 'd', (char)('a' + index), '\0' };
	const struct virtio_blk_params params = {
		.fd = disk->fd,
		.size_bytes = disk->size_bytes,
		.read_only = disk->read_only,
		.block_bytes = DISK_BLOCK_BYTES,
		.id = id,
	};

	virtio_blk_init(&devices->disks[index], memory, &params);
	plug(devices, &devices->disks[index].dev);
}

static void on_net(struct loop_fd *member, uint32_t events)
{
	struct devices_net_pair *pair = container_of(member, struct devices_net_pair, member);

	/* An error is news to both sides, and to either when it listens alone. */
	virtio_net_ready(&pair->net->net, (unsigned)(pair - pair->net->pairs),
			 events & ~(uint32_t)EPOLLOUT, events & ~(uint32_t)EPOLLIN);
}

/* The device's lock, which is held here, keeps two threads from doing this at once. */
static void watch_net(void *context, unsigned pair, bool readable, bool writable)
{
	struct devices_net *net = context;

	loop_fd_modify(&net->pairs[pair].member,
		       (readable ? EPOLLIN : 0) | (writable ? EPOLLOUT : 0));
}

static int plug_net(struct devices *devices, const struct plan_net *plan, struct devices_net *net,
		    const struct gmem *memory, struct loop *loop, struct error *err)
{
	bool stream = plan->kind == PLAN_NET_STREAM;
	struct virtio_net_params params = {
		.backend = stream ? &virtio_net_stream : &virtio_net_tap,
		.pairs = plan->pairs,
		.segments_udp = plan->segments_udp,
		.watch = watch_net,
		.watch_ctx = net,
		.mtu = plan->mtu,
	};

	for (unsigned i = 0; i < plan->pairs; i++) {
		net->pairs[i].net = net;
		net->pairs[i].fd = plan->fds[i];
		params.backend_ctx[i] = stream ? (void *)&net->stream : &net->pairs[i].fd;
	}
	virtio_net_stream_init(&net->stream, plan->fds[0]);
	memcpy(params.mac, plan->mac, sizeof(params.mac));
	virtio_net_init(&net->net, memory, &params);
	plug(devices, &net->net.dev);
	for (unsigned i = 0; i < plan->pairs; i++)
		if (loop_fd_add(loop, &net->pairs[i].member, plan->fds[i], 0, on_net, err) < 0)
			return -1;
	return 0;
}

static void on_files(struct loop_fd *member, uint32_t events)
{
	struct devices_files *files = container_of(member, struct devices_files, member);

	(void)events;
	/* Without its server the device is broken; the supervisor learns of it by itself. */
	if (virtio_p9_ready(&files->p9) < 0)
		loop_fd_remove(member);
}

static void on_console(struct loop_fd *member, uint32_t events)
{
	struct devices *devices = container_of(member, struct devices, console_out);

	(void)events;
	virtio_console_flush(&devices->console);
}

/* A terminal or socket of the user's may block, and must not hold up the guest, nor the loop. */
static ssize_t write_console(void *context, const void *data, size_t len)
{
	struct devices *devices = context;

	return stream_fd_write(devices->console_out.fd, devices->console_kind, data, len);
}

static int plug_console(struct devices *devices, const struct plan *plan, const struct gmem *memory,
			struct loop *loop, struct error *err)
{
	devices->has_console = true;
	virtio_console_init(&devices->console, memory, write_console, devices, true);
	plug(devices, &devices->console.dev);
	if (loop_fd_add(loop, &devices->console_out, plan->console_fd, EPOLLOUT | EPOLLET,
			on_console, err) < 0)
		return -1;
	devices->console_kind = stream_fd_kind(plan->console_fd, plan->console_private,
					       devices->console_out.always_fd >= 0);
	return 0;
}

static int plug_p9(struct devices *devices, const struct plan *plan, enum plan_files_kind kind,
		   const struct gmem *memory, struct loop *loop, struct error *err)
{
	static const char *const tags[] = {
		[PLAN_FILES_CHANGING] = RECORD_P9_TAG,
		[PLAN_FILES_CACHED] = RECORD_P9_TAG_CACHED,
	};
	struct devices_files *files = &devices->files[kind];
	int socket = plan->files[kind].socket;

	if (virtio_p9_init(&files->p9, memory, tags[kind], socket, plan->files[kind].memory, err) <
	    0)
		return -1;
	plug(devices, &files->p9.dev);
	return loop_fd_add(loop, &files->member, socket, EPOLLIN, on_files, err);
}

int devices_init(struct devices *devices, const struct plan *plan, const struct gmem *memory,
		 struct loop *loop, vsock_accept_fn *accept, void *accept_context,
		 ioapic_send *send, void *send_context, struct error *err)
{
	ioapic_init(&devices->ioapic, devices_count(plan) + 1, send, send_context);
	if (getrandom(devices->generation_id, sizeof(devices->generation_id), 0) < 0)
		return error_set(err, errno, "no random bytes for the VM generation id");
	/* Zeroed pages of the kernel's, touched as connections come. */
	devices->vsock = calloc(1, sizeof(*devices->vsock));
	if (!devices->vsock)
		return error_set(err, ENOMEM, "no memory for the vsock device");
	vsock_init(devices->vsock, memory, VSOCK_CID_GUEST, accept, accept_context);
	plug(devices, &devices->vsock->device);
	virtio_rng_init(&devices->rng, memory, virtio_rng_getrandom, NULL);
	plug(devices, &devices->rng.dev);
	for (unsigned i = 0; i < plan->disk_count; i++)
		plug_disk(devices, &plan->disks[i], i, memory);
	if (plan->net_count) {
		devices->nets = calloc(plan->net_count, sizeof(*devices->nets));
		if (!devices->nets)
			return error_set(err, ENOMEM, "no memory for the network devices");
	}
	devices->net_count = plan->net_count;
	for (unsigned i = 0; i < plan->net_count; i++)
		if (plug_net(devices, &plan->nets[i], &devices->nets[i], memory, loop, err) < 0)
			return -1;
	for (unsigned i = 0; i < PLAN_FILES; i++)
		if (plan->files[i].socket >= 0 &&
		    plug_p9(devices, plan, (enum plan_files_kind)i, memory, loop, err) < 0)
			return -1;
	if (plan->console_fd >= 0 && plug_console(devices, plan, memory, loop, err) < 0)
		return -1;
	virtio_balloon_init(&devices->balloon, memory, ram_discard, NULL);
	plug(devices, &devices->balloon.dev);
	return 0;
}

/* The slot whose window the address lies in, or NULL. */
static struct virtio_mmio *find_slot(struct devices *devices, uint64_t gpa, uint64_t *offset)
{
	uint64_t slot;

	if (gpa < LAYOUT_VIRTIO)
		return NULL;
	slot = (gpa - LAYOUT_VIRTIO) / LAYOUT_VIRTIO_STRIDE;
	*offset = (gpa - LAYOUT_VIRTIO) % LAYOUT_VIRTIO_STRIDE;
	return slot < devices->slot_count ? &devices->slots[slot] : NULL;
}

/* The device's ID if its driver is ready by this write; little-endian, and written as a whole. */
static unsigned write_slot(struct virtio_mmio *slot, uint64_t offset, const void *data,
			   unsigned len_bytes)
{
	const uint8_t *status = data;
	bool is_ready = offset == VIRTIO_MMIO_STATUS && len_bytes == sizeof(uint32_t) &&
			(*status & VIRTIO_CONFIG_S_DRIVER_OK);

	virtio_mmio_write(slot, offset, data, len_bytes);
	return is_ready ? slot->dev->device_id : 0;
}

void devices_read(struct devices *devices, uint64_t gpa, void *data, unsigned len_bytes)
{
	uint64_t offset;
	struct virtio_mmio *slot = find_slot(devices, gpa, &offset);

	if (slot)
		virtio_mmio_read(slot, offset, data, len_bytes);
	else if (gpa >= LAYOUT_IOAPIC && gpa - LAYOUT_IOAPIC < IOAPIC_SIZE_BYTES)
		ioapic_read(&devices->ioapic, gpa - LAYOUT_IOAPIC, data, len_bytes);
	else if (gpa >= LAYOUT_VMGENID && gpa - LAYOUT_VMGENID < LAYOUT_VMGENID_BYTES &&
		 len_bytes <= LAYOUT_VMGENID_BYTES - (gpa - LAYOUT_VMGENID))
		memcpy(data, devices->generation_id + (gpa - LAYOUT_VMGENID), len_bytes);
	else
		memset(data, 0xff, len_bytes);
}

unsigned devices_write(struct devices *devices, uint64_t gpa, const void *data, unsigned len_bytes)
{
	uint64_t offset;
	struct virtio_mmio *slot = find_slot(devices, gpa, &offset);

	if (slot)
		return write_slot(slot, offset, data, len_bytes);
	if (gpa >= LAYOUT_IOAPIC && gpa - LAYOUT_IOAPIC < IOAPIC_SIZE_BYTES)
		ioapic_write(&devices->ioapic, gpa - LAYOUT_IOAPIC, data, len_bytes);
	return 0;
}

static_assert(LAYOUT_VIRTIO_PORTS + DEVICES_SLOTS_MAX * VIRTIO_MMIO_WINDOW_BYTES <= UINT16_MAX,
	      "every slot has its ports");

static struct virtio_mmio *find_port_slot(struct devices *devices, uint16_t port, uint64_t *offset)
{
	unsigned at, slot;

	if (port < LAYOUT_VIRTIO_PORTS)
		return NULL;
	at = (unsigned)(port - LAYOUT_VIRTIO_PORTS);
	slot = at / VIRTIO_MMIO_WINDOW_BYTES;
	*offset = at % VIRTIO_MMIO_WINDOW_BYTES;
	return slot < devices->slot_count ? &devices->slots[slot] : NULL;
}

void devices_port_read(struct devices *devices, uint16_t port, void *data, unsigned len_bytes)
{
	uint64_t offset;
	struct virtio_mmio *slot = find_port_slot(devices, port, &offset);

	if (slot)
		virtio_mmio_read(slot, offset, data, len_bytes);
	else
		memset(data, 0xff, len_bytes);
}

static void put_early(struct devices *devices, uint16_t port, uint8_t value)
{
	if (port == LAYOUT_EARLY_CONSOLE + UART_LINE_CONTROL)
		__atomic_store_n(&devices->line_control, value, __ATOMIC_RELAXED);
	else if (port == LAYOUT_EARLY_CONSOLE &&
		 !(__atomic_load_n(&devices->line_control, __ATOMIC_RELAXED) & UART_DIVISOR))
		virtio_console_put(&devices->console, value);
}

unsigned devices_port_write(struct devices *devices, uint16_t port, const void *data,
			    unsigned len_bytes)
{
	uint64_t offset;
	struct virtio_mmio *slot = find_port_slot(devices, port, &offset);

	if (slot)
		return write_slot(slot, offset, data, len_bytes);
	if (devices->has_console)
		put_early(devices, port, *(const uint8_t *)data);
	return 0;
}

void devices_set_link(struct devices *devices, unsigned net, const uint8_t mac[6], uint16_t mtu)
{
	if (net < devices->net_count)
		virtio_net_set_link(&devices->nets[net].net, mac, mtu);
}

void devices_pause(struct devices *devices)
{
	for (unsigned i = 0; i < devices->slot_count; i++)
		virtio_device_pause(devices->slots[i].dev);
}

void devices_resume(struct devices *devices)
{
	for (unsigned i = 0; i < devices->slot_count; i++)
		virtio_device_resume(devices->slots[i].dev);
}

void devices_catch_up(struct devices *devices)
{
	for (unsigned i = 0; i < devices->slot_count; i++)
		virtio_device_catch_up(devices->slots[i].dev);
}
