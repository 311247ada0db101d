/*
 * The control socket of a pod: packets of any size and with descriptors, from several clients that
 * come and go.
 *
 * The input is a list of {client, descriptors, length, bytes}; length 255 ends that client.
 */
#include <assert.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "vmm/base/bytes.h"
#include "vmm/pod/client.h"
#include "vmm/pod/pod_logs.h"
#include "vmm/pod/supervisor.h"

enum { CLIENTS = 3, LENGTH_END = 255, TURNS = 4 };

static struct supervisor supervisor;
static struct pod_logs logs = { .socket = -1 };
static int dir_fd, machine[2];

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void open_server(void)
{
	int fd = control_socket_bind(dir_fd, NULL);

	assert(fd >= 0);
	assert(control_socket_open(&supervisor.control, &supervisor, &supervisor.loop, fd, NULL) ==
	       0);
}

static void set_up(void)
{
	char directory[] = "/tmp/fuzz-pod-control-XXXXXX";

	assert(mkdtemp(directory));
	dir_fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert(dir_fd >= 0 && loop_init(&supervisor.loop, NULL) == 0);
	open_server();
	assert(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, machine) == 0);
	supervisor.machine.fd = machine[0];
	supervisor.logs = &logs;
	logs.is_logged[1] = true; /* to a logger that is not there */
	supervisor.apps.count = 2;
	supervisor.apps.apps[0].name = "one";
	supervisor.apps.apps[1].name = "two";
}

static void turn(void)
{
	char buffer[512];

	for (int i = 0; i < TURNS; i++)
		assert(loop_run_once(&supervisor.loop, 0, NULL) == 0);
	while (recv(machine[1], buffer, sizeof(buffer), MSG_DONTWAIT) > 0)
		;
}

static void send_packet(int fd, const void *bytes, size_t len, unsigned fd_count)
{
	union {
		char bytes[CMSG_SPACE(16 * sizeof(int))];
		struct cmsghdr align;
	} control = { .bytes = { 0 } };
	uint8_t copy[LENGTH_END];
	struct iovec iov = { copy, len };
	struct msghdr message = { .msg_iov = &iov, .msg_iovlen = 1 };

	memcpy(copy, bytes, len);
	if (fd_count) {
		struct cmsghdr *c;

		message.msg_control = control.bytes;
		message.msg_controllen = CMSG_SPACE(fd_count * sizeof(int));
		c = CMSG_FIRSTHDR(&message);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(fd_count * sizeof(int));
		memset(CMSG_DATA(c), 0, fd_count * sizeof(int)); /* stdin, again and again */
	}
	(void)sendmsg(fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
}

static void hear(int fd)
{
	struct pod_reply reply;
	ssize_t n;

	while ((n = recv(fd, &reply, sizeof(reply), MSG_DONTWAIT)) > 0) {
		assert(n == (ssize_t)sizeof(reply));
		assert(memchr(reply.text, '\0', sizeof(reply.text)));
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct cursor c = cursor_make(data, size);
	int clients[CLIENTS] = { -1, -1, -1 };

	if (!supervisor.loop.epoll_fd)
		set_up();
	supervisor.has_started = size % 2;
	supervisor.has_ended = false;
	while (cursor_left(&c) >= 3) {
		int *client = &clients[cursor_u8(&c) % CLIENTS];
		unsigned fd_count = cursor_u8(&c) % 12;
		size_t len = cursor_u8(&c);
		const void *bytes;

		if (*client < 0)
			*client = client_connect(dir_fd, NULL);
		assert(*client >= 0);
		turn();
		if (len == LENGTH_END) {
			close(*client);
			*client = -1;
			continue;
		}
		bytes = cursor_take(&c, len);
		if (!bytes)
			break;
		send_packet(*client, bytes, len, fd_count);
		turn();
		hear(*client);
	}
	/* Some pods end while they have clients. */
	if (size % 8 == 0) {
		control_socket_close(&supervisor.control);
		memset(&supervisor.control, 0, sizeof(supervisor.control));
		open_server();
	}
	for (int i = 0; i < CLIENTS; i++)
		if (clients[i] >= 0)
			close(clients[i]);
	turn();
	return 0;
}
