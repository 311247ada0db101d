#include "tests/unit/virtio/test.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "tests/driver/driver.h"
#include "virtio/console.h"

enum { RECEIVE, TRANSMIT };

struct fixture {
	struct driver d;
	struct virtio_console console;
	int fds[2];
};

static struct fixture f;

static ssize_t write_to_fd(void *ctx, const void *data, size_t len)
{
	const int *fd = ctx;
	ssize_t n = write(*fd, data, len);

	return n < 0 && errno == EAGAIN ? 0 : n;
}

static void begin(bool escape)
{
	memset(&f, 0, sizeof(f));
	assert_int_equal(pipe2(f.fds, O_NONBLOCK | O_CLOEXEC), 0);
	assert_true(fcntl(f.fds[1], F_SETPIPE_SZ, 4096) >= 0);
	driver_init(&f.d, 1 << 20);
	virtio_console_init(&f.console, &f.d.gmem, write_to_fd, &f.fds[1], escape);
	driver_attach(&f.d, &f.console.dev);
	assert_int_equal(driver_start(&f.d, ~0ULL), 15);
}

static void end(void)
{
	virtio_console_fini(&f.console);
	driver_fini(&f.d);
	close(f.fds[0]);
	close(f.fds[1]);
}

static void say(const void *data, size_t len)
{
	struct driver_buf buf = { .data = data, .len = (uint32_t)len };
	struct driver_used used;

	driver_add(&f.d, TRANSMIT, &buf, 1, 0);
	driver_kick(&f.d, TRANSMIT);
	assert_true(driver_collect(&f.d, TRANSMIT, &used));
	assert_int_equal(used.len, 0);
}

static size_t hear(char *to, size_t len)
{
	ssize_t got = read(f.fds[0], to, len);

	return got < 0 ? 0 : (size_t)got;
}

static void test_output(void **state)
{
	struct driver_buf input = { .len = 16, .writable = true };
	char text[64] = { 0 };

	(void)state;
	begin(false);
	say("a\r\n\033[1m\xff", 8);
	assert_int_equal(hear(text, sizeof(text)), 8);
	assert_memory_equal(text, "a\r\n\033[1m\xff", 8);

	/* Nothing ever comes in. */
	driver_add(&f.d, RECEIVE, &input, 1, 0);
	driver_kick(&f.d, RECEIVE);
	assert_int_equal(driver_device_used_idx(&f.d, RECEIVE), 0);
	assert_int_equal(f.console.dev.breaks, 0);
	end();
}

static void test_escape(void **state)
{
	static const char input[] = "a\r\nb\tc\033[1m\x7f\x9b\0z";
	static const char want[] = "a\nb\tc\\x1b[1m\\x7f\\x9b\\x00z";
	char text[64] = { 0 };

	(void)state;
	begin(true);
	say(input, sizeof(input) - 1);
	assert_int_equal(hear(text, sizeof(text)), sizeof(want) - 1);
	assert_string_equal(text, want);
	end();
}

/* Messages from before the driver was there come whole, a line at a time, and escaped as the rest.
 */
static void test_early_messages(void **state)
{
	static const char input[] = "early\033\r\nhalf";
	char text[64] = { 0 };

	(void)state;
	begin(true);
	virtio_device_reset(&f.console.dev);
	for (size_t i = 0; i < sizeof(input) - 1; i++)
		virtio_console_put(&f.console, (uint8_t)input[i]);
	assert_int_equal(hear(text, sizeof(text)), 10);
	assert_string_equal(text, "early\\x1b\n");
	virtio_console_flush(&f.console);
	assert_int_equal(hear(text, sizeof(text)), 4);
	end();
}

/* Nobody reads: the guest goes on, the newest bytes are kept, the rest is counted. */
static void test_flood(void **state)
{
	static char block[5000], text[8192];
	uint64_t sent = 0, heard = 0;
	size_t got;

	(void)state;
	begin(false);
	for (unsigned i = 0; i < 100; i++) {
		memset(block, 'a' + (int)(i % 26), sizeof(block));
		say(block, sizeof(block));
		sent += sizeof(block);
	}
	assert_int_equal(f.console.used, VIRTIO_CONSOLE_BUFFER_BYTES);
	assert_int_equal(f.console.dropped_bytes, sent - 4096 - VIRTIO_CONSOLE_BUFFER_BYTES);
	while ((got = hear(text, sizeof(text))) > 0) {
		heard += got;
		assert_int_equal(text[got - 1], heard == 4096 ? 'a' : text[got - 1]);
		virtio_console_flush(&f.console);
		block[0] = text[got - 1];
	}
	assert_int_equal(heard, 4096 + VIRTIO_CONSOLE_BUFFER_BYTES);
	assert_int_equal(block[0], 'a' + 99 % 26);
	end();
}

static void test_huge_chain(void **state)
{
	struct driver_buf bufs[4];
	char text[8];

	(void)state;
	begin(false);
	for (unsigned i = 0; i < 4; i++)
		bufs[i] = (struct driver_buf){ .gpa = DRIVER_RAM_GPA, .len = 1 << 20 };
	driver_add(&f.d, TRANSMIT, bufs, 4, 0);
	driver_kick(&f.d, TRANSMIT);
	assert_int_equal(driver_device_used_idx(&f.d, TRANSMIT), 1);
	assert_int_equal(f.console.dropped_bytes, (4 << 20) - VIRTIO_CONSOLE_CHAIN_MAX);
	assert_true(hear(text, sizeof(text)) > 0);
	end();
}

static void test_reader_gone(void **state)
{
	(void)state;
	begin(false);
	close(f.fds[0]);
	say("one", 3);
	say("two", 3);
	assert_int_equal(f.console.dropped_bytes, 6);
	assert_int_equal(f.console.used, 0);
	f.fds[0] = dup(f.fds[1]);
	end();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_output),	    cmocka_unit_test(test_escape),
		cmocka_unit_test(test_flood),	    cmocka_unit_test(test_huge_chain),
		cmocka_unit_test(test_reader_gone), cmocka_unit_test(test_early_messages),
	};

	(void)signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
