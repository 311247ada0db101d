/*
 * The fan-out of an app's output, and the way back. The other ends of the sockets are processes of
 * the pod's owner; still nothing here relies on how they behave.
 */
#include "vmm/pod/attached.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "vmm/base/cleanup.h"

_Static_assert(offsetof(struct attach_packet, data) == ATTACH_HEADER_BYTES, "attach packet");

void attached_init(struct attached *attached, int app_stdin)
{
	attached->count = 0;
	attached->app_stdin = app_stdin;
	attached->input_start = attached->input_end = 0;
}

void attached_add(struct attached *attached, int socket)
{
	if (attached->count == ATTACHED_MAX) {
		close(socket);
		return;
	}
	attached->clients[attached->count++] = (struct attached_client){ .socket = socket };
}

static void forget(struct attached *attached, unsigned index)
{
	close(attached->clients[index].socket);
	attached->clients[index] = attached->clients[--attached->count];
}

/* Returns 1 if it went, 0 if there was no room, -1 if nobody is there. */
static int send_packet(int socket, enum attach_kind kind, const void *data, size_t len)
{
	uint32_t header[2] = { kind, 0 };
	struct iovec iov[2] = { { header, sizeof(header) }, { (void *)(uintptr_t)data, len } };
	const struct msghdr message = { .msg_iov = iov, .msg_iovlen = 2 };

	if (sendmsg(socket, &message, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0)
		return 1;
	return errno == EAGAIN || errno == ENOBUFS || errno == EINTR ? 0 : -1;
}

/* First how much is missing, then what comes behind it. */
static int send_to(struct attached_client *client, enum attach_kind kind, const void *data,
		   size_t len)
{
	int sent;

	if (client->lost_bytes) {
		sent = send_packet(client->socket, ATTACH_LOST, &client->lost_bytes,
				   sizeof(client->lost_bytes));
		if (sent > 0)
			client->lost_bytes = 0;
	}
	sent = client->lost_bytes ? 0 : send_packet(client->socket, kind, data, len);
	if (sent == 0)
		client->lost_bytes += len;
	return sent;
}

void attached_send(struct attached *attached, enum attach_kind kind, const void *data, size_t len)
{
	for (unsigned i = attached->count; i > 0; i--)
		if (send_to(&attached->clients[i - 1], kind, data, len) < 0)
			forget(attached, i - 1);
}

static bool has_input(const struct attached *attached)
{
	return attached->input_start < attached->input_end;
}

void attached_wants(const struct attached *attached, struct pollfd fds[ATTACHED_MAX + 1])
{
	for (unsigned i = 0; i < ATTACHED_MAX; i++)
		fds[i] = (struct pollfd){
			.fd = i < attached->count ? attached->clients[i].socket : -1,
			.events = has_input(attached) ? 0 : POLLIN,
		};
	fds[ATTACHED_MAX] = (struct pollfd){
		.fd = attached->app_stdin,
		.events = has_input(attached) ? POLLOUT : 0,
	};
}

static void write_input(struct attached *attached)
{
	ssize_t n = 0;

	if (attached->app_stdin < 0)
		attached->input_start = attached->input_end;
	if (has_input(attached))
		n = write(attached->app_stdin, attached->input.data + attached->input_start,
			  attached->input_end - attached->input_start);
	if (n < 0 && errno != EAGAIN && errno != EINTR) {
		close(steal_fd(&attached->app_stdin));
		attached->input_start = attached->input_end;
	} else if (n > 0) {
		attached->input_start += (size_t)n;
	}
}

/* Returns false if the client has gone, or sends what it should not. */
static bool read_input(struct attached *attached, int socket)
{
	ssize_t n = recv(socket, &attached->input, sizeof(attached->input), MSG_DONTWAIT);

	if (n < 0)
		return errno == EAGAIN || errno == EINTR;
	if (n < ATTACH_HEADER_BYTES || attached->input.kind != ATTACH_STDIN)
		return false;
	attached->input_start = 0;
	attached->input_end = (size_t)n - ATTACH_HEADER_BYTES;
	write_input(attached);
	return true;
}

void attached_step(struct attached *attached, const struct pollfd fds[ATTACHED_MAX + 1])
{
	if (fds[ATTACHED_MAX].revents & POLLERR && attached->app_stdin >= 0)
		close(steal_fd(&attached->app_stdin));
	if (fds[ATTACHED_MAX].revents || attached->app_stdin < 0)
		write_input(attached);
	/* From the last on, so that whoever takes a free place has been looked at. */
	for (unsigned i = attached->count; i > 0; i--) {
		short events = fds[i - 1].revents;

		if ((events & POLLIN && !has_input(attached) &&
		     !read_input(attached, attached->clients[i - 1].socket)) ||
		    (events & (POLLHUP | POLLERR) && !(events & POLLIN)))
			forget(attached, i - 1);
	}
}

void attached_end(struct attached *attached)
{
	while (attached->count)
		forget(attached, attached->count - 1);
	if (attached->app_stdin >= 0)
		close(steal_fd(&attached->app_stdin));
}
