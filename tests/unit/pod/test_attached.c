/*
 * Those who attach: output to all, loss for who stalls, input back; and the keys that detach.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "vmm/pod/attached.h"
#include "vmm/pod/detach_keys.h"

static struct attached attached;
static struct attach_packet packet;
static int app_stdin; /* what the app reads */

static int begin(void **state)
{
	int ends[2];

	(void)state;
	if (pipe2(ends, O_NONBLOCK) < 0)
		return -1;
	app_stdin = ends[0];
	attached_init(&attached, ends[1]);
	return 0;
}

static int finish(void **state)
{
	(void)state;
	attached_end(&attached);
	return app_stdin >= 0 ? close(app_stdin) : 0;
}

static int add(void)
{
	int pair[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, pair), 0);
	attached_add(&attached, pair[0]);
	return pair[1];
}

/* Returns how many bytes of output came, or -1. */
static ssize_t take(int fd)
{
	ssize_t n = recv(fd, &packet, sizeof(packet), 0);

	return n < 0 ? -1 : n - ATTACH_HEADER_BYTES;
}

static void step(void)
{
	struct pollfd fds[ATTACHED_MAX + 1];

	attached_wants(&attached, fds);
	(void)poll(fds, ATTACHED_MAX + 1, 0);
	attached_step(&attached, fds);
}

static void type(int fd, const char *text)
{
	packet.kind = ATTACH_STDIN;
	memcpy(packet.data, text, strlen(text));
	assert_true(send(fd, &packet, ATTACH_HEADER_BYTES + strlen(text), MSG_NOSIGNAL) > 0);
}

static void expect_stdin(const char *text)
{
	char data[64];
	ssize_t n = read(app_stdin, data, sizeof(data));

	assert_int_equal(n, strlen(text));
	assert_memory_equal(data, text, strlen(text));
}

static void test_output(void **state)
{
	int a = add(), b = add();

	(void)state;
	attached_send(&attached, ATTACH_STDOUT, "hello", 5);
	assert_int_equal(take(a), 5);
	assert_int_equal(packet.kind, ATTACH_STDOUT);
	assert_memory_equal(packet.data, "hello", 5);
	assert_int_equal(take(b), 5);
	close(a);
	step();
	assert_int_equal(attached.count, 1);
	attached_send(&attached, ATTACH_STDERR, "x", 1);
	assert_int_equal(take(b), 1);
	assert_int_equal(packet.kind, ATTACH_STDERR);
	close(b);
	/* Sending finds that nobody is there, too. */
	attached_send(&attached, ATTACH_STDERR, "x", 1);
	assert_int_equal(attached.count, 0);
}

static void test_loss(void **state)
{
	static char data[ATTACH_DATA_MAX];
	int slow = add();
	uint64_t sent = 0, taken = 0, lost = 0;
	ssize_t n;

	(void)state;
	for (int i = 0; i < 100; i++, sent += sizeof(data))
		attached_send(&attached, ATTACH_STDOUT, data, sizeof(data));
	assert_int_equal(attached.count, 1);
	while ((n = take(slow)) > 0)
		taken += (uint64_t)n;
	assert_true(taken < sent);
	attached_send(&attached, ATTACH_STDOUT, "more", 4);
	assert_int_equal(take(slow), sizeof(lost));
	assert_int_equal(packet.kind, ATTACH_LOST);
	memcpy(&lost, packet.data, sizeof(lost));
	assert_int_equal(lost, sent - taken);
	assert_int_equal(take(slow), 4);
	close(slow);
}

static void test_too_many(void **state)
{
	int fds[ATTACHED_MAX + 1];
	char byte;

	(void)state;
	for (int i = 0; i <= ATTACHED_MAX; i++)
		fds[i] = add();
	assert_int_equal(attached.count, ATTACHED_MAX);
	assert_int_equal(read(fds[ATTACHED_MAX], &byte, 1), 0);
	assert_int_equal(read(fds[0], &byte, 1), -1);
	for (int i = 0; i <= ATTACHED_MAX; i++)
		close(fds[i]);
	step();
	assert_int_equal(attached.count, 0);
}

static void test_input(void **state)
{
	int a = add(), b = add();

	(void)state;
	type(a, "one ");
	step();
	type(b, "two");
	step();
	expect_stdin("one two");
	/* What is no input ends the attachment. */
	packet.kind = ATTACH_STDOUT;
	assert_true(send(a, &packet, ATTACH_HEADER_BYTES, 0) > 0);
	step();
	assert_int_equal(attached.count, 1);
	close(a);
	close(b);
}

/* Of one who types more than the app reads, no more is taken; others wait too, output goes on. */
static void test_input_waits(void **state)
{
	static char text[ATTACH_DATA_MAX];
	int a = add(), b = add();
	char data[4096];
	size_t total = 0;
	ssize_t n;

	(void)state;
	memset(text, 'x', sizeof(text) - 1);
	for (int i = 0; i < 4; i++) {
		type(a, text);
		step();
		step();
	}
	type(b, "end");
	step();
	attached_send(&attached, ATTACH_STDOUT, "y", 1);
	assert_int_equal(take(b), 1);
	for (int i = 0; i < 1000 && total < 4 * (sizeof(text) - 1) + 3; i++) {
		n = read(app_stdin, data, sizeof(data));
		total += n > 0 ? (size_t)n : 0;
		step();
	}
	assert_int_equal(total, 4 * (sizeof(text) - 1) + 3);
	/* The app reads no more: what is typed goes nowhere, and nobody waits. */
	close(app_stdin);
	app_stdin = -1;
	type(a, "gone");
	step();
	step();
	assert_int_equal(attached.app_stdin, -1);
	type(a, "gone");
	step();
	step();
	assert_int_equal(attached.count, 2);
	close(a);
	close(b);
}

/* Types the text in two pieces, cut anywhere; expects what reaches the app, and whether it ends. */
static void expect_keys(const char *typed, const char *passed, bool goes_on)
{
	for (size_t cut = 0; cut <= strlen(typed); cut++) {
		struct detach_keys keys = { false };
		uint8_t data[64], all[64];
		size_t used = 0, len = cut;
		bool on;

		memcpy(data, typed, cut);
		on = detach_keys_filter(&keys, data, &len);
		memcpy(all, data, len);
		used = len;
		if (on) {
			len = strlen(typed) - cut;
			memcpy(data, typed + cut, len);
			on = detach_keys_filter(&keys, data, &len);
			memcpy(all + used, data, len);
			used += len;
		}
		assert_int_equal(on, goes_on);
		assert_int_equal(used, strlen(passed));
		assert_memory_equal(all, passed, used);
	}
}

static void test_detach_keys(void **state)
{
	(void)state;
	expect_keys("abc", "abc", true);
	expect_keys("a\x10\x11 b", "a", false);
	expect_keys("\x10\x10\x11", "\x10", false);
	expect_keys("a\x10z\x11", "a\x10z\x11", true);
	expect_keys("a\x10", "a", true);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_output, begin, finish),
		cmocka_unit_test_setup_teardown(test_loss, begin, finish),
		cmocka_unit_test_setup_teardown(test_too_many, begin, finish),
		cmocka_unit_test_setup_teardown(test_input, begin, finish),
		cmocka_unit_test_setup_teardown(test_input_waits, begin, finish),
		cmocka_unit_test(test_detach_keys),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
