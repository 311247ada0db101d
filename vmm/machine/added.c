/*
 * Added processes. The guest can say nothing here that control.c has not checked.
 */
#include "vmm/machine/added.h"

#include <errno.h>
#include <signal.h>
#include <unistd.h>

#include "vmm/base/bytes.h"

/* The descriptors of a command while they are handed out. */
struct supply {
	const int *fds;
	unsigned count;
	unsigned next;
	bool short_of;
};

enum { PRIVATE_SHIFT = 8, SOCKET_SHIFT = 16 }; /* from a stream's flag to those of its kind */
static_assert(MACHINE_ADD_STDERR_PRIVATE == MACHINE_ADD_STDERR << PRIVATE_SHIFT, "flags");
static_assert(MACHINE_ADD_STDERR_SOCKET == MACHINE_ADD_STDERR << SOCKET_SHIFT, "flags");

static struct stream_fd take(struct supply *supply, uint32_t flags, uint32_t stream)
{
	struct stream_fd fd = { .fd = -1, .kind = STREAM_FD_TTY };

	if (!(flags & stream))
		return fd;
	if (supply->next == supply->count) {
		supply->short_of = true;
		return fd;
	}
	fd.fd = supply->fds[supply->next++];
	if (flags & stream << PRIVATE_SHIFT)
		fd.kind = STREAM_FD_NONBLOCKING;
	else if (flags & stream << SOCKET_SHIFT)
		fd.kind = STREAM_FD_SOCKET;
	return fd;
}

/* Fills the configurations of a slot's streams and returns their number. */
static size_t configure(struct stream_config configs[NACELLE_PORTS_ADDED], uint32_t slot,
			uint32_t flags, struct supply *supply)
{
	uint32_t port = NACELLE_PORT_ADDED_FIRST + slot * NACELLE_PORTS_ADDED;
	struct stream_fd record = take(supply, MACHINE_ADD_RECORD, MACHINE_ADD_RECORD);
	struct stream_fd in = take(supply, flags, MACHINE_ADD_STDIN);
	struct stream_fd out = take(supply, flags, MACHINE_ADD_STDOUT);
	struct stream_fd errors = take(supply, flags, MACHINE_ADD_STDERR);
	size_t count = 0;

	configs[count++] =
	    (struct stream_config){ .port = port, .directions = STREAM_IN, .in = record };
	if (flags & MACHINE_ADD_TERMINAL) {
		configs[count++] = (struct stream_config){
			.port = port + 1,
			.directions = STREAM_IN | STREAM_OUT,
			.in = in,
			.out = out,
		};
		return count;
	}
	if (flags & MACHINE_ADD_STDIN)
		configs[count++] =
		    (struct stream_config){ .port = port + 1, .directions = STREAM_IN, .in = in };
	if (flags & MACHINE_ADD_STDOUT)
		configs[count++] = (struct stream_config){ .port = port + 2,
							   .directions = STREAM_OUT,
							   .out = out };
	if (flags & MACHINE_ADD_STDERR)
		configs[count++] = (struct stream_config){ .port = port + 3,
							   .directions = STREAM_OUT,
							   .out = errors };
	return count;
}

static void send_exit(const struct added *added, uint32_t id, uint32_t kind, uint32_t code)
{
	const struct machine_event event = {
		.type = MACHINE_EVENT_APP_EXIT, .app = id, .kind = kind, .code = code
	};

	added->send(added->ctx, &event);
}

static bool find_slot(uint32_t id, uint32_t *slot)
{
	*slot = id - FRAME_ID_ADDED_FIRST;
	return id >= FRAME_ID_ADDED_FIRST && *slot < FRAME_ADDED_MAX;
}

static void on_ports(void *ctx, uint32_t slot, const uint32_t ports[NACELLE_PORTS_ADDED])
{
	struct added *added = ctx;

	streams_expect(added->streams, 1 + slot,
		       NACELLE_PORT_ADDED_FIRST + slot * NACELLE_PORTS_ADDED, ports,
		       NACELLE_PORTS_ADDED);
}

void added_start(struct added *added, const struct machine_command *command, const int *fds,
		 unsigned fd_count)
{
	struct supply supply = { .fds = fds, .count = fd_count };
	struct stream_config configs[NACELLE_PORTS_ADDED];
	struct error err = ERROR_NONE;
	uint32_t slot;
	size_t count;
	int code = 0;

	if (!find_slot(command->id, &slot) || added->slots[slot].used)
		code = EBUSY;
	count = configure(configs, slot, command->flags, &supply);
	/* The kernel hands over fewer when the table of descriptors is full. */
	if (!code && (supply.short_of || supply.next != fd_count))
		code = EMFILE;
	if (!code && streams_add(added->streams, 1 + slot, configs, count, &err) < 0)
		code = err.code ? err.code : EINVAL;
	if (code) {
		for (unsigned i = 0; i < fd_count; i++)
			close(fds[i]);
		send_exit(added, command->id, EXIT_KIND_INIT_FAILURE, (uint32_t)code);
		return;
	}
	added->slots[slot] = (struct added_slot){ .used = true };
	if (control_add(added->control, slot, command->app))
		return;
	/* The guest does not know of it: the slot ends by itself. */
	added->slots[slot].has_exited = true;
	added->slots[slot].exit = (struct machine_event){ .type = MACHINE_EVENT_APP_EXIT,
							  .app = command->id,
							  .kind = EXIT_KIND_INIT_FAILURE,
							  .code = ESHUTDOWN };
	virtio_device_lock(&added->control->vsock->device);
	streams_end(added->streams, 1 + slot);
	virtio_device_unlock(&added->control->vsock->device);
}

void added_hang_up(struct added *added, const struct machine_command *command)
{
	uint32_t slot;

	if (!find_slot(command->id, &slot) || !added->slots[slot].used)
		return;
	streams_hang_up(added->streams, 1 + slot);
	control_signal(added->control, command->id, SIGHUP);
}

bool added_hold(struct added *added, const struct machine_event *event)
{
	uint32_t slot;

	if (event->type != MACHINE_EVENT_APP_EXIT || !find_slot(event->app, &slot))
		return false;
	added->slots[slot].has_exited = true;
	added->slots[slot].exit = *event;
	streams_end(added->streams, 1 + slot);
	return true;
}

static void release(struct added *added, uint32_t slot)
{
	const struct machine_event exit = added->slots[slot].exit;

	control_release(added->control, slot);
	added->slots[slot] = (struct added_slot){ .used = false };
	added->send(added->ctx, &exit);
}

static void on_done(void *ctx, unsigned group)
{
	release(ctx, group - 1);
}

void added_flush(struct added *added)
{
	/* A vCPU that still runs may bring one more. */
	virtio_device_lock(&added->control->vsock->device);
	for (uint32_t slot = 0; slot < FRAME_ADDED_MAX; slot++)
		if (added->slots[slot].used && added->slots[slot].has_exited)
			added->send(added->ctx, &added->slots[slot].exit);
	virtio_device_unlock(&added->control->vsock->device);
}

void added_init(struct added *added, struct control *control, struct streams *streams,
		added_send_fn *send, void *ctx)
{
	*added = (struct added){ .control = control, .streams = streams, .send = send, .ctx = ctx };
	streams_on_done(streams, on_done, added);
	control_on_ports(control, on_ports, added);
}
