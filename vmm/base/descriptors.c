/*
 * Packets with descriptors. The bytes are the caller's affair.
 */
#include "vmm/base/descriptors.h"

#include <assert.h>
#include <string.h>
#include <sys/socket.h>

union control {
	struct cmsghdr header;
	char space[CMSG_SPACE(DESCRIPTORS_MAX * sizeof(int))];
};

int descriptors_send(int socket, const void *data, size_t len, const int *fds, unsigned fd_count)
{
	union control control = { .space = { 0 } };
	union {
		const void *from;
		void *base;
	} bytes = { data };
	struct iovec iov = { bytes.base, len };
	struct msghdr message = { .msg_iov = &iov, .msg_iovlen = 1 };

	assert(fd_count <= DESCRIPTORS_MAX);
	if (fd_count) {
		control.header.cmsg_level = SOL_SOCKET;
		control.header.cmsg_type = SCM_RIGHTS;
		control.header.cmsg_len = CMSG_LEN(fd_count * sizeof(int));
		memcpy(CMSG_DATA(&control.header), fds, fd_count * sizeof(int));
		message.msg_control = control.space;
		message.msg_controllen = CMSG_SPACE(fd_count * sizeof(int));
	}
	return sendmsg(socket, &message, MSG_NOSIGNAL | MSG_DONTWAIT) < 0 ? -1 : 0;
}

ssize_t descriptors_receive(int socket, void *data, size_t len, int *fds, unsigned fds_max,
			    unsigned *fd_count)
{
	union control control = { .space = { 0 } };
	struct iovec iov = { data, len };
	struct msghdr message = { .msg_iov = &iov,
				  .msg_iovlen = 1,
				  .msg_control = control.space,
				  .msg_controllen = CMSG_LEN(fds_max * sizeof(int)) };
	ssize_t n;

	assert(fds_max <= DESCRIPTORS_MAX);
	*fd_count = 0;
	n = recvmsg(socket, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	if (n < 0 || message.msg_controllen < sizeof(control.header) ||
	    control.header.cmsg_level != SOL_SOCKET || control.header.cmsg_type != SCM_RIGHTS)
		return n;
	*fd_count = (unsigned)((control.header.cmsg_len - CMSG_LEN(0)) / sizeof(int));
	assert(*fd_count <= fds_max);
	memcpy(fds, CMSG_DATA(&control.header), *fd_count * sizeof(int));
	return n;
}
