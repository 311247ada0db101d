/*
 * virtio-net over a stream socket.
 */
#include "tests/unit/virtio/test.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "virtio/net_stream.h"

static struct virtio_net_stream stream;
static int peer;

static int begin(void **state)
{
	int pair[2];

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair), 0);
	virtio_net_stream_init(&stream, pair[0]);
	peer = pair[1];
	return 0;
}

static int end(void **state)
{
	(void)state;
	close(stream.fd);
	if (peer >= 0)
		close(peer);
	return 0;
}

static ssize_t send_frame(const void *data, size_t len)
{
	static uint8_t frame[VIRTIO_NET_FRAME_MAX];
	struct virtio_net_header header = { .flags = 1 };
	struct iovec iov[] = { { &header, sizeof(header) },
			       { frame, 14 },
			       { frame + 14, len - 14 } };

	memcpy(frame, data, len);
	return virtio_net_stream.send(&stream, iov, 3);
}

static ssize_t receive_frame(uint8_t *to, size_t room)
{
	struct virtio_net_header header = { .flags = 1 };
	struct iovec iov[] = { { &header, sizeof(header) }, { to, 10 }, { to + 10, room - 10 } };
	ssize_t n = virtio_net_stream.receive(&stream, iov, 3);

	if (n >= 0)
		assert_int_equal(header.flags, 0);
	return n < 0 ? n : n - (ssize_t)sizeof(header);
}

static void test_frames(void **state)
{
	uint8_t data[100], got[VIRTIO_NET_FRAME_MAX];

	(void)state;
	memset(data, 0x5a, sizeof(data));
	assert_int_equal(send_frame(data, 60), 64);
	assert_int_equal(read(peer, got, sizeof(got)), 64);
	assert_memory_equal(got, "\0\0\0\74", 4);
	assert_memory_equal(got + 4, data, 60);
	assert_int_equal(write(peer, "\0\0\0\20abcdefghijklmnop\0\0\0\16ABCDEFGHIJKLMN", 38), 38);
	assert_int_equal(receive_frame(got, sizeof(got)), 16);
	assert_memory_equal(got, "abcdefghijklmnop", 16);
	assert_int_equal(receive_frame(got, sizeof(got)), 14);
	assert_memory_equal(got, "ABCDEFGHIJKLMN", 14);
	assert_int_equal(receive_frame(got, sizeof(got)), -1);
	assert_int_equal(errno, EAGAIN);
}

static void test_byte_by_byte(void **state)
{
	static const char wire[] = "\0\0\0\20abcdefghijklmnop";
	uint8_t got[VIRTIO_NET_FRAME_MAX];

	(void)state;
	for (unsigned i = 0; i < 20; i++) {
		assert_int_equal(receive_frame(got, sizeof(got)), -1);
		assert_int_equal(errno, EAGAIN);
		assert_int_equal(write(peer, wire + i, 1), 1);
	}
	assert_int_equal(receive_frame(got, sizeof(got)), 16);
	assert_memory_equal(got, "abcdefghijklmnop", 16);
}

static void test_peer_out_of_step(void **state)
{
	static const char *const wrong[] = { "\0\0\0\15", "\0\1\0\17", "\377\377\377\377" };
	uint8_t got[VIRTIO_NET_FRAME_MAX];

	for (unsigned i = 0; i < 3; i++) {
		assert_int_equal(write(peer, wrong[i], 4), 4);
		assert_int_equal(receive_frame(got, sizeof(got)), -1);
		assert_int_equal(errno, EBADMSG);
		/* And it stays so. */
		assert_int_equal(receive_frame(got, sizeof(got)), -1);
		assert_int_equal(errno, EBADMSG);
		end(state);
		begin(state);
	}
	close(peer);
	peer = -1;
	assert_int_equal(receive_frame(got, sizeof(got)), -1);
	assert_int_equal(errno, ECONNRESET);
}

/* Frames of the largest size until the socket is full: none is torn, none is doubled. */
static void test_full_socket(void **state)
{
	static uint8_t data[VIRTIO_NET_FRAME_MAX], got[VIRTIO_NET_FRAME_MAX + 4];
	unsigned sent = 0, received = 0;
	size_t at = 0;

	(void)state;
	while (received < 20) {
		ssize_t n;

		memset(data, (int)sent, sizeof(data));
		while (sent < 20 && send_frame(data, sizeof(data)) >= 0)
			memset(data, (int)++sent, sizeof(data));
		if (sent < 20)
			assert_int_equal(errno, EAGAIN);
		n = read(peer, got + at, sizeof(got) - at < 5000 ? sizeof(got) - at : 5000);
		assert_true(n > 0);
		at += (size_t)n;
		if (at < sizeof(got))
			continue;
		at = 0;
		assert_memory_equal(got, "\0\1\0\16", 4);
		for (size_t i = 4; i < sizeof(got); i++)
			assert_int_equal(got[i], received);
		received++;
	}
	assert_int_equal(sent, 20);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
	const struct CMUnitTest tests[] = {
		TEST(test_frames),
		TEST(test_byte_by_byte),
		TEST(test_peer_out_of_step),
		TEST(test_full_socket),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
