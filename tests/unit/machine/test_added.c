/*
 * Added processes: their streams come and go with them, their exits wait for their output, and
 * nothing of them is left behind.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <cmocka.h>

#include "tests/driver/vsock_guest.h"
#include "vmm/machine/added.h"

enum {
	APPS = 2,
	ID = FRAME_ID_ADDED_FIRST,
	PORT = NACELLE_PORT_ADDED_FIRST, /* of slot 0's record */
	CREDIT = 256 * 1024,
	EVENTS_MAX = 128,
};

static struct {
	struct vguest g;
	struct loop loop;
	struct control control;
	struct streams *streams;
	struct added added;
	struct machine_event events[EVENTS_MAX];
	unsigned event_count;
	unsigned fds_before;
	struct error err;
} t;

static bool on_accept(void *ctx, uint32_t host_port, struct vsock_conn *conn,
		      struct vsock_accept *accept)
{
	(void)ctx;
	if (host_port == NACELLE_PORT_CONTROL)
		return control_accept(&t.control, host_port, conn, accept);
	return streams_accept(t.streams, host_port, conn, accept);
}

static void send_event(void *ctx, const struct machine_event *event)
{
	(void)ctx;
	assert_true(t.event_count < EVENTS_MAX);
	t.events[t.event_count++] = *event;
}

static void on_event(void *ctx, const struct machine_event *event)
{
	if (!added_hold(&t.added, event))
		send_event(ctx, event);
}

static unsigned count_fds(void)
{
	DIR *dir = opendir("/proc/self/fd");
	unsigned count = 0;

	assert_non_null(dir);
	while (readdir(dir))
		count++;
	closedir(dir);
	return count;
}

static void packet_from(uint32_t guest_port, uint32_t port, uint16_t op, const void *data,
			size_t len)
{
	vguest_send(&t.g, &(struct vguest_packet){ .guest_port = guest_port,
						   .host_port = port,
						   .op = op,
						   .buf_alloc = CREDIT,
						   .data = data,
						   .len = (uint32_t)len });
}

static void packet(uint32_t port, uint16_t op, const void *data, size_t len)
{
	packet_from(1000 + port, port, op, data, len);
}

/* Takes packets until one of this kind comes; the others are credit and the like. */
static bool receive(uint16_t op)
{
	struct vsock_header header;

	while (vguest_receive(&t.g, &header)) {
		vguest_post(&t.g, 1);
		if (le16_get(header.op) == op)
			return true;
	}
	return false;
}

static void connect_guest(uint32_t port, uint16_t answer)
{
	packet(port, VSOCK_OP_REQUEST, NULL, 0);
	assert_true(receive(answer));
}

/* The answer to FRAME_ADD: the ports from which packet() sends. */
static void say_ports(uint32_t slot)
{
	le32 wire[2 + 1 + NACELLE_PORTS_ADDED] = { le32_make(FRAME_ADD_PORTS),
						   le32_make(sizeof(struct frame_add_ports)),
						   le32_make(ID + slot) };

	for (uint32_t i = 0; i < NACELLE_PORTS_ADDED; i++)
		wire[3 + i] = le32_make(1000 + PORT + slot * NACELLE_PORTS_ADDED + i);
	packet(NACELLE_PORT_CONTROL, VSOCK_OP_RW, wire, sizeof(wire));
}

static void send_frame(uint32_t type, uint32_t a, uint32_t b, uint32_t c, uint32_t d, size_t words)
{
	const le32 wire[7] = { le32_make(type), le32_make((uint32_t)(4 * words)),
			       le32_make(a),	le32_make(b),
			       le32_make(c),	le32_make(d) };

	packet(NACELLE_PORT_CONTROL, VSOCK_OP_RW, wire, 8 + 4 * words);
}

static void say_started(uint32_t id)
{
	send_frame(FRAME_APP_START, id, 7, 0, 0, 2);
}

static void say_exited(uint32_t id, uint32_t code)
{
	send_frame(FRAME_APP_EXIT, id, EXIT_KIND_CODE, code, 0, 5);
}

static void turn(void)
{
	for (int i = 0; i < 4; i++)
		assert_int_equal(loop_run_once(&t.loop, 0, &t.err), 0);
}

static void expect_event(uint32_t type, uint32_t app, uint32_t kind, uint32_t code)
{
	assert_true(t.event_count > 0);
	assert_int_equal(t.events[0].type, type);
	assert_int_equal(t.events[0].app, app);
	assert_int_equal(t.events[0].kind, kind);
	assert_int_equal(t.events[0].code, code);
	memmove(t.events, t.events + 1, --t.event_count * sizeof(t.events[0]));
}

static int setup(void **state)
{
	(void)state;
	signal(SIGPIPE, SIG_IGN);
	memset(&t, 0, sizeof(t));
	vguest_init(&t.g, on_accept, NULL);
	assert_int_equal(loop_init(&t.loop, &t.err), 0);
	control_init(&t.control, t.g.vsock, APPS, on_event, &t);
	assert_int_equal(streams_init(&t.streams, NULL, 0, t.g.vsock, &t.loop, &t.err), 0);
	added_init(&t.added, &t.control, t.streams, send_event, &t);
	vguest_post(&t.g, VSOCK_RX_SIZE);
	connect_guest(NACELLE_PORT_CONTROL, VSOCK_OP_RESPONSE);
	send_frame(FRAME_HELLO, PROTOCOL_VERSION_MAJOR, 0, 0, 0, 2);
	expect_event(MACHINE_EVENT_HELLO, 0, 0, 0);
	t.fds_before = count_fds();
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	streams_fini(t.streams);
	loop_fini(&t.loop);
	vguest_fini(&t.g);
	return 0;
}

static int make_record(void)
{
	int fd = memfd_create("record", MFD_CLOEXEC);

	assert_int_equal(write(fd, "record", 6), 6);
	assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
	return fd;
}

/* A process with a record and stdout; returns the reader's end of stdout. */
static int add(uint32_t slot)
{
	const struct machine_command command = {
		.type = MACHINE_COMMAND_ADD,
		.app = 1,
		.id = ID + slot,
		.flags = MACHINE_ADD_RECORD | MACHINE_ADD_STDOUT | MACHINE_ADD_STDOUT_PRIVATE,
	};
	int ends[2], fds[2];

	assert_int_equal(pipe2(ends, O_CLOEXEC | O_NONBLOCK), 0);
	fds[0] = make_record();
	fds[1] = ends[1];
	added_start(&t.added, &command, fds, 2);
	return ends[0];
}

static int add_told(uint32_t slot)
{
	int out = add(slot);

	say_ports(slot);
	return out;
}

/* An app of the guest that knows the ports and is quick gets nothing. */
static void test_hostile_app(void **state)
{
	int out;

	(void)state;
	connect_guest(PORT, VSOCK_OP_RST);
	out = add(0);
	/* Before guest-init has answered nobody may connect, whatever the port is that he has. */
	for (uint32_t i = 0; i < NACELLE_PORTS_ADDED; i++)
		connect_guest(PORT + i, VSOCK_OP_RST);
	say_ports(0);
	for (uint32_t i = 0; i < NACELLE_PORTS_ADDED; i++) {
		packet_from(999 + PORT + i, PORT + i, VSOCK_OP_REQUEST, NULL, 0);
		assert_true(receive(VSOCK_OP_RST));
	}
	/* Those of guest-init stand, once. */
	connect_guest(PORT, VSOCK_OP_RESPONSE);
	connect_guest(PORT + 2, VSOCK_OP_RESPONSE);
	packet(PORT + 2, VSOCK_OP_RST, NULL, 0);
	connect_guest(PORT + 2, VSOCK_OP_RST);
	say_started(ID);
	say_exited(ID, 0);
	turn();
	/* The next process in the slot has ports of its own. */
	t.event_count = 0;
	close(out);
	out = add(0);
	connect_guest(PORT, VSOCK_OP_RST);
	close(out);
}

static void test_record_and_output(void **state)
{
	char got[16];
	int out = add_told(0);

	(void)state;
	assert_true(receive(VSOCK_OP_RW)); /* FRAME_ADD */
	connect_guest(PORT, VSOCK_OP_RESPONSE);
	turn();
	assert_true(receive(VSOCK_OP_RW));
	assert_memory_equal(t.g.payload, "record", 6);
	turn();
	assert_true(receive(VSOCK_OP_SHUTDOWN));
	connect_guest(PORT + 2, VSOCK_OP_RESPONSE);
	connect_guest(PORT + 1, VSOCK_OP_RST); /* there is no stdin */
	say_started(ID);
	expect_event(MACHINE_EVENT_APP_START, ID, 0, 7);
	packet(PORT + 2, VSOCK_OP_RW, "hello", 5);
	say_exited(ID, 3);
	turn();
	expect_event(MACHINE_EVENT_APP_EXIT, ID, EXIT_KIND_CODE, 3);
	assert_int_equal(read(out, got, sizeof(got)), 5);
	assert_int_equal(read(out, got, sizeof(got)), 0);
	close(out);
	assert_int_equal(count_fds(), t.fds_before);
	/* The slot and its ports are free again. */
	connect_guest(PORT + 2, VSOCK_OP_RST);
	close(add(0));
}

/* The exit waits for a reader that takes its time, and another process does not. */
static void test_exit_waits_for_output(void **state)
{
	static uint8_t bytes[8000], got[256 * 1024];
	int slow = add_told(0), quick = add_told(5);
	size_t sent = 0, read_back = 0;
	ssize_t n;

	(void)state;
	say_started(ID);
	say_started(ID + 5);
	connect_guest(PORT + 2, VSOCK_OP_RESPONSE);
	for (; sent < 160000; sent += sizeof(bytes))
		packet(PORT + 2, VSOCK_OP_RW, bytes, sizeof(bytes));
	say_exited(ID, 1);
	say_exited(ID + 5, 2);
	turn();
	expect_event(MACHINE_EVENT_APP_START, ID, 0, 7);
	expect_event(MACHINE_EVENT_APP_START, ID + 5, 0, 7);
	expect_event(MACHINE_EVENT_APP_EXIT, ID + 5, EXIT_KIND_CODE, 2);
	assert_int_equal(t.event_count, 0);
	for (int i = 0; i < 100 && read_back < sent; i++) {
		n = read(slow, got, sizeof(got));
		if (n > 0)
			read_back += (size_t)n;
		turn();
	}
	assert_int_equal(read_back, sent);
	expect_event(MACHINE_EVENT_APP_EXIT, ID, EXIT_KIND_CODE, 1);
	close(slow);
	close(quick);
	assert_int_equal(count_fds(), t.fds_before);
}

/* Data that comes after the exit keeps nothing open. */
static void test_output_after_exit(void **state)
{
	static uint8_t bytes[60000];
	int out = add_told(0);

	(void)state;
	say_started(ID);
	connect_guest(PORT + 2, VSOCK_OP_RESPONSE);
	packet(PORT + 2, VSOCK_OP_RW, bytes, sizeof(bytes));
	packet(PORT + 2, VSOCK_OP_RW, bytes, sizeof(bytes));
	say_exited(ID, 1);
	packet(PORT + 2, VSOCK_OP_RW, bytes, sizeof(bytes));
	assert_true(receive(VSOCK_OP_RST));
	turn();
	expect_event(MACHINE_EVENT_APP_START, ID, 0, 7);
	expect_event(MACHINE_EVENT_APP_EXIT, ID, EXIT_KIND_CODE, 1);
	close(out);
}

/* A caller that goes away breaks the streams and sends SIGHUP; the slot stays until the exit. */
static void test_hang_up(void **state)
{
	static uint8_t bytes[60000];
	const struct machine_command command = { .type = MACHINE_COMMAND_HANG_UP, .id = ID };
	const le32 want[] = { le32_make(FRAME_SIGNAL), le32_make(8), le32_make(ID),
			      le32_make(SIGHUP) };
	int out = add_told(0);

	(void)state;
	assert_true(receive(VSOCK_OP_RW)); /* FRAME_ADD */
	say_started(ID);
	connect_guest(PORT + 2, VSOCK_OP_RESPONSE);
	packet(PORT + 2, VSOCK_OP_RW, bytes, sizeof(bytes));
	packet(PORT + 2, VSOCK_OP_RW, bytes, sizeof(bytes));
	added_hang_up(&t.added, &command);
	added_hang_up(&t.added, &command);
	assert_true(receive(VSOCK_OP_RST));
	assert_true(receive(VSOCK_OP_RW));
	assert_memory_equal(t.g.payload, want, sizeof(want));
	connect_guest(PORT, VSOCK_OP_RST);
	turn();
	expect_event(MACHINE_EVENT_APP_START, ID, 0, 7);
	assert_int_equal(t.event_count, 0);
	say_exited(ID, 129);
	turn();
	expect_event(MACHINE_EVENT_APP_EXIT, ID, EXIT_KIND_CODE, 129);
	close(out);
	assert_int_equal(count_fds(), t.fds_before);
	added_hang_up(&t.added, &command);
}

static void expect_refused(const struct machine_command *command, int *fds, unsigned count)
{
	added_start(&t.added, command, fds, count);
	assert_int_equal(t.event_count, 1);
	assert_int_equal(t.events[0].kind, EXIT_KIND_INIT_FAILURE);
	assert_int_equal(t.events[0].app, command->id);
	assert_int_not_equal(t.events[0].code, 0);
	t.event_count = 0;
	assert_int_equal(count_fds(), t.fds_before);
}

static void test_refused(void **state)
{
	struct machine_command command = { .id = ID,
					   .flags = MACHINE_ADD_RECORD | MACHINE_ADD_STDIN };
	int fds[4] = { make_record() };

	(void)state;
	expect_refused(&command, fds, 1); /* a descriptor too few */
	fds[0] = make_record();
	fds[1] = make_record();
	fds[2] = make_record();
	expect_refused(&command, fds, 3); /* too many */
	fds[0] = make_record();
	fds[1] = dup(t.loop.epoll_fd);
	expect_refused(&command, fds, 2); /* one that cannot be watched */
	command.id = ID + FRAME_ADDED_MAX;
	fds[0] = make_record();
	fds[1] = make_record();
	expect_refused(&command, fds, 2);
	command.id = 0;
	fds[0] = make_record();
	fds[1] = make_record();
	expect_refused(&command, fds, 2);
	/* The pod is over: the guest takes no more frames. */
	send_frame(FRAME_POD_EXIT, EXIT_KIND_CODE, 0, 0, 0, 2);
	t.event_count = 0;
	close(add(0));
	turn();
	expect_event(MACHINE_EVENT_APP_EXIT, ID, EXIT_KIND_INIT_FAILURE, ESHUTDOWN);
	assert_int_equal(count_fds(), t.fds_before);
}

static void test_all_slots_again_and_again(void **state)
{
	int out[FRAME_ADDED_MAX];

	(void)state;
	for (int round = 0; round < 20; round++) {
		for (uint32_t i = 0; i < FRAME_ADDED_MAX; i++) {
			out[i] = add_told(i);
			assert_true(receive(VSOCK_OP_RW));
		}
		for (uint32_t i = 0; i < FRAME_ADDED_MAX; i++) {
			say_started(ID + i);
			say_exited(ID + i, i);
			turn();
			expect_event(MACHINE_EVENT_APP_START, ID + i, 0, 7);
			expect_event(MACHINE_EVENT_APP_EXIT, ID + i, EXIT_KIND_CODE, i);
			close(out[i]);
		}
	}
	assert_int_equal(count_fds(), t.fds_before);
	assert_int_equal(t.g.vsock->conn_count, 1);
}

/* The pod ends: exits that wait are told, and a reader that stalls holds nobody up for ever. */
static void test_end_of_the_pod(void **state)
{
	static uint8_t bytes[60000];
	int out = add_told(0);

	(void)state;
	say_started(ID);
	connect_guest(PORT + 2, VSOCK_OP_RESPONSE);
	packet(PORT + 2, VSOCK_OP_RW, bytes, sizeof(bytes));
	packet(PORT + 2, VSOCK_OP_RW, bytes, sizeof(bytes));
	say_exited(ID, 9);
	expect_event(MACHINE_EVENT_APP_START, ID, 0, 7);
	assert_int_equal(streams_drain(t.streams, 10, &t.err), 1);
	assert_int_equal(t.event_count, 0);
	added_flush(&t.added);
	expect_event(MACHINE_EVENT_APP_EXIT, ID, EXIT_KIND_CODE, 9);
	close(out);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_hostile_app),
		TEST(test_record_and_output),
		TEST(test_exit_waits_for_output),
		TEST(test_output_after_exit),
		TEST(test_hang_up),
		TEST(test_refused),
		TEST(test_all_slots_again_and_again),
		TEST(test_end_of_the_pod),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
