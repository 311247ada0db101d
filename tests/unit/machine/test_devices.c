/*
 * The machine's devices behind descriptors of the user's, of which nothing can be taken for
 * granted.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cmocka.h>

#include "vmm/machine/devices.h"

enum { FLOOD_BYTES = 1 << 20, PATIENCE_S = 60 };

static bool accept_nothing(void *context, uint32_t port, struct vsock_conn *conn,
			   struct vsock_accept *accept)
{
	(void)context;
	(void)port;
	(void)conn;
	(void)accept;
	return false;
}

static void send_nothing(void *context, uint32_t address, uint32_t data)
{
	(void)context;
	(void)address;
	(void)data;
}

/* The messages of a guest that says more than anybody reads go to a socket that blocks. */
static void flood(int console)
{
	static struct devices devices;
	static const struct gmem memory;
	struct plan plan = { .cpus = 1,
			     .console_fd = console,
			     .vsock_listener = -1,
			     .files = { { -1, -1 }, { -1, -1 } } };
	struct loop loop;
	struct error err;

	memset(&devices, 0, sizeof(devices));
	assert_int_equal(loop_init(&loop, &err), 0);
	assert_int_equal(devices_init(&devices, &plan, &memory, &loop, accept_nothing, NULL,
				      send_nothing, NULL, &err),
			 0);
	for (unsigned i = 0; i < FLOOD_BYTES; i++)
		devices_port_write(&devices, LAYOUT_EARLY_CONSOLE, i % 64 ? 'x' : '\n');
	assert_int_equal(loop_run_once(&loop, 0, &err), 0);
	assert_true(devices.console.used > 0);
	loop_fd_remove(&devices.console_out);
	loop_fini(&loop);
	free(devices.vsock);
}

static void test_console_that_nobody_reads(void **state)
{
	int ends[2];

	(void)state;
	alarm(PATIENCE_S); /* it would wait for ever */
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
	flood(ends[0]);
	assert_int_equal(pipe(ends), 0);
	flood(ends[1]);
	alarm(0);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_console_that_nobody_reads) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
