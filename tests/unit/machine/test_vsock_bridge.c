/*
 * Links between programs of the host and a guest: both directions, half-closed connections, readers
 * that stall, lines that are none, and answers that come too late.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include <cmocka.h>

#include "tests/driver/vsock_guest.h"
#include "vmm/machine/vsock_bridge.h"

enum { SERVER = 5000, GUEST_PORT = 1000, HOST_PORT = 52, GUEST_CREDIT = 1 << 20 };

static struct {
	struct vguest g;
	struct loop loop;
	struct vsock_bridge *bridge;
	struct error err;
	struct sockaddr_un address;
	socklen_t address_len;
	unsigned dials;
	uint32_t port, ticket; /* of the last */
} t;

static bool on_accept(void *ctx, uint32_t host_port, struct vsock_conn *conn,
		      struct vsock_accept *accept)
{
	(void)ctx;
	return vsock_bridge_accept(t.bridge, host_port, conn, accept);
}

static void on_dial(void *ctx, uint32_t port, uint32_t ticket)
{
	(void)ctx;
	t.dials++;
	t.port = port;
	t.ticket = ticket;
}

static int setup(void **state)
{
	int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	(void)state;
	memset(&t, 0, sizeof(t));
	t.address.sun_family = AF_UNIX;
	vguest_init(&t.g, on_accept, NULL);
	vguest_post(&t.g, VSOCK_RX_SIZE);
	/* The kernel chooses an abstract name. */
	t.address_len = sizeof(t.address);
	assert_int_equal(bind(listener, (struct sockaddr *)&t.address, sizeof(sa_family_t)), 0);
	assert_int_equal(listen(listener, 300), 0);
	assert_int_equal(getsockname(listener, (struct sockaddr *)&t.address, &t.address_len), 0);
	assert_int_equal(loop_init(&t.loop, &t.err), 0);
	return vsock_bridge_init(&t.bridge, listener, t.g.vsock, &t.loop, on_dial, NULL, &t.err);
}

static int teardown(void **state)
{
	(void)state;
	vsock_bridge_fini(t.bridge);
	loop_fini(&t.loop);
	vguest_fini(&t.g);
	return 0;
}

static void turn(void)
{
	for (int i = 0; i < 8; i++)
		assert_int_equal(loop_run_once(&t.loop, 0, &t.err), 0);
}

static int host_connect(const char *line)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	assert_int_equal(connect(fd, (struct sockaddr *)&t.address, t.address_len), 0);
	assert_int_equal(send(fd, line, strlen(line), 0), strlen(line));
	turn();
	return fd;
}

static void packet(uint32_t guest_port, uint32_t host_port, uint16_t op, uint32_t flags,
		   const void *data, size_t len)
{
	vguest_send(&t.g, &(struct vguest_packet){ .guest_port = guest_port,
						   .host_port = host_port,
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

/* What the host's program reads now; "" is the end, NULL nothing. */
static const char *host_read(int fd)
{
	static char text[256];
	ssize_t n = recv(fd, text, sizeof(text) - 1, 0);

	if (n < 0 && errno == EAGAIN)
		return NULL;
	text[n > 0 ? n : 0] = '\0';
	return text;
}

static bool host_sees_end(int fd)
{
	const char *text = host_read(fd);

	return text && !text[0];
}

/* A connection into the guest that stands. Returns the host's port. */
static uint32_t open_link(int fd)
{
	struct vsock_header header = expect(VSOCK_OP_REQUEST);
	uint32_t port = le32_get(header.src_port);
	char ok[32];

	assert_int_equal(le32_get(header.dst_port), SERVER);
	assert_null(host_read(fd));
	packet(SERVER, port, VSOCK_OP_RESPONSE, 0, NULL, 0);
	(void)snprintf(ok, sizeof(ok), "OK %u\n", port);
	assert_string_equal(host_read(fd), ok);
	return port;
}

static void test_into_the_guest(void **state)
{
	int fd = host_connect("CONNECT 5000\nfirst");
	uint32_t port = open_link(fd);

	(void)state;
	turn();
	expect(VSOCK_OP_RW);
	assert_memory_equal(t.g.payload, "first", 5);
	packet(SERVER, port, VSOCK_OP_RW, 0, "reply", 5);
	assert_string_equal(host_read(fd), "reply");

	/* The host's program has said all; the guest still talks, then ends too. */
	shutdown(fd, SHUT_WR);
	turn();
	assert_int_equal(le32_get(expect(VSOCK_OP_SHUTDOWN).flags), VSOCK_SHUTDOWN_SEND);
	packet(SERVER, port, VSOCK_OP_RW, 0, "last", 4);
	packet(SERVER, port, VSOCK_OP_SHUTDOWN, VSOCK_SHUTDOWN_BOTH, NULL, 0);
	expect(VSOCK_OP_RST);
	turn();
	assert_string_equal(host_read(fd), "last");
	assert_true(host_sees_end(fd));
	close(fd);
	assert_int_equal(t.g.vsock->conn_count, 0);
}

/* The line may come in pieces; what is no line closes the socket, and the guest hears nothing. */
static void test_lines(void **state)
{
	static const char *const bad[] = {
		"CONNECT \n",
		"CONNECT 4294967295\n",
		"CONNECT 99999999999999999999\n",
		"CONNECT -1\n",
		"connect 5000\n",
		"CONNECT 5000 \n",
		"CONNECT 0x10\n",
		"\n",
		"CONNECT 5000 and so on, without an",
		"GET / HTTP/1.0\r\n\r\n",
	};
	int fd = host_connect("CONN");

	(void)state;
	assert_int_equal(send(fd, "ECT 5000", 8, 0), 8);
	turn();
	assert_int_equal(send(fd, "\n", 1, 0), 1);
	turn();
	(void)open_link(fd);
	close(fd);
	turn();
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct vsock_header header;

		while (vguest_receive(&t.g, &header))
			assert_int_not_equal(le16_get(header.op), VSOCK_OP_REQUEST);
		fd = host_connect(bad[i]);
		if (!host_sees_end(fd))
			fail_msg("line %zu is taken", i);
		close(fd);
	}
}

static void test_guest_refuses(void **state)
{
	int fd = host_connect("CONNECT 5000\n");
	uint32_t port = le32_get(expect(VSOCK_OP_REQUEST).src_port);

	(void)state;
	packet(SERVER, port, VSOCK_OP_RST, 0, NULL, 0);
	turn();
	assert_true(host_sees_end(fd));
	close(fd);
}

/* A guest that answers nobody keeps nothing of a program that has gone, however many there are. */
static void test_guest_never_answers(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 2 * BRIDGE_LINKS_MAX; i++) {
		int fd = host_connect("CONNECT 5000\n");

		(void)expect(VSOCK_OP_REQUEST);
		if (i % 2) {
			/* Half a connection is enough to wait with. */
			assert_int_equal(shutdown(fd, SHUT_WR), 0);
			turn();
			assert_false(host_sees_end(fd));
		}
		close(fd);
		turn();
		(void)expect(VSOCK_OP_RST);
		vguest_post(&t.g, 2);
	}
}

/* 64 KiB of credit are all that a guest gets from a reader who does not read. */
static void test_host_stalls(void **state)
{
	static uint8_t block[4000];
	int fd = host_connect("CONNECT 5000\n"), small = 1;
	uint32_t port = open_link(fd);
	size_t sent = 0, read_back = 0;
	ssize_t n;

	(void)state;
	(void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small));
	while (t.g.vsock->conn_count && sent < 4 << 20) {
		struct vsock_header header;

		packet(SERVER, port, VSOCK_OP_RW, 0, block, sizeof(block));
		sent += sizeof(block);
		while (vguest_receive(&t.g, &header))
			vguest_post(&t.g, 1);
	}
	/* Who goes on without credit is cut off; what came within it is the host's. */
	assert_int_equal(t.g.vsock->conn_count, 0);
	for (int i = 0; i < 1000; i++) {
		static uint8_t bytes[65536];

		turn();
		n = recv(fd, bytes, sizeof(bytes), 0);
		if (n == 0)
			break;
		read_back += n > 0 ? (size_t)n : 0;
	}
	assert_int_equal(n, 0);
	assert_true(read_back >= BRIDGE_BUFFER_BYTES && read_back < sent);
	close(fd);
}

static void test_out_of_the_guest(void **state)
{
	int pair[2];

	(void)state;
	packet(GUEST_PORT, HOST_PORT, VSOCK_OP_REQUEST, 0, NULL, 0);
	assert_int_equal(t.dials, 1);
	assert_int_equal(t.port, HOST_PORT);
	assert_false(vguest_receive(&t.g, &(struct vsock_header){ 0 }));
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair), 0);
	vsock_bridge_answer(t.bridge, t.ticket, pair[0]);
	expect(VSOCK_OP_RESPONSE);
	packet(GUEST_PORT, HOST_PORT, VSOCK_OP_RW, 0, "question", 8);
	assert_string_equal(host_read(pair[1]), "question");
	assert_int_equal(send(pair[1], "answer", 6, 0), 6);
	turn();
	expect(VSOCK_OP_RW);
	assert_memory_equal(t.g.payload, "answer", 6);
	close(pair[1]);
	turn();
	expect(VSOCK_OP_SHUTDOWN);
	packet(GUEST_PORT, HOST_PORT, VSOCK_OP_RST, 0, NULL, 0);
	turn();

	/* Refused; and answered when the guest has given up. */
	packet(GUEST_PORT, HOST_PORT, VSOCK_OP_REQUEST, 0, NULL, 0);
	vsock_bridge_answer(t.bridge, t.ticket, -1);
	expect(VSOCK_OP_RST);
	turn();
	packet(GUEST_PORT, HOST_PORT, VSOCK_OP_REQUEST, 0, NULL, 0);
	packet(GUEST_PORT, HOST_PORT, VSOCK_OP_RST, 0, NULL, 0);
	turn();
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair), 0);
	vsock_bridge_answer(t.bridge, t.ticket, pair[0]);
	assert_true(host_sees_end(pair[1]));
	close(pair[1]);
	assert_int_equal(t.dials, 3);
	assert_int_equal(t.g.vsock->conn_count, 0);
}

static void test_limits(void **state)
{
	int fds[BRIDGE_LINKS_MAX + 1];

	(void)state;
	for (unsigned i = 0; i <= BRIDGE_DIALS_MAX; i++)
		packet(GUEST_PORT + i, HOST_PORT, VSOCK_OP_REQUEST, 0, NULL, 0);
	assert_int_equal(t.dials, BRIDGE_DIALS_MAX);
	expect(VSOCK_OP_RST);
	for (uint32_t i = 1; i <= BRIDGE_DIALS_MAX; i++)
		vsock_bridge_answer(t.bridge, i, -1);
	turn();
	for (unsigned i = 0; i <= BRIDGE_LINKS_MAX; i++)
		fds[i] = host_connect("");
	assert_true(host_sees_end(fds[BRIDGE_LINKS_MAX]));
	assert_null(host_read(fds[0]));
	for (unsigned i = 0; i <= BRIDGE_LINKS_MAX; i++)
		close(fds[i]);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_into_the_guest), TEST(test_lines),
		TEST(test_guest_refuses),  TEST(test_guest_never_answers),
		TEST(test_host_stalls),	   TEST(test_out_of_the_guest),
		TEST(test_limits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
