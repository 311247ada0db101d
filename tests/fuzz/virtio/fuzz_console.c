/*
 * Any driver against virtio-console, with a listener that reads now and then, or goes away. What
 * reaches the listener of an escaping console is printable.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "tests/driver/script.h"
#include "virtio/console.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct listener {
	struct virtio_console *console;
	int fd;
	bool escape;
};

static void listen(struct listener *l)
{
	uint8_t bytes[4096];
	ssize_t got = l->fd < 0 ? 0 : read(l->fd, bytes, sizeof(bytes));

	for (ssize_t i = 0; l->escape && i < got; i++) {
		if (bytes[i] != '\n' && bytes[i] != '\t' && (bytes[i] < ' ' || bytes[i] > '~'))
			abort();
	}
}

static void own_op(void *ctx, unsigned op, struct cursor *in)
{
	struct listener *l = ctx;

	(void)in;
	if (op == 0 && l->fd >= 0) {
		close(l->fd);
		l->fd = -1;
	}
	if (op & 1)
		listen(l);
	virtio_console_flush(l->console);
}

static ssize_t write_to_fd(void *ctx, const void *data, size_t len)
{
	const int *fd = ctx;
	ssize_t n = write(*fd, data, len);

	return n < 0 && errno == EAGAIN ? 0 : n;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct virtio_console console;
	struct driver d;
	int fds[2];
	struct listener l = { .console = &console, .escape = size && (data[0] & 1) };

	(void)signal(SIGPIPE, SIG_IGN);
	if (pipe2(fds, O_NONBLOCK | O_CLOEXEC) < 0)
		abort();
	/* One page, so that a script of some chains fills it. */
	(void)fcntl(fds[1], F_SETPIPE_SZ, 4096);
	l.fd = fds[0];
	driver_init(&d, 128 * KIB);
	virtio_console_init(&console, &d.gmem, write_to_fd, &fds[1], l.escape);
	driver_attach(&d, &console.dev);
	script_run(&d, data, size, own_op, &l);
	listen(&l);
	virtio_console_fini(&console);
	driver_fini(&d);
	if (l.fd >= 0)
		close(l.fd);
	close(fds[1]);
	return 0;
}
