/*
 * App streams over every kind of descriptor that a user may hand us, with readers that stall,
 * leave, or were never there, and with a guest in a thread of its own.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <pty.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <termios.h>
#include <unistd.h>
#include <cmocka.h>

#include "guest-init/protocol.h"
#include "tests/driver/vsock_guest.h"
#include "vmm/machine/streams.h"

enum {
	PORT_IN = NACELLE_PORT_STREAM_FIRST,
	PORT_OUT,
	PORT_OTHER,
	GUEST_CREDIT = 256 * 1024,
	PIPE_BYTES = 65536,
};

static struct {
	struct vguest g;
	struct loop loop;
	struct streams *streams;
	struct error err;
	bool posted;
	uint8_t got[2 * 1024 * 1024];
} t;

static bool on_accept(void *ctx, uint32_t host_port, struct vsock_conn *conn,
		      struct vsock_accept *accept)
{
	(void)ctx;
	return streams_accept(t.streams, host_port, conn, accept);
}

static int setup(void **state)
{
	(void)state;
	signal(SIGPIPE, SIG_IGN);
	memset(&t, 0, sizeof(t));
	vguest_init(&t.g, on_accept, NULL);
	return loop_init(&t.loop, &t.err);
}

static int teardown(void **state)
{
	(void)state;
	if (t.streams)
		streams_fini(t.streams);
	loop_fini(&t.loop);
	vguest_fini(&t.g);
	return 0;
}

static void start(const struct stream_config *configs, size_t count)
{
	assert_int_equal(streams_init(&t.streams, configs, count, t.g.vsock, &t.loop, &t.err), 0);
	if (!t.posted)
		vguest_post(&t.g, VSOCK_RX_SIZE);
	t.posted = true;
}

static void start_out(int fd, bool private_nonblocking)
{
	start(&(struct stream_config){ .port = PORT_OUT,
				       .directions = STREAM_OUT,
				       .out = { fd, private_nonblocking } },
	      1);
}

static void start_in(int fd, bool private_nonblocking)
{
	start(&(struct stream_config){ .port = PORT_IN,
				       .directions = STREAM_IN,
				       .in = { fd, private_nonblocking } },
	      1);
}

static void turn(void)
{
	assert_int_equal(loop_run_once(&t.loop, 0, &t.err), 0);
}

static void packet(uint32_t port, uint16_t op, uint32_t flags, const void *data, size_t len)
{
	vguest_send(&t.g, &(struct vguest_packet){ .guest_port = 1000 + port,
						   .host_port = port,
						   .op = op,
						   .flags = flags,
						   .buf_alloc = GUEST_CREDIT,
						   .data = data,
						   .len = (uint32_t)len });
}

static struct vsock_header expect(uint16_t op)
{
	struct vsock_header header;

	assert_true(vguest_receive(&t.g, &header));
	assert_int_equal(le16_get(header.op), op);
	return header;
}

static void expect_nothing(void)
{
	struct vsock_header header;

	assert_false(vguest_receive(&t.g, &header));
}

static void connect_guest(uint32_t port)
{
	packet(port, VSOCK_OP_REQUEST, 0, NULL, 0);
	expect(VSOCK_OP_RESPONSE);
}

/* Sends len bytes of a pattern that goes on at offset. */
static void send_pattern(uint32_t port, size_t offset, size_t len)
{
	uint8_t bytes[8000]; /* more than PIPE_BUF */

	while (len) {
		size_t part = len < sizeof(bytes) ? len : sizeof(bytes);

		for (size_t i = 0; i < part; i++)
			bytes[i] = (uint8_t)((offset + i) * 7 / 5);
		packet(port, VSOCK_OP_RW, 0, bytes, part);
		offset += part;
		len -= part;
	}
}

static void check_pattern(const uint8_t *bytes, size_t offset, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if (bytes[i] != (uint8_t)((offset + i) * 7 / 5))
			fail_msg("byte %zu is wrong", offset + i);
	}
}

static size_t read_all(int fd)
{
	size_t len = 0;

	for (;;) {
		ssize_t n = read(fd, t.got + len, sizeof(t.got) - len);

		if (n <= 0)
			return len;
		len += (size_t)n;
	}
}

static void make_pipe(int p[2], int nonblocking_end)
{
	assert_int_equal(pipe2(p, O_CLOEXEC), 0);
	if (nonblocking_end >= 0)
		assert_int_equal(fcntl(p[nonblocking_end], F_SETFL, O_NONBLOCK), 0);
}

/* An output of which the test reads the other end, on which too much is written. */
static void check_slow_reader(int ours, int theirs, bool private_nonblocking)
{
	size_t sent = 0, got = 0;
	struct vsock_header header;
	ssize_t n;

	start_out(theirs, private_nonblocking);
	connect_guest(PORT_OUT);
	send_pattern(PORT_OUT, 0, 10);
	assert_int_equal(read(ours, t.got, 100), 10);
	check_pattern(t.got, 0, 10);
	sent = got = 10;

	/*
	 * Nobody reads: everything that there is credit for is taken, and nothing blocks, also not
	 * when a pipe has one page left, polls as writable, and the packet is larger.
	 */
	send_pattern(PORT_OUT, sent, 4000);
	sent += 4000;
	while (sent - got < STREAM_OUT_BYTES - 8000) {
		send_pattern(PORT_OUT, sent, 8000);
		sent += 8000;
	}
	turn();
	/* Room for more does not mean that news may overtake. */
	n = read(ours, t.got, 30000);
	assert_true(n > 0);
	check_pattern(t.got, got, (size_t)n);
	got += (size_t)n;
	send_pattern(PORT_OUT, sent, 100);
	sent += 100;
	while (got < sent) {
		n = read(ours, t.got, sizeof(t.got));
		turn();
		if (n < 0 && errno == EAGAIN)
			continue;
		assert_true(n > 0);
		check_pattern(t.got, got, (size_t)n);
		got += (size_t)n;
	}
	header = expect(VSOCK_OP_CREDIT_UPDATE);
	while (vguest_receive(&t.g, &header))
		assert_int_equal(le16_get(header.op), VSOCK_OP_CREDIT_UPDATE);
	assert_true(sent - le32_get(header.fwd_cnt) <= STREAM_OUT_BYTES / 2);

	/* The end of the guest's output is the end for the reader, and not before all is out. */
	send_pattern(PORT_OUT, sent, 100);
	packet(PORT_OUT, VSOCK_OP_SHUTDOWN, VSOCK_SHUTDOWN_SEND, NULL, 0);
	turn();
	assert_int_equal(read(ours, t.got, sizeof(t.got)), 100);
	assert_true(read(ours, t.got, sizeof(t.got)) <= 0);
	assert_int_equal(fcntl(theirs, F_GETFD), -1);
	close(ours);
}

static void test_out_pipe_shared(void **state)
{
	int p[2];

	(void)state;
	make_pipe(p, 0);
	check_slow_reader(p[0], p[1], false);
}

static void test_out_pipe_private(void **state)
{
	int p[2];

	(void)state;
	make_pipe(p, 0);
	assert_int_equal(fcntl(p[1], F_SETFL, O_NONBLOCK), 0);
	check_slow_reader(p[0], p[1], true);
}

static void test_out_socket(void **state)
{
	int s[2];

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, s), 0);
	assert_int_equal(fcntl(s[0], F_SETFL, O_NONBLOCK), 0);
	check_slow_reader(s[0], s[1], false);
}

static void test_out_pty(void **state)
{
	struct termios raw;
	int master, slave;

	(void)state;
	assert_int_equal(openpty(&master, &slave, NULL, NULL, NULL), 0);
	assert_int_equal(tcgetattr(slave, &raw), 0);
	cfmakeraw(&raw);
	assert_int_equal(tcsetattr(slave, TCSANOW, &raw), 0);
	assert_int_equal(fcntl(master, F_SETFL, O_NONBLOCK), 0);
	check_slow_reader(master, slave, false);
}

static void test_end_after_buffer(void **state)
{
	size_t got = 0;
	ssize_t n = -1;
	int p[2];

	(void)state;
	make_pipe(p, 0);
	start_out(p[1], false);
	connect_guest(PORT_OUT);
	send_pattern(PORT_OUT, 0, STREAM_OUT_BYTES);
	packet(PORT_OUT, VSOCK_OP_SHUTDOWN, VSOCK_SHUTDOWN_SEND, NULL, 0);
	for (unsigned turns = 0; n != 0 && turns < 10000; turns++) {
		turn();
		n = read(p[0], t.got, sizeof(t.got));
		if (n > 0)
			got += (size_t)n;
	}
	assert_int_equal(n, 0);
	assert_int_equal(got, STREAM_OUT_BYTES);
	close(p[0]);
}

static void test_flags_stay(void **state)
{
	int p[2], q[2];

	(void)state;
	make_pipe(p, 0);
	make_pipe(q, -1);
	start(
	    (struct stream_config[]){
		{ .port = PORT_OUT, .directions = STREAM_OUT, .out = { p[1], false } },
		{ .port = PORT_IN, .directions = STREAM_IN, .in = { q[0], false } },
	    },
	    2);
	connect_guest(PORT_OUT);
	connect_guest(PORT_IN);
	send_pattern(PORT_OUT, 0, 100 * 1000);
	turn();
	assert_false(fcntl(p[1], F_GETFL) & O_NONBLOCK);
	assert_false(fcntl(q[0], F_GETFL) & O_NONBLOCK);
	close(p[0]), close(q[1]);
}

static void test_out_file(void **state)
{
	int fd = memfd_create("out", MFD_CLOEXEC), mine = dup(fd);

	(void)state;
	start_out(fd, false);
	connect_guest(PORT_OUT);
	send_pattern(PORT_OUT, 0, 1000 * 1000);
	assert_int_equal(pread(mine, t.got, sizeof(t.got), 0), 1000 * 1000);
	check_pattern(t.got, 0, 1000 * 1000);
	packet(PORT_OUT, VSOCK_OP_RST, 0, NULL, 0);
	turn();
	assert_int_equal(fcntl(fd, F_GETFD), -1);
	close(mine);
}

static void test_dev_null(void **state)
{
	int in = open("/dev/null", O_RDONLY), out = open("/dev/null", O_WRONLY);
	struct vsock_header header;

	(void)state;
	start(
	    (struct stream_config[]){
		{ .port = PORT_OUT, .directions = STREAM_OUT, .out = { out, false } },
		{ .port = PORT_IN, .directions = STREAM_IN, .in = { in, false } },
	    },
	    2);
	connect_guest(PORT_IN);
	turn();
	header = expect(VSOCK_OP_SHUTDOWN);
	assert_int_equal(le32_get(header.flags), VSOCK_SHUTDOWN_SEND);
	connect_guest(PORT_OUT);
	send_pattern(PORT_OUT, 0, 500 * 1000);
	turn();
}

static void test_out_full_device(void **state)
{
	(void)state;
	start_out(open("/dev/full", O_WRONLY), false);
	connect_guest(PORT_OUT);
	send_pattern(PORT_OUT, 0, 1);
	expect(VSOCK_OP_RST);
}

static void test_reader_leaves(void **state)
{
	int p[2];

	(void)state;
	/* Before anything is written. */
	make_pipe(p, -1);
	start_out(p[1], false);
	close(p[0]);
	connect_guest(PORT_OUT);
	send_pattern(PORT_OUT, 0, 1);
	expect(VSOCK_OP_RST);
	turn();
	assert_int_equal(fcntl(p[1], F_GETFD), -1);
	assert_int_equal(t.g.vsock->conn_count, 0);
	streams_fini(t.streams);

	/* With data in the buffer. */
	make_pipe(p, -1);
	start_out(p[1], false);
	connect_guest(PORT_OUT);
	send_pattern(PORT_OUT, 0, 2 * PIPE_BYTES);
	turn();
	expect_nothing();
	close(p[0]);
	turn();
	expect(VSOCK_OP_RST);
	turn();
	assert_int_equal(fcntl(p[1], F_GETFD), -1);
	assert_int_equal(streams_drain(t.streams, 10, &t.err), 1);
}

static void test_closed_descriptors(void **state)
{
	struct vsock_header header;

	(void)state;
	start(
	    (struct stream_config[]){
		{ .port = PORT_OUT, .directions = STREAM_OUT, .out = { -1, false } },
		{ .port = PORT_IN, .directions = STREAM_IN, .in = { -1, false } },
	    },
	    2);
	connect_guest(PORT_IN);
	header = expect(VSOCK_OP_SHUTDOWN);
	assert_int_equal(le32_get(header.flags), VSOCK_SHUTDOWN_SEND);
	connect_guest(PORT_OUT);
	send_pattern(PORT_OUT, 0, 1);
	expect(VSOCK_OP_RST);
}

static void test_ports(void **state)
{
	int p[2];

	(void)state;
	make_pipe(p, -1);
	start_in(p[0], false);
	packet(PORT_OTHER, VSOCK_OP_REQUEST, 0, NULL, 0);
	expect(VSOCK_OP_RST);
	connect_guest(PORT_IN);
	/* No second connection, not even after the first is over. */
	vguest_send(&t.g, &(struct vguest_packet){
			      .guest_port = 5, .host_port = PORT_IN, .op = VSOCK_OP_REQUEST });
	expect(VSOCK_OP_RST);
	packet(PORT_IN, VSOCK_OP_RST, 0, NULL, 0);
	packet(PORT_IN, VSOCK_OP_REQUEST, 0, NULL, 0);
	expect(VSOCK_OP_RST);
	close(p[1]);
}

/* Output on a stream that is input only has no credit and ends the connection. */
static void test_data_the_wrong_way(void **state)
{
	int p[2];

	(void)state;
	make_pipe(p, -1);
	start_in(p[0], false);
	connect_guest(PORT_IN);
	send_pattern(PORT_IN, 0, 1);
	expect(VSOCK_OP_RST);
	turn();
	assert_int_equal(fcntl(p[0], F_GETFD), -1);
	close(p[1]);
}

static size_t receive_pattern(size_t offset)
{
	struct vsock_header header;
	size_t len = 0;

	while (vguest_receive(&t.g, &header) && le16_get(header.op) == VSOCK_OP_RW) {
		check_pattern(t.g.payload, offset + len, le32_get(header.len));
		len += le32_get(header.len);
		vguest_post(&t.g, 1);
	}
	return len;
}

static void check_in(int ours, int theirs, bool private_nonblocking)
{
	size_t len = 0;

	for (size_t i = 0; i < 40000; i++)
		t.got[i] = (uint8_t)(i * 7 / 5);
	start_in(theirs, private_nonblocking);
	/* Nothing is read before the guest is there. */
	assert_int_equal(write(ours, t.got, 20000), 20000);
	turn();
	connect_guest(PORT_IN);
	while (len < 20000) {
		turn();
		len += receive_pattern(len);
	}
	turn();
	expect_nothing();
	assert_int_equal(write(ours, t.got + 20000, 20000), 20000);
	close(ours);
	while (len < 40000) {
		turn();
		len += receive_pattern(len);
	}
	turn();
	turn();
	assert_int_equal(fcntl(theirs, F_GETFD), -1);
}

static void test_in_pipe(void **state)
{
	int p[2];

	(void)state;
	make_pipe(p, -1);
	check_in(p[1], p[0], false);
}

static void test_in_pipe_private(void **state)
{
	int p[2];

	(void)state;
	make_pipe(p, 0);
	check_in(p[1], p[0], true);
}

static void test_in_socket(void **state)
{
	int s[2];

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, s), 0);
	check_in(s[1], s[0], false);
}

static void test_in_file_with_little_credit(void **state)
{
	int fd = memfd_create("in", MFD_CLOEXEC);
	struct vguest_packet update = { .guest_port = 1000 + PORT_IN,
					.host_port = PORT_IN,
					.op = VSOCK_OP_REQUEST,
					.buf_alloc = 1000 };
	struct vsock_header header;

	(void)state;
	for (size_t i = 0; i < 100 * 1000; i++)
		t.got[i] = (uint8_t)(i * 7 / 5);
	assert_int_equal(write(fd, t.got, 100 * 1000), 100 * 1000);
	assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
	start_in(fd, false);
	vguest_send(&t.g, &update);
	expect(VSOCK_OP_RESPONSE);
	update.op = VSOCK_OP_CREDIT_UPDATE;
	for (;;) {
		unsigned turns = 0;

		while (!vguest_receive(&t.g, &header) && turns++ < 100)
			turn();
		vguest_post(&t.g, 1);
		if (le16_get(header.op) == VSOCK_OP_SHUTDOWN)
			break;
		if (le16_get(header.op) == VSOCK_OP_CREDIT_REQUEST) {
			/* Without credit the file is left alone: a turn reads nothing. */
			off_t at = lseek(fd, 0, SEEK_CUR);

			turn();
			assert_int_equal(lseek(fd, 0, SEEK_CUR), at);
			vguest_send(&t.g, &update);
			continue;
		}
		assert_int_equal(le16_get(header.op), VSOCK_OP_RW);
		assert_true(le32_get(header.len) <= 1000);
		check_pattern(t.g.payload, update.fwd_cnt, le32_get(header.len));
		update.fwd_cnt += le32_get(header.len);
		if (update.fwd_cnt % 3000 == 0)
			vguest_send(&t.g, &update);
	}
	assert_int_equal(update.fwd_cnt, 100 * 1000);
}

/* The app has closed its stdin: the writer on our side sees a broken pipe. */
static void test_app_closes_stdin(void **state)
{
	int p[2];

	(void)state;
	make_pipe(p, -1);
	start_in(p[0], false);
	connect_guest(PORT_IN);
	packet(PORT_IN, VSOCK_OP_SHUTDOWN, VSOCK_SHUTDOWN_RECEIVE, NULL, 0);
	turn();
	assert_int_equal(write(p[1], "x", 1), -1);
	assert_int_equal(errno, EPIPE);
	close(p[1]);
}

static void test_terminal(void **state)
{
	int master, slave, other;

	(void)state;
	assert_int_equal(openpty(&master, &slave, NULL, NULL, NULL), 0);
	other = dup(slave);
	start(&(struct stream_config){ .port = PORT_OTHER,
				       .directions = STREAM_IN | STREAM_OUT,
				       .in = { slave, false },
				       .out = { other, false } },
	      1);
	connect_guest(PORT_OTHER);
	packet(PORT_OTHER, VSOCK_OP_RW, 0, "prompt", 6);
	assert_int_equal(read(master, t.got, 100), 6);
	assert_int_equal(write(master, "ls\n", 3), 3);
	assert_int_equal(loop_run_once(&t.loop, 5000, &t.err), 0);
	expect(VSOCK_OP_RW);
	assert_memory_equal(t.g.payload, "ls\n", 3);
	/* A hang-up is the end of input, and output breaks. */
	close(master);
	assert_int_equal(loop_run_once(&t.loop, 5000, &t.err), 0);
	expect(VSOCK_OP_SHUTDOWN);
	packet(PORT_OTHER, VSOCK_OP_RW, 0, "x", 1);
	expect(VSOCK_OP_RST);
	turn();
	assert_int_equal(fcntl(slave, F_GETFD), -1);
	assert_int_equal(fcntl(other, F_GETFD), -1);
}

static void test_one_stalls_the_other_runs(void **state)
{
	int p[2], q[2];

	(void)state;
	make_pipe(p, -1);
	make_pipe(q, 0);
	start(
	    (struct stream_config[]){
		{ .port = PORT_OUT, .directions = STREAM_OUT, .out = { p[1], false } },
		{ .port = PORT_OTHER, .directions = STREAM_OUT, .out = { q[1], false } },
	    },
	    2);
	connect_guest(PORT_OUT);
	connect_guest(PORT_OTHER);
	send_pattern(PORT_OUT, 0, STREAM_OUT_BYTES);
	turn();
	for (size_t sent = 0; sent < 100 * PIPE_BYTES / 2; sent += PIPE_BYTES / 2) {
		send_pattern(PORT_OTHER, sent, PIPE_BYTES / 2);
		turn();
		assert_int_equal(read_all(q[0]), PIPE_BYTES / 2);
		check_pattern(t.got, sent, PIPE_BYTES / 2);
		while (vguest_receive(&t.g, &(struct vsock_header){ 0 }))
			vguest_post(&t.g, 1);
	}
	close(p[0]), close(q[0]);
}

static void *slow_reader(void *arg)
{
	int fd = *(int *)arg;
	size_t len = 0;
	ssize_t n;

	while ((n = read(fd, t.got + len, 10000)) > 0) {
		len += (size_t)n;
		sched_yield();
	}
	check_pattern(t.got, 0, len);
	return (void *)len;
}

static void test_drain(void **state)
{
	pthread_t thread;
	void *len;
	int p[2];

	(void)state;
	make_pipe(p, -1);
	start_out(p[1], false);
	connect_guest(PORT_OUT);
	send_pattern(PORT_OUT, 0, STREAM_OUT_BYTES);

	/* Nobody reads, and somebody orders to stop. */
	loop_stop(&t.loop);
	assert_int_equal(streams_drain(t.streams, 10, &t.err), 0);
	assert_int_equal(loop_run(&t.loop, &t.err), 0);

	assert_int_equal(pthread_create(&thread, NULL, slow_reader, &p[0]), 0);
	assert_int_equal(streams_drain(t.streams, 10, &t.err), 1);
	/* A guest that goes on after its end is not listened to, so a drain does end. */
	send_pattern(PORT_OUT, STREAM_OUT_BYTES, 4000);
	streams_fini(t.streams);
	t.streams = NULL;
	pthread_join(thread, &len);
	assert_int_equal((size_t)len, STREAM_OUT_BYTES);
	close(p[0]);
}

static void test_init_fails(void **state)
{
	int p[2], bad = 999;

	(void)state;
	make_pipe(p, -1);
	assert_int_equal(
	    streams_init(&t.streams,
			 (struct stream_config[]){
			     { .port = PORT_IN, .directions = STREAM_IN, .in = { p[0], false } },
			     { .port = PORT_OUT, .directions = STREAM_OUT, .out = { bad, false } },
			 },
			 2, t.g.vsock, &t.loop, &t.err),
	    -1);
	assert_non_null(strstr(t.err.text, ": cannot watch a descriptor: Bad file descriptor"));
	assert_true(fcntl(p[0], F_GETFD) >= 0);
	t.streams = NULL;
	close(p[0]), close(p[1]);
}

/* A guest in its own thread, both ways at once, much more than any buffer holds. */
enum { BULK_BYTES = 1500 * 1000 };

static void *bulk_guest(void *arg)
{
	struct vsock_header header;
	uint32_t sent = 0, taken = 0, consumed = 0, told = 0;
	bool input_over = false;

	(void)arg;
	while (!input_over || sent < BULK_BYTES) {
		uint32_t part = STREAM_OUT_BYTES - (sent - taken);

		if (part > 4000)
			part = 4000;
		if (part > BULK_BYTES - sent)
			part = BULK_BYTES - sent;
		if (part)
			send_pattern(PORT_OUT, sent, part);
		sent += part;
		if (!vguest_receive(&t.g, &header)) {
			sched_yield();
			continue;
		}
		vguest_post(&t.g, 1);
		if (le32_get(header.src_port) == PORT_OUT)
			taken = le32_get(header.fwd_cnt);
		if (le16_get(header.op) == VSOCK_OP_RW) {
			check_pattern(t.g.payload, consumed, le32_get(header.len));
			consumed += le32_get(header.len);
		}
		if (consumed - told > GUEST_CREDIT / 4) {
			told = consumed;
			vguest_send(&t.g, &(struct vguest_packet){ .guest_port = 1000 + PORT_IN,
								   .host_port = PORT_IN,
								   .op = VSOCK_OP_CREDIT_UPDATE,
								   .buf_alloc = GUEST_CREDIT,
								   .fwd_cnt = consumed });
		}
		input_over = input_over || le16_get(header.op) == VSOCK_OP_SHUTDOWN;
	}
	assert_int_equal(consumed, BULK_BYTES);
	packet(PORT_OUT, VSOCK_OP_SHUTDOWN, VSOCK_SHUTDOWN_BOTH, NULL, 0);
	packet(PORT_IN, VSOCK_OP_SHUTDOWN, VSOCK_SHUTDOWN_BOTH, NULL, 0);
	loop_stop(&t.loop);
	return NULL;
}

static void *bulk_writer(void *arg)
{
	uint8_t bytes[5000];
	int fd = *(int *)arg;

	for (size_t at = 0; at < BULK_BYTES; at += sizeof(bytes)) {
		for (size_t i = 0; i < sizeof(bytes); i++)
			bytes[i] = (uint8_t)((at + i) * 7 / 5);
		if (write(fd, bytes, sizeof(bytes)) != (ssize_t)sizeof(bytes))
			abort();
	}
	close(fd);
	return NULL;
}

static void test_bulk_both_ways(void **state)
{
	pthread_t guest, writer, reader;
	void *len;
	int p[2], q[2];

	(void)state;
	make_pipe(p, -1);
	make_pipe(q, -1);
	start(
	    (struct stream_config[]){
		{ .port = PORT_OUT, .directions = STREAM_OUT, .out = { p[1], false } },
		{ .port = PORT_IN, .directions = STREAM_IN, .in = { q[0], false } },
	    },
	    2);
	connect_guest(PORT_OUT);
	connect_guest(PORT_IN);
	assert_int_equal(pthread_create(&reader, NULL, slow_reader, &p[0]), 0);
	assert_int_equal(pthread_create(&writer, NULL, bulk_writer, &q[1]), 0);
	assert_int_equal(pthread_create(&guest, NULL, bulk_guest, NULL), 0);
	assert_int_equal(loop_run(&t.loop, &t.err), 0);
	pthread_join(guest, NULL);
	pthread_join(writer, NULL);
	assert_int_equal(streams_drain(t.streams, 10, &t.err), 1);
	streams_fini(t.streams);
	t.streams = NULL;
	pthread_join(reader, &len);
	assert_int_equal((size_t)len, BULK_BYTES);
	assert_int_equal(t.g.vsock->conn_count, 0);
	assert_int_equal(t.g.vsock->device.breaks, 0);
	close(p[0]);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_out_pipe_shared),
		TEST(test_out_pipe_private),
		TEST(test_out_socket),
		TEST(test_out_pty),
		TEST(test_end_after_buffer),
		TEST(test_flags_stay),
		TEST(test_out_file),
		TEST(test_dev_null),
		TEST(test_out_full_device),
		TEST(test_reader_leaves),
		TEST(test_closed_descriptors),
		TEST(test_ports),
		TEST(test_data_the_wrong_way),
		TEST(test_in_pipe),
		TEST(test_in_pipe_private),
		TEST(test_in_socket),
		TEST(test_in_file_with_little_credit),
		TEST(test_app_closes_stdin),
		TEST(test_terminal),
		TEST(test_one_stalls_the_other_runs),
		TEST(test_drain),
		TEST(test_init_fails),
		TEST(test_bulk_both_ways),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
