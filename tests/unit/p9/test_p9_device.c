/*
 * virtio-9p: chains become slots and replies come back, whatever the driver and the server do. The
 * test plays the server.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cmocka.h>

#include <linux/virtio_config.h>
#include <linux/virtio_mmio.h>

#include "tests/driver/driver.h"
#include "virtio/p9.h"

struct fixture {
	struct driver d;
	struct virtio_p9 p9;
	struct p9_channel_fds fds;
	uint8_t *slots; /* the server's mapping */
};

static const uint8_t request[9] = { 9, 0, 0, 0, P9_TFLUSH, 1, 0, 2, 0 };

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	struct error err = ERROR_NONE;

	assert_non_null(f);
	driver_init(&f->d, 8 << 20);
	assert_int_equal(p9_channel_create(&f->fds, &err), 0);
	f->slots = p9_channel_map(f->fds.memory_fd, &err);
	assert_non_null(f->slots);
	assert_int_equal(virtio_p9_init(&f->p9, &f->d.gmem, "tag9", f->fds.device_socket,
					f->fds.memory_fd, &err),
			 0);
	driver_attach(&f->d, &f->p9.dev);
	assert_int_equal(driver_start(&f->d, ~0ULL), 15);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	virtio_p9_fini(&f->p9);
	p9_channel_unmap(f->slots);
	close(f->fds.memory_fd);
	close(f->fds.device_socket);
	close(f->fds.server_socket);
	driver_fini(&f->d);
	free(f);
	return 0;
}

static struct driver_buf last_reply;

/* A request in two pieces, with a reply buffer of this size. */
static uint16_t add(struct fixture *f, uint32_t reply_len)
{
	struct driver_buf bufs[] = {
		{ .data = request, .len = 4 },
		{ .data = request + 4, .len = sizeof(request) - 4 },
		{ .len = reply_len, .writable = true },
	};
	uint16_t head = driver_add(&f->d, 0, bufs, 3, DRIVER_INDIRECT);

	last_reply = bufs[2];
	return head;
}

/* What the device has sent. */
static unsigned hear(struct fixture *f, struct p9_record *records)
{
	ssize_t n = recv(f->fds.server_socket, records, P9_SLOTS * sizeof(*records), MSG_DONTWAIT);

	return n < 0 ? 0 : (unsigned)((size_t)n / sizeof(*records));
}

static void answer(struct fixture *f, uint32_t slot, uint32_t len)
{
	struct p9_record record = { .slot = slot, .len = len };

	assert_int_equal(send(f->fds.server_socket, &record, sizeof(record), 0), sizeof(record));
}

static bool broken(struct fixture *f)
{
	return driver_read(&f->d, VIRTIO_MMIO_STATUS) & VIRTIO_CONFIG_S_NEEDS_RESET;
}

static void test_config(void **state)
{
	struct fixture *f = *state;
	uint32_t word = driver_read(&f->d, VIRTIO_MMIO_CONFIG);

	assert_memory_equal(&word, "\4\0ta", 4);
	assert_int_equal(driver_read(&f->d, VIRTIO_MMIO_DEVICE_ID), 9);
}

static void test_exchange(void **state)
{
	struct fixture *f = *state;
	struct p9_record records[P9_SLOTS];
	struct driver_used used;
	uint16_t head = add(f, 100);

	driver_kick(&f->d, 0);
	assert_false(driver_collect(&f->d, 0, &used));
	assert_int_equal(hear(f, records), 1);
	assert_int_equal(records[0].len, sizeof(request));
	assert_int_equal(records[0].reply_max, 100);
	assert_memory_equal(p9_slot_request(f->slots, records[0].slot), request, sizeof(request));
	memcpy(p9_slot_reply(f->slots, records[0].slot), "an answer", 9);
	answer(f, records[0].slot, 9);
	assert_int_equal(virtio_p9_ready(&f->p9), 0);
	assert_true(driver_collect(&f->d, 0, &used));
	assert_int_equal(used.id, head);
	assert_int_equal(used.len, 9);
	assert_memory_equal(driver_at(&f->d, last_reply.gpa, 10), "an answer\0", 10);
	assert_int_equal(f->d.raised, 1);
	assert_int_equal(virtio_p9_ready(&f->p9), 0); /* nothing more */
}

/* All slots are taken: the rest waits in the ring, and goes on when one is free. */
static void test_full(void **state)
{
	struct fixture *f = *state;
	struct p9_record records[P9_SLOTS], more[P9_SLOTS];
	struct driver_used used;

	for (int i = 0; i < P9_SLOTS + 3; i++)
		(void)add(f, 50);
	driver_kick(&f->d, 0);
	assert_int_equal(hear(f, records), P9_SLOTS);
	driver_kick(&f->d, 0);
	assert_int_equal(hear(f, more), 0);
	/* Out of order. */
	answer(f, records[40].slot, 7);
	answer(f, records[3].slot, 7);
	assert_int_equal(virtio_p9_ready(&f->p9), 0);
	assert_int_equal(hear(f, more), 2);
	for (int i = 0; i < 2; i++)
		answer(f, more[i].slot, 7);
	for (int i = 0; i < P9_SLOTS; i++) {
		if (i != 3 && i != 40)
			answer(f, records[i].slot, 7);
	}
	assert_int_equal(virtio_p9_ready(&f->p9), 0);
	assert_int_equal(hear(f, more), 1);
	answer(f, more[0].slot, 7);
	assert_int_equal(virtio_p9_ready(&f->p9), 0);
	for (int i = 0; i < P9_SLOTS + 3; i++)
		assert_true(driver_collect(&f->d, 0, &used));
	assert_false(driver_collect(&f->d, 0, &used));
	assert_int_equal(f->p9.free_count, P9_SLOTS);
}

static void test_small_reply_buffers(void **state)
{
	static const uint32_t sizes[] = { 1, 6, 10 };
	struct fixture *f = *state;
	struct p9_record records[P9_SLOTS];

	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		(void)add(f, sizes[i]);
		driver_kick(&f->d, 0);
		assert_true(broken(f));
		assert_int_equal(hear(f, records), 0);
		assert_int_equal(*(uint8_t *)driver_at(&f->d, last_reply.gpa, 1), 0);
		assert_int_equal(driver_start(&f->d, ~0ULL), 15);
	}
	assert_int_equal(f->p9.dev.breaks, 3);
}

static void test_request_sizes(void **state)
{
	struct fixture *f = *state;
	struct driver_buf tiny[] = { { .data = request, .len = 6 },
				     { .len = 100, .writable = true } };
	struct driver_buf huge[] = { { .len = P9_MSIZE_MAX + 1 },
				     { .len = 100, .writable = true } };
	struct driver_buf most[] = { { .len = P9_MSIZE_MAX },
				     { .len = P9_MSIZE_MAX + 1, .writable = true } };
	struct p9_record records[P9_SLOTS];

	(void)driver_add(&f->d, 0, tiny, 2, 0);
	driver_kick(&f->d, 0);
	assert_true(broken(f));
	assert_int_equal(driver_start(&f->d, ~0ULL), 15);
	(void)driver_add(&f->d, 0, huge, 2, 0);
	driver_kick(&f->d, 0);
	assert_true(broken(f));
	assert_int_equal(driver_start(&f->d, ~0ULL), 15);
	(void)driver_add(&f->d, 0, most, 2, 0);
	driver_kick(&f->d, 0);
	assert_false(broken(f));
	assert_int_equal(hear(f, records), 1);
	assert_int_equal(records[0].len, P9_MSIZE_MAX);
	assert_int_equal(records[0].reply_max, P9_MSIZE_MAX);
}

/* A reset while the server works: its late reply goes nowhere, and the slot comes back. */
static void test_reset_in_flight(void **state)
{
	struct fixture *f = *state;
	struct p9_record records[P9_SLOTS], more[P9_SLOTS];
	struct driver_used used;

	for (int i = 0; i < 1000; i++) {
		(void)add(f, 50);
		driver_kick(&f->d, 0);
		assert_int_equal(hear(f, records), 1);
		assert_int_equal(driver_start(&f->d, ~0ULL), 15);
		(void)add(f, 50);
		driver_kick(&f->d, 0);
		assert_int_equal(hear(f, more), 1);
		assert_int_not_equal(records[0].slot, more[0].slot);
		memset(p9_slot_reply(f->slots, records[0].slot), 0xa5, 50);
		answer(f, records[0].slot, 50);
		assert_int_equal(virtio_p9_ready(&f->p9), 0);
		assert_false(driver_collect(&f->d, 0, &used));
		assert_int_equal(*(uint8_t *)driver_at(&f->d, last_reply.gpa, 1), 0);
		answer(f, more[0].slot, 7);
		assert_int_equal(virtio_p9_ready(&f->p9), 0);
		assert_true(driver_collect(&f->d, 0, &used));
	}
	assert_int_equal(f->p9.free_count, P9_SLOTS);
}

/* The server says that a message breaks the protocol; the others' replies are lost. */
static void test_violation(void **state)
{
	struct fixture *f = *state;
	struct p9_record records[P9_SLOTS];
	struct driver_used used;

	(void)add(f, 50);
	(void)add(f, 50);
	driver_kick(&f->d, 0);
	assert_int_equal(hear(f, records), 2);
	answer(f, records[0].slot, 0);
	answer(f, records[1].slot, 7);
	assert_int_equal(virtio_p9_ready(&f->p9), 0);
	assert_true(broken(f));
	assert_false(driver_collect(&f->d, 0, &used));
	assert_int_equal(f->p9.free_count, P9_SLOTS);
	assert_int_equal(driver_start(&f->d, ~0ULL), 15);
	(void)add(f, 50);
	driver_kick(&f->d, 0);
	assert_int_equal(hear(f, records), 1);
}

/* Records that no server can mean: the device breaks, and stays so after a reset. */
static void mad_server(struct fixture *f, uint32_t slot, uint32_t len)
{
	struct p9_record records[P9_SLOTS];

	(void)add(f, 50);
	driver_kick(&f->d, 0);
	assert_int_equal(hear(f, records), 1);
	answer(f, slot == UINT32_MAX ? records[0].slot : slot, len);
	assert_int_equal(virtio_p9_ready(&f->p9), -1);
	assert_true(broken(f));
	assert_int_equal(driver_start(&f->d, ~0ULL), 15);
	(void)add(f, 50);
	driver_kick(&f->d, 0);
	assert_true(broken(f));
	assert_int_equal(virtio_p9_ready(&f->p9), -1);
}

static void test_server_slot_out_of_range(void **state)
{
	mad_server(*state, P9_SLOTS, 7);
}

static void test_server_slot_not_its_own(void **state)
{
	mad_server(*state, 63, 7);
}

static void test_server_reply_too_long(void **state)
{
	mad_server(*state, UINT32_MAX, 51);
}

static void test_server_gone(void **state)
{
	struct fixture *f = *state;

	close(f->fds.server_socket);
	f->fds.server_socket = -1;
	(void)add(f, 50);
	driver_kick(&f->d, 0);
	assert_true(broken(f));
	assert_int_equal(virtio_p9_ready(&f->p9), -1);
}

static void test_server_half_a_record(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(send(f->fds.server_socket, "abc", 3, 0), 3);
	assert_int_equal(virtio_p9_ready(&f->p9), -1);
	assert_true(broken(f));
}

static void test_bad_parameters(void **state)
{
	struct fixture *f = *state;
	struct error err = ERROR_NONE;
	struct virtio_p9 *other = calloc(1, sizeof(*other));
	char tag[VIRTIO_P9_TAG_MAX + 2];

	memset(tag, 't', sizeof(tag) - 1);
	tag[sizeof(tag) - 1] = '\0';
	assert_int_equal(virtio_p9_init(other, &f->d.gmem, tag, 0, f->fds.memory_fd, &err), -1);
	assert_int_equal(virtio_p9_init(other, &f->d.gmem, "", 0, f->fds.memory_fd, &err), -1);
	assert_int_equal(virtio_p9_init(other, &f->d.gmem, "t", 0, f->fds.device_socket, &err), -1);
	/* The memory of a channel keeps its size. */
	assert_int_equal(ftruncate(f->fds.memory_fd, 4096), -1);
	free(other);
}

/* The word by which the device waits: done in time, and not. */
static void test_wait(void **state)
{
	struct p9_wait wait = { .word = P9_WAIT_NONE };

	(void)state;
	assert_false(p9_wait_done(&wait, 7));
	wait.word = P9_WAIT_BEGUN;
	assert_true(p9_wait_done(&wait, 7));
	assert_int_equal(wait.word, P9_WAIT_DONE);
	assert_true(p9_wait_for(&wait, 1000));
	assert_int_equal(wait.len, 7);
	wait.word = P9_WAIT_BEGUN;
	assert_false(p9_wait_for(&wait, 1000));
	assert_int_equal(wait.word, P9_WAIT_NONE);
	assert_false(p9_wait_done(&wait, 8));
	assert_int_equal(wait.len, 7);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_wait),
		cmocka_unit_test_setup_teardown(test_config, setup, teardown),
		cmocka_unit_test_setup_teardown(test_exchange, setup, teardown),
		cmocka_unit_test_setup_teardown(test_full, setup, teardown),
		cmocka_unit_test_setup_teardown(test_small_reply_buffers, setup, teardown),
		cmocka_unit_test_setup_teardown(test_request_sizes, setup, teardown),
		cmocka_unit_test_setup_teardown(test_reset_in_flight, setup, teardown),
		cmocka_unit_test_setup_teardown(test_violation, setup, teardown),
		cmocka_unit_test_setup_teardown(test_server_slot_out_of_range, setup, teardown),
		cmocka_unit_test_setup_teardown(test_server_slot_not_its_own, setup, teardown),
		cmocka_unit_test_setup_teardown(test_server_reply_too_long, setup, teardown),
		cmocka_unit_test_setup_teardown(test_server_gone, setup, teardown),
		cmocka_unit_test_setup_teardown(test_server_half_a_record, setup, teardown),
		cmocka_unit_test_setup_teardown(test_bad_parameters, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
