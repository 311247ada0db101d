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
#include <linux/virtio_config.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cmocka.h>

#include "vmm/machine/devices.h"

enum {
	FLOOD_BYTES = 1 << 20,
	PATIENCE_S = 60,
	DEVICE_ID = 0x008, /* registers of virtio-mmio */
	STATUS = 0x070,
};

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

static void start(struct devices *devices, int console, struct loop *loop)
{
	static const struct gmem memory;
	struct plan plan = { .cpus = 1,
			     .console_fd = console,
			     .vsock_listener = -1,
			     .files = { { -1, -1 }, { -1, -1 } } };
	struct error err;

	memset(devices, 0, sizeof(*devices));
	assert_int_equal(loop_init(loop, &err), 0);
	assert_int_equal(devices_init(devices, &plan, &memory, loop, accept_nothing, NULL,
				      send_nothing, NULL, &err),
			 0);
}

/* The messages of a guest that says more than anybody reads go to a socket that blocks. */
static void flood(int console)
{
	static struct devices devices;
	struct loop loop;
	struct error err;

	start(&devices, console, &loop);
	for (unsigned i = 0; i < FLOOD_BYTES; i++)
		devices_port_write(&devices, LAYOUT_EARLY_CONSOLE, i % 64 ? "x" : "\n", 1);
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

static void test_windows_at_ports(void **state)
{
	static struct devices devices;
	const uint32_t status = 1, ready = VIRTIO_CONFIG_S_DRIVER_OK;
	struct loop loop;
	uint32_t by_port, by_memory, id;
	uint16_t port = LAYOUT_VIRTIO_PORTS;

	(void)state;
	start(&devices, -1, &loop);
	for (unsigned slot = 0; slot <= devices.slot_count; slot++) {
		for (unsigned at = 0; at < VIRTIO_MMIO_WINDOW_BYTES; at += 4) {
			devices_port_read(&devices, (uint16_t)(port + at), &by_port, 4);
			devices_read(&devices, LAYOUT_VIRTIO + slot * LAYOUT_VIRTIO_STRIDE + at,
				     &by_memory, 4);
			assert_int_equal(by_port, by_memory);
		}
		devices_port_read(&devices, (uint16_t)(port + DEVICE_ID), &id, 4);
		assert_true(slot < devices.slot_count ? id < 64 : id == UINT32_MAX);
		devices_port_write(&devices, (uint16_t)(port + STATUS), &status, 4);
		devices_read(&devices, LAYOUT_VIRTIO + slot * LAYOUT_VIRTIO_STRIDE + STATUS,
			     &by_memory, 4);
		assert_int_equal(by_memory, slot < devices.slot_count ? status : UINT32_MAX);
		id = slot < devices.slot_count ? id : 0;
		assert_int_equal(devices_port_write(&devices, (uint16_t)(port + STATUS), &ready, 4),
				 id);
		assert_int_equal(devices_write(&devices,
					       LAYOUT_VIRTIO + slot * LAYOUT_VIRTIO_STRIDE + STATUS,
					       &ready, 4),
				 id);
		port = (uint16_t)(port + VIRTIO_MMIO_WINDOW_BYTES);
	}
	devices_port_read(&devices, LAYOUT_VIRTIO_PORTS - 4, &by_port, 4);
	assert_int_equal(by_port, UINT32_MAX);
	loop_fini(&loop);
	free(devices.vsock);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_console_that_nobody_reads),
		cmocka_unit_test(test_windows_at_ports),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
