/*
 * What the supervisor sends to the files role for a member: names of the slot's own, the descriptor
 * and its rights; and that nothing is left open or waited for.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "virtio/p9_channel.h"
#include "vmm/base/descriptors.h"
#include "vmm/pod/member_shares.h"

static int sockets[2];

static void expect_packet(const char *name, uint32_t flags)
{
	struct p9_share_packet packet;
	unsigned count;
	int fd = -1;

	assert_int_equal(descriptors_receive(sockets[1], &packet, sizeof(packet), &fd, 1, &count),
			 sizeof(packet));
	assert_int_equal(packet.slot, P9_SLOT_SHARE);
	assert_string_equal(packet.name, name);
	assert_int_equal(packet.flags, flags);
	assert_int_equal(count, 1);
	close(fd);
}

static void test_packets(void **state)
{
	struct member_shares shares;
	struct error err = ERROR_NONE;
	int fd, gone;
	char byte;

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sockets), 0);
	shares.socket = sockets[0];
	fd = open("/", O_PATH | O_CLOEXEC);
	assert_int_equal(member_shares_add(&shares, 1, 0, fd, false, true, &err), 0);
	assert_int_equal(fcntl(fd, F_GETFD), -1);
	expect_packet("m1.0", P9_SHARE_RECURSIVE);
	fd = open("/", O_PATH | O_CLOEXEC);
	assert_int_equal(member_shares_add(&shares, 63, 255, fd, true, false, &err), 0);
	expect_packet("m63.255", P9_SHARE_READ_ONLY);
	/* Slot 1, not slot 12. */
	assert_int_equal(member_shares_remove(&shares, 1, &gone, &err), 0);
	assert_int_equal(fcntl(gone, F_SETFL, O_NONBLOCK), 0);
	assert_int_equal(read(gone, &byte, 1), -1);
	assert_int_equal(errno, EAGAIN);
	/* The answer is that what came with the question is closed. */
	expect_packet("m1.", P9_SHARE_REMOVE);
	assert_int_equal(read(gone, &byte, 1), 0);
	close(gone);
	close(sockets[0]);
	close(sockets[1]);
}

/* A machine that was taken over may have filled the socket; a pod may take no containers. */
static void test_no_room(void **state)
{
	struct member_shares shares = { .socket = -1 };
	struct error err = ERROR_NONE;
	int fd = open("/", O_PATH | O_CLOEXEC), result = 0, gone;

	(void)state;
	assert_int_equal(member_shares_add(&shares, 1, 0, fd, false, false, &err), -1);
	assert_int_equal(err.code, ENOTSUP);
	assert_int_equal(fcntl(fd, F_GETFD), -1);
	assert_int_equal(member_shares_remove(&shares, 1, &gone, &err), 0);
	assert_int_equal(gone, -1);
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sockets), 0);
	shares.socket = sockets[0];
	for (int i = 0; i < 100000 && result == 0; i++) {
		fd = open("/", O_PATH | O_CLOEXEC);
		result = member_shares_add(&shares, 1, 0, fd, false, false, &err);
		assert_int_equal(fcntl(fd, F_GETFD), -1);
	}
	assert_int_equal(result, -1);
	assert_int_equal(member_shares_remove(&shares, 1, &gone, &err), -1);
	assert_int_equal(gone, -1);
	close(sockets[0]);
	close(sockets[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_packets),
		cmocka_unit_test(test_no_room),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
