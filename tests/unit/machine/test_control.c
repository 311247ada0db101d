/*
 * The control connection: frames that are good, cut anywhere, out of order and wrong, and frames to
 * the guest that wait.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "tests/driver/vsock_guest.h"
#include "vmm/machine/control.h"

enum { APPS = 3, GUEST_PORT = 1000, EVENTS_MAX = 64 };

static struct {
	struct vguest g;
	struct control control;
	struct machine_event events[EVENTS_MAX];
	unsigned event_count;
	uint32_t guest_fwd_cnt;
} t;

static void on_event(void *ctx, const struct machine_event *event)
{
	assert_ptr_equal(ctx, &t);
	assert_true(t.event_count < EVENTS_MAX);
	t.events[t.event_count++] = *event;
}

static int setup(void **state)
{
	(void)state;
	memset(&t, 0, sizeof(t));
	vguest_init(&t.g, control_accept, &t.control);
	control_init(&t.control, t.g.vsock, APPS, on_event, &t);
	vguest_post(&t.g, 16);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	vguest_fini(&t.g);
	return 0;
}

static void packet(uint16_t op, const void *data, size_t len)
{
	vguest_send(&t.g, &(struct vguest_packet){ .guest_port = GUEST_PORT,
						   .host_port = NACELLE_PORT_CONTROL,
						   .op = op,
						   .buf_alloc = 4096,
						   .fwd_cnt = t.guest_fwd_cnt,
						   .data = data,
						   .len = (uint32_t)len });
}

static void expect_op(uint16_t op)
{
	struct vsock_header header;

	assert_true(vguest_receive(&t.g, &header));
	assert_int_equal(le16_get(header.op), op);
}

static void connect_guest(void)
{
	packet(VSOCK_OP_REQUEST, NULL, 0);
	expect_op(VSOCK_OP_RESPONSE);
}

/* Writes a frame of 32-bit words to out and returns its length. */
static size_t frame(uint8_t *out, uint32_t type, const uint32_t *words, size_t count)
{
	le32 wire[16] = { le32_make(type), le32_make((uint32_t)(4 * count)) };

	assert_true(count + 2 <= ARRAY_SIZE(wire));
	for (size_t i = 0; i < count; i++)
		wire[2 + i] = le32_make(words[i]);
	memcpy(out, wire, 8 + 4 * count);
	return 8 + 4 * count;
}

#define WORDS(...) (const uint32_t[]){ __VA_ARGS__ }, sizeof((uint32_t[]){ __VA_ARGS__ }) / 4

static void send_frame(uint32_t type, const uint32_t *words, size_t count)
{
	uint8_t bytes[64];

	packet(VSOCK_OP_RW, bytes, frame(bytes, type, words, count));
}

static void expect_whole(const struct machine_event *want)
{
	assert_true(t.event_count > 0);
	assert_memory_equal(&t.events[0], want, sizeof(*want));
	memmove(t.events, t.events + 1, --t.event_count * sizeof(t.events[0]));
}

static void expect_event(uint32_t type, uint32_t app, uint32_t kind, uint32_t code, uint32_t flags)
{
	struct machine_event want = {
		.type = type, .app = app, .kind = kind, .code = code, .flags = flags
	};

	expect_whole(&want);
}

static void say_hello(void)
{
	connect_guest();
	send_frame(FRAME_HELLO, WORDS(PROTOCOL_VERSION_MAJOR, 5));
	expect_event(MACHINE_EVENT_HELLO, 0, 0, 5, 0);
}

static void expect_fault(uint32_t why)
{
	expect_event(MACHINE_EVENT_PROTOCOL_ERROR, 0, 0, why, 0);
	expect_op(VSOCK_OP_RST);
	assert_int_equal(t.event_count, 0);
	assert_int_equal(t.g.vsock->conn_count, 0);
}

static void test_life_of_a_pod(void **state)
{
	(void)state;
	say_hello();
	send_frame(FRAME_APP_START, WORDS(0, 42));
	expect_event(MACHINE_EVENT_APP_START, 0, 0, 42, 0);
	send_frame(FRAME_APP_EXIT, WORDS(1, EXIT_KIND_NOT_STARTED, 127, 0, 0));
	expect_event(MACHINE_EVENT_APP_EXIT, 1, EXIT_KIND_NOT_STARTED, 127, 0);
	send_frame(FRAME_APP_EXIT, WORDS(0, EXIT_KIND_SIGNAL, 9, EXIT_FLAG_OOM, 0));
	expect_event(MACHINE_EVENT_APP_EXIT, 0, EXIT_KIND_SIGNAL, 9, EXIT_FLAG_OOM);
	assert_int_equal(t.control.conn->consumed, t.control.conn->received);
	send_frame(FRAME_POD_EXIT, WORDS(EXIT_KIND_CODE, 3));
	expect_event(MACHINE_EVENT_POD_EXIT, 0, EXIT_KIND_CODE, 3, 0);
	/* Nothing counts after it, not even nonsense, and the end is no fault. */
	send_frame(FRAME_POD_EXIT, WORDS(EXIT_KIND_CODE, 4));
	send_frame(99, WORDS(1));
	packet(VSOCK_OP_RST, NULL, 0);
	assert_int_equal(t.event_count, 0);
	assert_false(control_stop(&t.control, 7000));
}

static void test_not_started(void **state)
{
	static const struct {
		uint8_t step, hook;
		uint16_t error;
	} good[] = {
		{ START_STEP_OTHER, 0, 0 },	 { START_STEP_WORKDIR, 0, ENOENT },
		{ START_STEP_PROGRAM, 0, 4095 }, { START_STEP_HOOK, RECORD_HOOKS_MAX - 1, 0xffff },
		{ START_STEP_HOOK_LATE, 3, 0 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		const struct machine_event want = { .type = MACHINE_EVENT_APP_EXIT,
						    .app = 1,
						    .kind = EXIT_KIND_NOT_STARTED,
						    .code = 126,
						    .step = good[i].step,
						    .hook = good[i].hook,
						    .error = good[i].error };

		control_init(&t.control, t.g.vsock, APPS, on_event, &t);
		t.guest_fwd_cnt = 0;
		vguest_post(&t.g, 4);
		say_hello();
		send_frame(FRAME_APP_EXIT, WORDS(1, EXIT_KIND_NOT_STARTED, 126, 0,
						 good[i].step | (uint32_t)good[i].hook << 8 |
						     (uint32_t)good[i].error << 16));
		expect_whole(&want);
		packet(VSOCK_OP_RST, NULL, 0);
		t.event_count = 0;
	}
}

static void test_cut_anywhere(void **state)
{
	uint8_t bytes[128];
	size_t len = 0;

	(void)state;
	len += frame(bytes, FRAME_HELLO, WORDS(PROTOCOL_VERSION_MAJOR, 0));
	len += frame(bytes + len, FRAME_APP_START, WORDS(2, 7));
	len += frame(bytes + len, FRAME_APP_EXIT, WORDS(2, EXIT_KIND_CODE, 255, EXIT_FLAG_CORE, 0));
	len += frame(bytes + len, FRAME_POD_EXIT, WORDS(EXIT_KIND_INIT_FAILURE, 12));
	for (size_t cut = 0; cut <= len; cut++) {
		packet(VSOCK_OP_RST, NULL, 0);
		t.event_count = 0;
		control_init(&t.control, t.g.vsock, APPS, on_event, &t);
		connect_guest();
		vguest_post(&t.g, 1);
		packet(VSOCK_OP_RW, bytes, cut);
		packet(VSOCK_OP_RW, bytes + cut, len - cut);
		assert_int_equal(t.event_count, 4);
		expect_event(MACHINE_EVENT_HELLO, 0, 0, 0, 0);
		expect_event(MACHINE_EVENT_APP_START, 2, 0, 7, 0);
		expect_event(MACHINE_EVENT_APP_EXIT, 2, EXIT_KIND_CODE, 255, EXIT_FLAG_CORE);
		expect_event(MACHINE_EVENT_POD_EXIT, 0, EXIT_KIND_INIT_FAILURE, 12, 0);
	}
}

static void test_second_connection(void **state)
{
	(void)state;
	connect_guest();
	vguest_send(&t.g, &(struct vguest_packet){ .guest_port = 7,
						   .host_port = NACELLE_PORT_CONTROL,
						   .op = VSOCK_OP_REQUEST });
	expect_op(VSOCK_OP_RST);
	vguest_send(&t.g, &(struct vguest_packet){
			      .guest_port = 7, .host_port = 2, .op = VSOCK_OP_REQUEST });
	expect_op(VSOCK_OP_RST);
	assert_int_equal(t.g.vsock->conn_count, 1);
	assert_int_equal(t.event_count, 0);
}

static void test_closed_early(void **state)
{
	(void)state;
	say_hello();
	packet(VSOCK_OP_RST, NULL, 0);
	expect_event(MACHINE_EVENT_PROTOCOL_ERROR, 0, 0, CONTROL_FAULT_CLOSED, 0);
	assert_false(control_signal(&t.control, 0, 15));
	/* It does not come back. */
	packet(VSOCK_OP_REQUEST, NULL, 0);
	expect_op(VSOCK_OP_RST);
}

static void test_shutdown_early(void **state)
{
	(void)state;
	say_hello();
	vguest_send(&t.g, &(struct vguest_packet){ .guest_port = GUEST_PORT,
						   .host_port = NACELLE_PORT_CONTROL,
						   .op = VSOCK_OP_SHUTDOWN,
						   .flags = VSOCK_SHUTDOWN_BOTH });
	expect_fault(CONTROL_FAULT_CLOSED);
}

/* VQ-50: each is the first frame after HELLO (or instead of it) and ends the connection. */
static void test_wrong_frames(void **state)
{
	static const struct {
		bool after_hello;
		uint32_t why;
		uint32_t words[8]; /* type, length, payload */
	} wrong[] = {
		{ false, CONTROL_FAULT_VERSION, { FRAME_HELLO, 8, PROTOCOL_VERSION_MAJOR + 1, 0 } },
		{ false, CONTROL_FAULT_NO_HELLO, { FRAME_POD_EXIT, 8, 1, 0 } },
		{ true, CONTROL_FAULT_NO_HELLO, { FRAME_HELLO, 8, 1, 0 } },
		{ true, CONTROL_FAULT_FRAME, { FRAME_HELLO, UINT32_MAX } },
		{ true, CONTROL_FAULT_FRAME, { FRAME_APP_START, 0 } },
		{ true, CONTROL_FAULT_FRAME, { FRAME_APP_START, 7 } },
		{ true, CONTROL_FAULT_FRAME, { FRAME_APP_EXIT, 16, 0, 1, 0, 0 } },
		{ true, CONTROL_FAULT_FRAME, { FRAME_APP_EXIT, 21 } },
		{ true, CONTROL_FAULT_FRAME, { 0, 8 } },
		{ true, CONTROL_FAULT_FRAME, { 5, 8 } },
		{ true, CONTROL_FAULT_FRAME, { UINT32_MAX, UINT32_MAX } },
		{ true, CONTROL_FAULT_FRAME, { FRAME_SIGNAL, 8 } },
		{ true, CONTROL_FAULT_CONTENT, { FRAME_APP_START, 8, APPS, 1 } },
		{ true, CONTROL_FAULT_CONTENT, { FRAME_APP_START, 8, UINT32_MAX, 1 } },
		{ true, CONTROL_FAULT_CONTENT, { FRAME_APP_START, 8, 0, 0 } },
		{ true, CONTROL_FAULT_CONTENT, { FRAME_APP_START, 8, 0, 0x80000000 } },
		{ true, CONTROL_FAULT_CONTENT, { FRAME_APP_EXIT, 20, APPS, 1, 0, 0 } },
		{ true, CONTROL_FAULT_CONTENT, { FRAME_APP_EXIT, 20, 0, 0, 0, 0 } },
		{ true, CONTROL_FAULT_CONTENT, { FRAME_APP_EXIT, 20, 0, 5, 0, 0 } },
		{ true, CONTROL_FAULT_CONTENT, { FRAME_APP_EXIT, 20, 0, 3, 125, 0 } },
		{ true, CONTROL_FAULT_CONTENT, { FRAME_APP_EXIT, 20, 0, 3, 127, 4 } },
		/* Why it has not started: steps, hooks and errors that there are. */
		{ true, CONTROL_FAULT_CONTENT, { FRAME_APP_EXIT, 20, 0, 1, 0, 0, 1 } },
		{ true, CONTROL_FAULT_CONTENT, { FRAME_APP_EXIT, 20, 0, 2, 9, 0, 1 << 16 } },
		{ true, CONTROL_FAULT_CONTENT, { FRAME_APP_EXIT, 20, 0, 3, 126, 0, START_STEPS } },
		{ true, CONTROL_FAULT_CONTENT, { FRAME_APP_EXIT, 20, 0, 3, 126, 0, 4096 << 16 } },
		{ true, CONTROL_FAULT_CONTENT, { FRAME_APP_EXIT, 20, 0, 3, 126, 0, 1 << 8 } },
		{ true,
		  CONTROL_FAULT_CONTENT,
		  { FRAME_APP_EXIT, 20, 0, 3, 126, 0, START_STEP_HOOK | RECORD_HOOKS_MAX << 8 } },
		{ true,
		  CONTROL_FAULT_CONTENT,
		  { FRAME_APP_EXIT, 20, 0, 3, 126, 0, START_STEP_HOOK_LATE | 1 << 16 } },
		{ true, CONTROL_FAULT_CONTENT, { FRAME_POD_EXIT, 8, 1, 256 } },
		{ true, CONTROL_FAULT_CONTENT, { FRAME_POD_EXIT, 8, 2, 0 } },
		{ true, CONTROL_FAULT_CONTENT, { FRAME_POD_EXIT, 8, 2, 65 } },
		{ true, CONTROL_FAULT_CONTENT, { FRAME_POD_EXIT, 8, 4, 4096 } },
		{ true, CONTROL_FAULT_ORDER, { FRAME_APP_EXIT, 20, 0, 1, 0, 0 } },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
		le32 wire[8];

		for (size_t w = 0; w < ARRAY_SIZE(wire); w++)
			wire[w] = le32_make(wrong[i].words[w]);
		control_init(&t.control, t.g.vsock, APPS, on_event, &t);
		vguest_post(&t.g, 2);
		if (wrong[i].after_hello)
			say_hello();
		else
			connect_guest();
		packet(VSOCK_OP_RW, wire, sizeof(wire));
		expect_fault(wrong[i].why);
		assert_int_equal(t.control.state, CONTROL_ENDED);
	}
}

static void test_twice(void **state)
{
	(void)state;
	say_hello();
	send_frame(FRAME_APP_START, WORDS(1, 42));
	expect_event(MACHINE_EVENT_APP_START, 1, 0, 42, 0);
	send_frame(FRAME_APP_START, WORDS(1, 43));
	expect_fault(CONTROL_FAULT_ORDER);

	control_init(&t.control, t.g.vsock, APPS, on_event, &t);
	say_hello();
	send_frame(FRAME_APP_EXIT, WORDS(1, EXIT_KIND_NOT_STARTED, 126, 0, 0));
	expect_event(MACHINE_EVENT_APP_EXIT, 1, EXIT_KIND_NOT_STARTED, 126, 0);
	send_frame(FRAME_APP_START, WORDS(1, 43));
	expect_fault(CONTROL_FAULT_ORDER);

	control_init(&t.control, t.g.vsock, APPS, on_event, &t);
	say_hello();
	send_frame(FRAME_APP_START, WORDS(1, 42));
	expect_event(MACHINE_EVENT_APP_START, 1, 0, 42, 0);
	send_frame(FRAME_APP_EXIT, WORDS(1, EXIT_KIND_NOT_STARTED, 126, 0, 0));
	expect_fault(CONTROL_FAULT_ORDER);
}

static void expect_frame(uint32_t type, const uint32_t *words, size_t count)
{
	uint8_t want[64];
	size_t len = frame(want, type, words, count);

	expect_op(VSOCK_OP_RW);
	assert_memory_equal(t.g.payload, want, len);
	t.guest_fwd_cnt += (uint32_t)len;
}

static void test_frames_to_the_guest(void **state)
{
	(void)state;
	/* Before the guest is there: kept in order, the same signal once, the last window size. */
	assert_true(control_winsize(&t.control, 0, 24, 80));
	assert_true(control_signal(&t.control, FRAME_ALL_APPS, 15));
	assert_true(control_signal(&t.control, 0, 2));
	assert_true(control_signal(&t.control, FRAME_ALL_APPS, 15));
	assert_true(control_winsize(&t.control, 1, 1, 1));
	assert_true(control_winsize(&t.control, 0, 25, 81));
	assert_true(control_stop(&t.control, 7000));
	assert_true(control_stop(&t.control, 7000));
	assert_true(control_clock(&t.control));
	connect_guest();
	assert_true(control_stop(&t.control, 500));
	assert_true(control_clock(&t.control));
	assert_int_equal(t.control.out_count, 6);
	send_frame(FRAME_HELLO, WORDS(PROTOCOL_VERSION_MAJOR, 0));
	expect_frame(FRAME_WINSIZE, WORDS(0, 81 << 16 | 25));
	expect_frame(FRAME_SIGNAL, WORDS(FRAME_ALL_APPS, 15));
	expect_frame(FRAME_SIGNAL, WORDS(0, 2));
	expect_frame(FRAME_WINSIZE, WORDS(1, 1 << 16 | 1));
	expect_frame(FRAME_STOP, WORDS(500));
	expect_frame(FRAME_CLOCK, NULL, 0);
	/* Then at once. */
	assert_true(control_signal(&t.control, 2, 1));
	expect_frame(FRAME_SIGNAL, WORDS(2, 1));
}

static void test_queue_is_bounded(void **state)
{
	uint32_t i = 0;

	(void)state;
	while (control_signal(&t.control, 0, i + 1))
		i++;
	assert_int_equal(i, CONTROL_QUEUE_MAX - 1);
	assert_false(control_winsize(&t.control, 0, 1, 1));
	assert_true(control_stop(&t.control, 7000));
	say_hello();
	for (i = 0; i < CONTROL_QUEUE_MAX - 2; i++) {
		vguest_post(&t.g, 1);
		expect_frame(FRAME_SIGNAL, WORDS(0, i + 1));
	}
}

/* A guest with almost no credit takes a frame in pieces, and a new one does not mix with it. */
static void test_frames_in_pieces(void **state)
{
	uint8_t got[32];
	size_t len = 0;
	uint8_t want[32];
	struct vguest_packet update = { .guest_port = GUEST_PORT,
					.host_port = NACELLE_PORT_CONTROL,
					.op = VSOCK_OP_CREDIT_UPDATE };

	(void)state;
	say_hello();
	update.buf_alloc = 3;
	vguest_send(&t.g, &update);
	assert_true(control_winsize(&t.control, 0, 5, 6));
	assert_true(control_winsize(&t.control, 0, 7, 8));
	while (len < 32) {
		struct vsock_header header;

		while (vguest_receive(&t.g, &header)) {
			memcpy(got + len, t.g.payload, le32_get(header.len));
			len += le32_get(header.len);
		}
		vguest_post(&t.g, 2);
		update.fwd_cnt = (uint32_t)len;
		vguest_send(&t.g, &update);
	}
	frame(want, FRAME_WINSIZE, WORDS(0, 6 << 16 | 5));
	frame(want + 16, FRAME_WINSIZE, WORDS(0, 8 << 16 | 7));
	assert_memory_equal(got, want, 32);
}

enum { ID = FRAME_ID_ADDED_FIRST, LAST_ID = ID + FRAME_ADDED_MAX - 1 };

static void test_added_processes(void **state)
{
	(void)state;
	assert_true(control_add(&t.control, 0, 2));
	say_hello();
	expect_frame(FRAME_ADD, WORDS(ID, NACELLE_PORT_ADDED_FIRST, 2));
	assert_true(control_add(&t.control, FRAME_ADDED_MAX - 1, 1));
	expect_frame(FRAME_ADD,
		     WORDS(LAST_ID,
			   NACELLE_PORT_ADDED_FIRST + (FRAME_ADDED_MAX - 1) * NACELLE_PORTS_ADDED,
			   1));
	send_frame(FRAME_ADD_PORTS, WORDS(LAST_ID, 1, 2, 3, UINT32_MAX));
	send_frame(FRAME_APP_START, WORDS(LAST_ID, 7));
	expect_event(MACHINE_EVENT_APP_START, LAST_ID, 0, 7, 0);
	send_frame(FRAME_APP_EXIT, WORDS(ID, EXIT_KIND_INIT_FAILURE, 12, 0, 0));
	expect_event(MACHINE_EVENT_APP_EXIT, ID, EXIT_KIND_INIT_FAILURE, 12, 0);
	send_frame(FRAME_APP_EXIT, WORDS(LAST_ID, EXIT_KIND_SIGNAL, 9, 0, 0));
	expect_event(MACHINE_EVENT_APP_EXIT, LAST_ID, EXIT_KIND_SIGNAL, 9, 0);
	/* The slot is used again, from the beginning. */
	control_release(&t.control, 0);
	assert_true(control_add(&t.control, 0, 0));
	send_frame(FRAME_ADD_PORTS, WORDS(ID, 4, 5, 6, 7));
	send_frame(FRAME_APP_START, WORDS(ID, 8));
	expect_event(MACHINE_EVENT_APP_START, ID, 0, 8, 0);
}

static void test_ports_out_of_order(void **state)
{
	static const struct {
		uint32_t id, why;
	} wrong[] = {
		{ ID, CONTROL_FAULT_ORDER },
		{ ID + 1, CONTROL_FAULT_ORDER },
		{ LAST_ID, CONTROL_FAULT_ORDER },
		{ 0, CONTROL_FAULT_CONTENT },
		{ LAST_ID + 1, CONTROL_FAULT_CONTENT },
	};

	(void)state;
	/* Slot 0 has said its ports, slot 1 its exit. */
	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
		control_init(&t.control, t.g.vsock, APPS, on_event, &t);
		t.guest_fwd_cnt = 0;
		vguest_post(&t.g, 4);
		say_hello();
		assert_true(control_add(&t.control, 0, 0));
		expect_op(VSOCK_OP_RW);
		assert_true(control_add(&t.control, 1, 0));
		expect_op(VSOCK_OP_RW);
		send_frame(FRAME_ADD_PORTS, WORDS(ID, 1, 2, 3, 4));
		send_frame(FRAME_APP_EXIT, WORDS(ID + 1, EXIT_KIND_INIT_FAILURE, 1, 0, 0));
		expect_event(MACHINE_EVENT_APP_EXIT, ID + 1, EXIT_KIND_INIT_FAILURE, 1, 0);
		send_frame(FRAME_ADD_PORTS, WORDS(wrong[i].id, 1, 2, 3, 4));
		expect_fault(wrong[i].why);
	}
	/* Nothing of what was added starts before its ports are known. */
	control_init(&t.control, t.g.vsock, APPS, on_event, &t);
	t.guest_fwd_cnt = 0;
	vguest_post(&t.g, 4);
	say_hello();
	assert_true(control_add(&t.control, 0, 0));
	expect_op(VSOCK_OP_RW);
	send_frame(FRAME_APP_START, WORDS(ID, 1));
	expect_fault(CONTROL_FAULT_ORDER);
}

/* Each is an offence while slot 1 has had its exit and all others are free. */
static void test_added_out_of_order(void **state)
{
	static const uint32_t wrong[][2] = {
		{ ID, CONTROL_FAULT_ORDER },
		{ ID + 1, CONTROL_FAULT_ORDER },
		{ LAST_ID, CONTROL_FAULT_ORDER },
		{ ID - 1, CONTROL_FAULT_CONTENT },
		{ LAST_ID + 1, CONTROL_FAULT_CONTENT },
	};

	(void)state;
	for (size_t i = 0; i < 2 * ARRAY_SIZE(wrong); i++) {
		control_init(&t.control, t.g.vsock, APPS, on_event, &t);
		t.guest_fwd_cnt = 0;
		vguest_post(&t.g, 4);
		say_hello();
		assert_true(control_add(&t.control, 1, 0));
		expect_op(VSOCK_OP_RW);
		send_frame(FRAME_APP_EXIT, WORDS(ID + 1, EXIT_KIND_NOT_STARTED, 126, 0, 0));
		expect_event(MACHINE_EVENT_APP_EXIT, ID + 1, EXIT_KIND_NOT_STARTED, 126, 0);
		if (i % 2)
			send_frame(FRAME_APP_START, WORDS(wrong[i / 2][0], 1));
		else
			send_frame(FRAME_APP_EXIT,
				   WORDS(wrong[i / 2][0], EXIT_KIND_NOT_STARTED, 126, 0, 0));
		expect_fault(wrong[i / 2][1]);
		assert_false(control_add(&t.control, 2, 0));
	}
}

static void test_held(void **state)
{
	(void)state;
	say_hello();
	send_frame(FRAME_APP_HELD, WORDS(0, 40));
	expect_event(MACHINE_EVENT_APP_HELD, 0, 0, 40, 0);
	assert_true(control_start(&t.control, 0));
	expect_frame(FRAME_START, WORDS(0));
	send_frame(FRAME_APP_START, WORDS(0, 40));
	expect_event(MACHINE_EVENT_APP_START, 0, 0, 40, 0);
	send_frame(FRAME_APP_HELD, WORDS(1, 41));
	expect_event(MACHINE_EVENT_APP_HELD, 1, 0, 41, 0);
	/* Its program may be what no kernel starts. */
	send_frame(FRAME_APP_EXIT, WORDS(1, EXIT_KIND_NOT_STARTED, 126, 0, 0));
	expect_event(MACHINE_EVENT_APP_EXIT, 1, EXIT_KIND_NOT_STARTED, 126, 0);
	send_frame(FRAME_APP_HELD, WORDS(0, 40));
	expect_fault(CONTROL_FAULT_ORDER);
}

/* A container that is added waits as an app does; a process in the same slot later does not. */
static void test_added_container_held(void **state)
{
	(void)state;
	say_hello();
	assert_true(control_add(&t.control, 3, FRAME_ALL_APPS));
	expect_frame(FRAME_ADD, WORDS(ID + 3, NACELLE_PORT_ADDED_FIRST + 3 * NACELLE_PORTS_ADDED,
				      FRAME_ALL_APPS));
	send_frame(FRAME_ADD_PORTS, WORDS(ID + 3, 1, 2, 3, 4));
	send_frame(FRAME_APP_HELD, WORDS(ID + 3, 50));
	expect_event(MACHINE_EVENT_APP_HELD, ID + 3, 0, 50, 0);
	assert_true(control_start(&t.control, ID + 3));
	expect_frame(FRAME_START, WORDS(ID + 3));
	send_frame(FRAME_APP_START, WORDS(ID + 3, 50));
	expect_event(MACHINE_EVENT_APP_START, ID + 3, 0, 50, 0);
	send_frame(FRAME_APP_EXIT, WORDS(ID + 3, EXIT_KIND_CODE, 0, 0, 0));
	expect_event(MACHINE_EVENT_APP_EXIT, ID + 3, EXIT_KIND_CODE, 0, 0);
	control_release(&t.control, 3);
	assert_true(control_add(&t.control, 3, ID + 2));
	expect_frame(FRAME_ADD,
		     WORDS(ID + 3, NACELLE_PORT_ADDED_FIRST + 3 * NACELLE_PORTS_ADDED, ID + 2));
	send_frame(FRAME_ADD_PORTS, WORDS(ID + 3, 1, 2, 3, 4));
	send_frame(FRAME_APP_HELD, WORDS(ID + 3, 51));
	expect_fault(CONTROL_FAULT_CONTENT);
}

/* Before its ports it cannot be held, nor twice. */
static void test_added_container_wrong_held(void **state)
{
	(void)state;
	say_hello();
	assert_true(control_add(&t.control, 0, FRAME_ALL_APPS));
	expect_op(VSOCK_OP_RW);
	send_frame(FRAME_APP_HELD, WORDS(ID, 50));
	expect_fault(CONTROL_FAULT_ORDER);
	control_init(&t.control, t.g.vsock, APPS, on_event, &t);
	t.guest_fwd_cnt = 0;
	vguest_post(&t.g, 4);
	say_hello();
	assert_true(control_add(&t.control, 0, FRAME_ALL_APPS));
	expect_op(VSOCK_OP_RW);
	send_frame(FRAME_ADD_PORTS, WORDS(ID, 1, 2, 3, 4));
	send_frame(FRAME_APP_HELD, WORDS(ID, 50));
	expect_event(MACHINE_EVENT_APP_HELD, ID, 0, 50, 0);
	send_frame(FRAME_APP_HELD, WORDS(ID, 50));
	expect_fault(CONTROL_FAULT_ORDER);
}

/* Without a start it can be killed, but not have run. */
static void test_killed_when_held(void **state)
{
	(void)state;
	say_hello();
	send_frame(FRAME_APP_HELD, WORDS(0, 40));
	expect_event(MACHINE_EVENT_APP_HELD, 0, 0, 40, 0);
	send_frame(FRAME_APP_EXIT, WORDS(0, EXIT_KIND_SIGNAL, 9, 0, 0));
	expect_event(MACHINE_EVENT_APP_EXIT, 0, EXIT_KIND_SIGNAL, 9, 0);
	send_frame(FRAME_APP_HELD, WORDS(1, 41));
	expect_event(MACHINE_EVENT_APP_HELD, 1, 0, 41, 0);
	send_frame(FRAME_APP_EXIT, WORDS(1, EXIT_KIND_CODE, 0, 0, 0));
	expect_fault(CONTROL_FAULT_ORDER);
}

static void test_wrong_held(void **state)
{
	static const struct {
		uint32_t words[2];
		uint32_t why;
	} wrong[] = {
		{ { 0, 5 }, CONTROL_FAULT_ORDER }, /* held already */
		{ { 1, 5 }, CONTROL_FAULT_ORDER }, /* it has been restarted */
		{ { 2, 0 }, CONTROL_FAULT_CONTENT },  { { APPS, 5 }, CONTROL_FAULT_CONTENT },
		{ { ID, 5 }, CONTROL_FAULT_CONTENT }, /* added */
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
		control_init(&t.control, t.g.vsock, APPS, on_event, &t);
		t.guest_fwd_cnt = 0;
		vguest_post(&t.g, 4);
		say_hello();
		assert_true(control_add(&t.control, 0, 0));
		expect_op(VSOCK_OP_RW);
		send_frame(FRAME_APP_HELD, WORDS(0, 9));
		expect_event(MACHINE_EVENT_APP_HELD, 0, 0, 9, 0);
		send_frame(FRAME_APP_START, WORDS(1, 9));
		expect_event(MACHINE_EVENT_APP_START, 1, 0, 9, 0);
		send_frame(FRAME_APP_RESTART, WORDS(1, EXIT_KIND_CODE, 0, 0, 0));
		expect_whole(&(struct machine_event){ .type = MACHINE_EVENT_APP_RESTART,
						      .app = 1,
						      .kind = EXIT_KIND_CODE,
						      .count = 1 });
		send_frame(FRAME_APP_HELD, wrong[i].words, 2);
		expect_fault(wrong[i].why);
	}
}

static void restart(uint32_t app, uint32_t code, uint32_t count)
{
	struct machine_event want = { .type = MACHINE_EVENT_APP_RESTART,
				      .app = app,
				      .kind = EXIT_KIND_CODE,
				      .code = code,
				      .count = count };

	send_frame(FRAME_APP_RESTART, WORDS(app, EXIT_KIND_CODE, code, 0, 0));
	if (count)
		expect_whole(&want);
}

static void test_restarts(void **state)
{
	(void)state;
	say_hello();
	for (uint32_t i = 1; i <= 3; i++) {
		send_frame(FRAME_APP_START, WORDS(1, 40 + i));
		expect_event(MACHINE_EVENT_APP_START, 1, 0, 40 + i, 0);
		restart(1, 5, i);
	}
	/* It may fail to start again, and then it has ended. */
	send_frame(FRAME_APP_EXIT, WORDS(1, EXIT_KIND_NOT_STARTED, 127, 0, 0));
	expect_event(MACHINE_EVENT_APP_EXIT, 1, EXIT_KIND_NOT_STARTED, 127, 0);
	restart(1, 0, 0);
	expect_fault(CONTROL_FAULT_ORDER);
}

static void test_wrong_restarts(void **state)
{
	static const struct {
		uint32_t words[5];
		uint32_t why;
	} wrong[] = {
		{ { 0, EXIT_KIND_CODE, 0, 0 }, CONTROL_FAULT_ORDER }, /* it has not started */
		{ { 1, EXIT_KIND_CODE, 256, 0 }, CONTROL_FAULT_CONTENT },
		{ { 0, EXIT_KIND_NOT_STARTED, 126, 0 }, CONTROL_FAULT_CONTENT },
		{ { APPS, EXIT_KIND_CODE, 0, 0 }, CONTROL_FAULT_CONTENT },
		{ { ID, EXIT_KIND_CODE, 0, 0 }, CONTROL_FAULT_CONTENT }, /* added */
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
		control_init(&t.control, t.g.vsock, APPS, on_event, &t);
		t.guest_fwd_cnt = 0;
		vguest_post(&t.g, 4);
		say_hello();
		assert_true(control_add(&t.control, 0, 0));
		expect_op(VSOCK_OP_RW);
		send_frame(FRAME_APP_START, WORDS(1, 9));
		expect_event(MACHINE_EVENT_APP_START, 1, 0, 9, 0);
		send_frame(FRAME_ADD_PORTS, WORDS(ID, 1, 2, 3, 4));
		send_frame(FRAME_APP_START, WORDS(ID, 9));
		expect_event(MACHINE_EVENT_APP_START, ID, 0, 9, 0);
		send_frame(FRAME_APP_RESTART, wrong[i].words, 5);
		expect_fault(wrong[i].why);
	}
}

/* A guest that restarts an app as fast as it can is not reported as fast. */
static void test_restart_flood(void **state)
{
	enum { FLOOD = 1000 };
	unsigned events = 0;

	(void)state;
	say_hello();
	for (uint32_t i = 0; i < FLOOD; i++) {
		send_frame(FRAME_APP_START, WORDS(0, 7));
		restart(0, 1, 0);
		events += t.event_count;
		t.event_count = 0;
	}
	assert_true(events >= 2 * CONTROL_RESTARTS_MAX && events < FLOOD);
	assert_int_equal(t.control.restarts[0].count, FLOOD);
	/* Time brings them back. */
	t.control.restarts[0].since_ms -= 2 * CONTROL_RESTART_MS;
	send_frame(FRAME_APP_START, WORDS(0, 7));
	t.event_count = 0;
	restart(0, 1, FLOOD + 1);
	send_frame(FRAME_APP_START, WORDS(0, 8));
	expect_event(MACHINE_EVENT_APP_START, 0, 0, 8, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_life_of_a_pod),
		TEST(test_not_started),
		TEST(test_cut_anywhere),
		TEST(test_second_connection),
		TEST(test_closed_early),
		TEST(test_shutdown_early),
		TEST(test_wrong_frames),
		TEST(test_twice),
		TEST(test_frames_to_the_guest),
		TEST(test_queue_is_bounded),
		TEST(test_frames_in_pieces),
		TEST(test_added_processes),
		TEST(test_ports_out_of_order),
		TEST(test_added_out_of_order),
		TEST(test_held),
		TEST(test_added_container_held),
		TEST(test_added_container_wrong_held),
		TEST(test_killed_when_held),
		TEST(test_wrong_held),
		TEST(test_restarts),
		TEST(test_wrong_restarts),
		TEST(test_restart_flood),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
