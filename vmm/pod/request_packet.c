/*
 * Packets of a control socket. The kernel says who is at the other end, and how much came.
 */
#include "vmm/pod/request_packet.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "vmm/base/cleanup.h"

static void take_fds(struct request_packet *packet, struct msghdr *message)
{
	struct cmsghdr *c;

	for (c = CMSG_FIRSTHDR(message); c; c = CMSG_NXTHDR(message, c)) {
		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		packet->fd_count = (unsigned)((c->cmsg_len - CMSG_LEN(0)) / sizeof(int));
		memcpy(packet->fds, CMSG_DATA(c), packet->fd_count * sizeof(int));
		return;
	}
}

void request_packet_close(struct request_packet *packet)
{
	for (unsigned i = 0; i < packet->fd_count; i++)
		cleanup_fd(&packet->fds[i]);
}

int request_packet_receive(int fd, struct request_packet *packet)
{
	union {
		char bytes[CMSG_SPACE(sizeof(packet->fds))];
		struct cmsghdr align;
	} control;
	struct iovec iov = { &packet->request, sizeof(packet->request) };
	struct msghdr message = { .msg_iov = &iov,
				  .msg_iovlen = 1,
				  .msg_control = control.bytes,
				  .msg_controllen = sizeof(control.bytes) };
	ssize_t n;

	*packet = (struct request_packet){ .len_bytes = 0 };
	n = recvmsg(fd, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	if (n < 0)
		return errno == EAGAIN || errno == EINTR ? -1 : 0;
	/* What did not fit makes the size wrong, so that the check refuses it. */
	packet->len_bytes = message.msg_flags & (MSG_TRUNC | MSG_CTRUNC) ? 0 : (size_t)n;
	take_fds(packet, &message);
	/* An empty packet looks like the end, but may bring descriptors. */
	return n > 0;
}

bool request_is_allowed(int fd)
{
	struct ucred peer;
	socklen_t size = sizeof(peer);

	return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0 &&
	       (peer.uid == 0 || peer.uid == geteuid());
}
