/*
 * Reports from an app's process. Both ends are guest-init's own code.
 */
#include "guest-init/report.h"

#include <errno.h>

#include <string.h>
#include <sys/socket.h>

union descriptors {
	struct cmsghdr header;
	char space[CMSG_SPACE(2 * sizeof(int))];
};

int report_send(int socket, const struct report *report, const int fds[2])
{
	union descriptors control = { 0 };
	union {
		const struct report *from;
		void *base;
	} data = { report };
	struct iovec iov = { data.base, sizeof(*report) };
	struct msghdr message = { .msg_iov = &iov, .msg_iovlen = 1 };

	if (fds) {
		message.msg_control = control.space;
		message.msg_controllen = sizeof(control.space);
		control.header.cmsg_level = SOL_SOCKET;
		control.header.cmsg_type = SCM_RIGHTS;
		control.header.cmsg_len = CMSG_LEN(2 * sizeof(int));
		memcpy(CMSG_DATA(&control.header), fds, 2 * sizeof(int));
	}
	return sendmsg(socket, &message, MSG_NOSIGNAL) < 0 ? -1 : 0;
}

int report_receive(int socket, struct report *report, int fds[2])
{
	union descriptors control = { 0 };
	struct iovec iov = { report, sizeof(*report) };
	struct msghdr message = { .msg_iov = &iov,
				  .msg_iovlen = 1,
				  .msg_control = control.space,
				  .msg_controllen = sizeof(control.space) };
	ssize_t n = recvmsg(socket, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);

	fds[0] = fds[1] = -1;
	if (n <= 0)
		return (int)n;
	report->text[sizeof(report->text) - 1] = '\0';
	if (message.msg_controllen >= sizeof(control.header) &&
	    control.header.cmsg_len == CMSG_LEN(2 * sizeof(int)))
		memcpy(fds, CMSG_DATA(&control.header), 2 * sizeof(int));
	return 1;
}

int report_release(int socket)
{
	return send(socket, "", 1, MSG_NOSIGNAL) < 0 ? -1 : 0;
}

int report_await_release(int socket)
{
	char byte;
	ssize_t n;

	do {
		n = recv(socket, &byte, sizeof(byte), 0);
	} while (n < 0 && errno == EINTR);
	return n == (ssize_t)sizeof(byte) ? 0 : -1;
}
