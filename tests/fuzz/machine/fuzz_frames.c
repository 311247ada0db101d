/*
 * Any guest on the control connection: its bytes cut into packets anywhere, its credit as it likes,
 * and orders to it in between. What comes out are the events of a guest that behaves, up to the
 * first fault.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/driver/vsock_guest.h"
#include "vmm/machine/control.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum {
	APPS = 5,
	SLOTS = 4,
	CONTAINER = 2 /* the slot of one */,
	MEMBERS = APPS + SLOTS,
	GUEST_PORT = 9
};

enum op {
	OP_BYTES, /* u8 count, bytes */
	OP_FRAME, /* u8 type, u8 words, each a byte */
	OP_SIGNAL,
	OP_WINSIZE,
	OP_STOP,   /* or, from 128 on: add to a slot, or release it */
	OP_CREDIT, /* u8 buf_alloc, u8 fwd_cnt */
	OP_CONNECT,
	OP_END, /* u8: reset or shutdown */
	OP_POST,
	OP_COUNT,
};

/* What has been reported so far. */
static struct {
	bool hello, over;
	bool started[MEMBERS], exited[MEMBERS], told[SLOTS], held[MEMBERS];
	unsigned count, added, restarts;
} seen;

static void require(bool good, const char *what)
{
	if (good)
		return;
	(void)fprintf(stderr, "control: %s\n", what);
	abort();
}

static void require_why(const struct machine_event *event)
{
	bool is_hook = event->step == START_STEP_HOOK || event->step == START_STEP_HOOK_LATE;

	require(event->step < START_STEPS && event->hook < (is_hook ? RECORD_HOOKS_MAX : 1),
		"a step that does not exist");
	require(event->step == START_STEP_HOOK || event->error <= 4095, "no errno value");
	require(event->kind == EXIT_KIND_NOT_STARTED || (!event->step && !event->error),
		"a reason without a failure");
}

static unsigned find_member(const struct control *control, uint32_t id)
{
	if (id < APPS)
		return id;
	require(id >= FRAME_ID_ADDED_FIRST && id < FRAME_ID_ADDED_FIRST + SLOTS,
		"an app that does not exist");
	require(control->added[id - FRAME_ID_ADDED_FIRST] != CONTROL_MEMBER_NONE, "a free slot");
	return APPS + id - FRAME_ID_ADDED_FIRST;
}

static void on_event(void *ctx, const struct machine_event *event)
{
	unsigned member = find_member(ctx, event->app);

	require(!seen.over, "an event after the last");
	require(++seen.count <= APPS + 2 * (APPS + seen.restarts) + 3 * seen.added + 3,
		"too many events");
	switch ((enum machine_event_type)event->type) {
	case MACHINE_EVENT_HELLO:
		require(!seen.hello, "a second HELLO");
		seen.hello = true;
		break;
	case MACHINE_EVENT_APP_START:
		require(seen.hello && !seen.started[member] && !seen.exited[member],
			"a start out of order");
		require(member < APPS || seen.told[member - APPS], "a start without ports");
		require(event->code >= 1 && event->code <= INT32_MAX, "no pid");
		seen.started[member] = true;
		break;
	case MACHINE_EVENT_APP_HELD:
		require(seen.hello && !seen.held[member] && !seen.started[member] &&
			    !seen.exited[member],
			"held out of order");
		require(member < APPS || (member - APPS == CONTAINER && seen.told[member - APPS]),
			"held, but no container");
		require(event->code >= 1 && event->code <= INT32_MAX, "no pid");
		seen.held[member] = true;
		break;
	case MACHINE_EVENT_APP_EXIT:
		require(seen.hello && !seen.exited[member], "an exit out of order");
		require(event->kind >= EXIT_KIND_CODE && event->kind <= EXIT_KIND_INIT_FAILURE &&
			    event->code <= 4095 && event->flags <= 3,
			"an exit out of range");
		require_why(event);
		seen.exited[member] = true;
		break;
	case MACHINE_EVENT_APP_RESTART:
		require(member < APPS && seen.started[member] && !seen.exited[member],
			"a restart out of order");
		require(event->kind <= EXIT_KIND_SIGNAL && event->code <= UINT8_MAX && event->count,
			"a restart out of range");
		seen.started[member] = false;
		seen.restarts++;
		break;
	case MACHINE_EVENT_POD_EXIT:
		require(seen.hello, "an end before HELLO");
		require(event->kind >= EXIT_KIND_CODE && event->kind <= EXIT_KIND_INIT_FAILURE &&
			    event->code <= 4095,
			"an end out of range");
		seen.over = true;
		break;
	case MACHINE_EVENT_PROTOCOL_ERROR:
		require(event->code >= CONTROL_FAULT_CLOSED && event->code <= CONTROL_FAULT_ORDER,
			"an unknown fault");
		seen.over = true;
		break;
	default:
		require(false, "an unknown event");
	}
}

static void on_ports(void *ctx, uint32_t slot, const uint32_t ports[NACELLE_PORTS_ADDED])
{
	const struct control *control = ctx;

	(void)ports;
	require(slot < SLOTS && control->added[slot] != CONTROL_MEMBER_NONE, "a free slot's ports");
	require(!seen.told[slot] && !seen.started[APPS + slot], "ports out of order");
	seen.told[slot] = true;
}

static void send_packet(struct vguest *g, struct vguest_packet packet)
{
	packet.guest_port = GUEST_PORT;
	packet.host_port = NACELLE_PORT_CONTROL;
	if (!packet.buf_alloc)
		packet.buf_alloc = 4096;
	if (vguest_unsent(g) < 32)
		vguest_send(g, &packet);
}

static void op_frame(struct vguest *g, struct cursor *in)
{
	uint8_t type = cursor_u8(in);
	unsigned count = cursor_u8(in) % 8;
	le32 wire[10] = { le32_make(type), le32_make(4 * count) };

	for (unsigned i = 0; i < count; i++) {
		uint32_t word = cursor_u8(in);

		/* The last numbers of a byte stand for added processes, one more than there are. */
		if (i == 0 && word >= UINT8_MAX - SLOTS)
			word += FRAME_ID_ADDED_FIRST - (UINT8_MAX - SLOTS);
		wire[2 + i] = le32_make(word);
	}
	send_packet(
	    g, (struct vguest_packet){ .op = VSOCK_OP_RW, .data = wire, .len = 8 + 4 * count });
}

static void op_slot(struct control *control, uint32_t slot)
{
	unsigned member = APPS + slot;

	if (control->added[slot] == CONTROL_MEMBER_NONE) {
		seen.started[member] = seen.exited[member] = seen.told[slot] = false;
		seen.held[member] = false;
		seen.added++;
		if (!control_add(control, slot, slot == CONTAINER ? FRAME_ALL_APPS : slot % APPS))
			require(control->added[slot] == CONTROL_MEMBER_NONE, "a slot is lost");
	} else if (control->added[slot] == CONTROL_MEMBER_EXITED) {
		control_release(control, slot);
	}
}

static void run_op(struct vguest *g, struct control *control, uint8_t op, struct cursor *in)
{
	struct vsock_header header;
	const void *bytes;
	size_t count;

	switch ((enum op)(op % OP_COUNT)) {
	case OP_BYTES:
		count = cursor_u8(in);
		if (count > cursor_left(in))
			count = cursor_left(in);
		bytes = cursor_take(in, count);
		send_packet(g, (struct vguest_packet){
				   .op = VSOCK_OP_RW, .data = bytes, .len = (uint32_t)count });
		break;
	case OP_FRAME:
		op_frame(g, in);
		break;
	case OP_SIGNAL:
		(void)control_signal(control, op / 16, cursor_u8(in));
		break;
	case OP_WINSIZE:
		(void)control_winsize(control, op / 16, cursor_u8(in), 80);
		(void)control_clock(control);
		(void)control_start(control, op / 16);
		break;
	case OP_STOP:
		if (op < 128)
			(void)control_stop(control, op);
		else
			op_slot(control, op / 16 % SLOTS);
		break;
	case OP_CREDIT:
		send_packet(g, (struct vguest_packet){ .op = VSOCK_OP_CREDIT_UPDATE,
						       .buf_alloc = cursor_u8(in),
						       .fwd_cnt = cursor_u8(in) });
		break;
	case OP_CONNECT:
		send_packet(g, (struct vguest_packet){ .op = VSOCK_OP_REQUEST });
		break;
	case OP_END:
		send_packet(g, (struct vguest_packet){ .op = cursor_u8(in) & 1 ? VSOCK_OP_RST
									       : VSOCK_OP_SHUTDOWN,
						       .flags = op / 16 });
		break;
	case OP_POST:
		if ((uint16_t)(g->d.queues[VSOCK_QUEUE_RX].avail_idx -
			       driver_device_used_idx(&g->d, VSOCK_QUEUE_RX)) <= 60)
			vguest_post(g, 4);
		while (vguest_receive(g, &header))
			continue;
		break;
	case OP_COUNT:
		break;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct cursor in = cursor_make(data, size);
	struct control control;
	struct vguest g;

	memset(&seen, 0, sizeof(seen));
	vguest_init(&g, control_accept, &control);
	control_init(&control, g.vsock, APPS, on_event, &control);
	control_on_ports(&control, on_ports, &control);
	vguest_post(&g, 8);
	send_packet(&g, (struct vguest_packet){ .op = VSOCK_OP_REQUEST });
	for (unsigned i = 0; i < 100 && cursor_left(&in) > 0; i++)
		run_op(&g, &control, cursor_u8(&in), &in);
	vguest_fini(&g);
	return 0;
}
