/*
 * How messages reach the 9p server: over the channel of a virtio-9p device, or over a byte stream.
 * Nobody at the other end is trusted.
 */
#include "virtio/p9_server.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <unistd.h>

#include "virtio/p9_channel.h"
#include "virtio/p9_ops.h"
#include "vmm/base/bytes.h"
#include "vmm/base/cleanup.h"
#include "vmm/base/io.h"

/* Serves one record. Returns 0; 1 if the device is gone; -1 with err filled. */
static int serve_record(struct p9_server *s, struct p9_sync *sync, uint8_t *slots, int socket,
			const struct p9_record *record, struct error *err)
{
	struct p9_record answer = { .slot = record->slot };
	size_t len;

	if (record->slot >= P9_SLOTS || record->len > P9_MSIZE_MAX ||
	    record->reply_max > P9_MSIZE_MAX)
		return error_set(err, 0, "the 9p device sent a broken record");
	p9_server_use_sync(s, sync, record->slot);
	len = p9_server_handle(s, p9_slot_request(slots, record->slot), record->len,
			       p9_slot_reply(slots, record->slot), record->reply_max);
	if (len == P9_DEFERRED)
		return 0;
	answer.len = (uint32_t)len;
	if (p9_wait_done(p9_slot_wait(slots, record->slot), answer.len))
		return 0;
	while (send(socket, &answer, sizeof(answer), MSG_NOSIGNAL) < 0) {
		if (errno == EPIPE || errno == ECONNRESET)
			return 1;
		if (errno != EINTR)
			return error_set(err, errno, "cannot answer the 9p device");
	}
	return 0;
}

/* What comes in one packet. */
union packet {
	struct p9_record records[P9_SLOTS];
	struct p9_share_packet share;
};

/*
 * As recv(), with *fd a descriptor that came with it, or -1. *lost: one had no place in the table.
 */
static ssize_t receive(struct p9_server *s, int socket, union packet *packet, int *fd, bool *lost)
{
	union {
		struct cmsghdr header;
		char space[CMSG_SPACE(sizeof(int))];
	} control = { .space = { 0 } };
	struct iovec iov = { packet, sizeof(*packet) };
	struct msghdr message = { .msg_iov = &iov,
				  .msg_iovlen = 1,
				  .msg_control = control.space,
				  .msg_controllen = CMSG_LEN(sizeof(int)) };
	ssize_t n;

	*fd = -1;
	*lost = false;
	if (!s->takes_shares)
		return recv(socket, packet, sizeof(*packet), 0);
	n = recvmsg(socket, &message, MSG_CMSG_CLOEXEC);
	if (n < 0)
		return n;
	*lost = message.msg_flags & MSG_CTRUNC;
	if (message.msg_controllen >= CMSG_LEN(sizeof(int)) &&
	    control.header.cmsg_level == SOL_SOCKET && control.header.cmsg_type == SCM_RIGHTS)
		memcpy(fd, CMSG_DATA(&control.header), sizeof(*fd));
	return n;
}

/* A share that cannot be there is not: whoever needs it finds that out. */
static void add_share(struct p9_server *s, const struct p9_share_packet *packet, int fd)
{
	const struct p9_share_config config = { .name = packet->name,
						.fd = fd,
						.read_only = packet->flags & P9_SHARE_READ_ONLY,
						.recursive = packet->flags & P9_SHARE_RECURSIVE };
	struct error ignored = ERROR_NONE;
	int r = p9_server_add_share(s, &config, &ignored);

	(void)r;
}

static int take_share(struct p9_server *s, const struct p9_share_packet *packet, int fd, bool lost,
		      struct error *err)
{
	_cleanup_fd_ int taken = fd;

	if (!s->takes_shares || !memchr(packet->name, '\0', sizeof(packet->name)) ||
	    !packet->name[0] || (!lost && fd < 0))
		return error_set(err, 0, "a broken share came to the 9p server");
	/* Who asked for a removal sees its descriptor closed after that. */
	if (packet->flags & P9_SHARE_REMOVE)
		p9_server_remove_shares(s, packet->name);
	else if (taken >= 0)
		add_share(s, packet, steal_fd(&taken));
	return 0;
}

int p9_server_run(struct p9_server *s, struct p9_sync *sync, int socket, uint8_t *slots,
		  struct error *err)
{
	union packet packet;
	int r = 0, fd;
	bool lost;

	while (r == 0) {
		ssize_t n = receive(s, socket, &packet, &fd, &lost);

		if (n < 0 && errno == EINTR)
			continue;
		if (n == 0 || (n < 0 && errno == ECONNRESET))
			return 0;
		if (n < 0)
			return error_set(err, errno, "cannot hear the 9p device");
		if (n == sizeof(packet.share) && packet.share.slot == P9_SLOT_SHARE) {
			r = take_share(s, &packet.share, fd, lost, err);
			continue;
		}
		/* Nothing else comes with a descriptor. */
		if (fd >= 0)
			close(fd);
		for (size_t i = 0; r == 0 && i < (size_t)n / sizeof(packet.records[0]); i++)
			r = serve_record(s, sync, slots, socket, &packet.records[i], err);
	}
	return r < 0 ? -1 : 0;
}

int p9_server_run_stream(struct p9_server *s, int in_fd, int out_fd, struct error *err)
{
	_cleanup_free_ uint8_t *request = malloc(P9_MSIZE_MAX);
	_cleanup_free_ uint8_t *reply = malloc(P9_MSIZE_MAX);

	if (!request || !reply)
		return error_set(err, ENOMEM, "cannot serve a 9p client");
	for (;;) {
		ssize_t n = io_read_full(in_fd, request, sizeof(le32));
		struct cursor c = cursor_make(request, sizeof(le32));
		size_t len = cursor_le32(&c);

		if (n == 0)
			return 0;
		if (n < 0)
			return error_set(err, errno, "cannot read from the 9p client");
		if (len < P9_HEADER_BYTES || len > P9_MSIZE_MAX ||
		    io_read_full(in_fd, request + sizeof(le32), len - sizeof(le32)) !=
			(ssize_t)(len - sizeof(le32)))
			return error_set(err, 0, "the 9p client sent a broken message");
		len = p9_server_handle(s, request, len, reply, P9_MSIZE_MAX);
		if (!len)
			return error_set(err, 0, "the 9p client broke the protocol");
		if (io_write_all(out_fd, reply, len) < 0)
			return error_set(err, errno, "cannot write to the 9p client");
	}
}
