/*
 * The control connection of guest-init. The host is trusted, but a connection that is out of step
 * is given up at once: it could only mean harm to the apps.
 */
#include "guest-init/control.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "guest-init/platform.h"

/* How long a host may keep guest-init from sending its last words. */
enum { FLUSH_TIMEOUT_MS = 30000 };

int control_open(struct control *control, struct error *err)
{
	const struct frame_hello hello = { le32_make(PROTOCOL_VERSION_MAJOR),
					   le32_make(PROTOCOL_VERSION_MINOR) };

	control->in_len = control->out_len = 0;
	control->connected = false;
	control->fd = platform_connect(NACELLE_PORT_CONTROL, err);
	if (control->fd < 0)
		return -1;
	return control_send(control, FRAME_HELLO, &hello, sizeof(hello), err);
}

int control_send(struct control *control, enum frame_type type, const void *payload, size_t len,
		 struct error *err)
{
	if (control->out_len + sizeof(struct frame_header) + len > sizeof(control->out) &&
	    control_flush(control, err) < 0)
		return -1;
	control->out_len += frame_write(control->out + control->out_len, type, payload, len);
	return 0;
}

void control_wants(const struct control *control, struct pollfd *fd)
{
	*fd = (struct pollfd){ .fd = control->fd };
	fd->events = (short)((control->connected ? POLLIN : 0) |
			     (control->out_len || !control->connected ? POLLOUT : 0));
}

static int send_some(struct control *control, struct error *err)
{
	ssize_t n = send(control->fd, control->out, control->out_len, MSG_NOSIGNAL);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return 0;
	if (n < 0)
		return error_set(err, errno, "cannot send to the host");
	control->out_len -= (size_t)n;
	memmove(control->out, control->out + n, control->out_len);
	return 0;
}

static int receive_some(struct control *control,
			void (*handle)(void *context, const struct host_frame *frame),
			void *context, struct error *err)
{
	struct host_frame frame;
	ssize_t n = recv(control->fd, control->in + control->in_len,
			 sizeof(control->in) - control->in_len, 0);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return 0;
	if (n <= 0)
		return error_set(err, n < 0 ? errno : ECONNRESET, "the host has gone away");
	control->in_len += (size_t)n;
	while ((n = frame_parse(control->in, control->in_len, &frame)) > 0) {
		control->in_len -= (size_t)n;
		memmove(control->in, control->in + n, control->in_len);
		handle(context, &frame);
	}
	if (n < 0)
		return error_set(err, EPROTO, "the host sent what is no frame");
	return 0;
}

int control_step(struct control *control, const struct pollfd *fd,
		 void (*handle)(void *context, const struct host_frame *frame), void *context,
		 struct error *err)
{
	if (!control->connected) {
		if (fd->revents & (POLLERR | POLLHUP))
			return error_set(err, ECONNREFUSED, "cannot connect to the host");
		control->connected = fd->revents & POLLOUT;
	}
	if (!control->connected)
		return 0;
	if (control->out_len && send_some(control, err) < 0)
		return -1;
	if (fd->revents & (POLLIN | POLLHUP | POLLERR))
		return receive_some(control, handle, context, err);
	return 0;
}

int control_flush(struct control *control, struct error *err)
{
	if (control->connected && send_some(control, err) < 0)
		return -1;
	while (control->out_len) {
		struct pollfd fd = { .fd = control->fd, .events = POLLOUT };
		int n = poll(&fd, 1, FLUSH_TIMEOUT_MS);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0 || !(fd.revents & POLLOUT))
			return error_set(err, n < 0 ? errno : ETIMEDOUT, "cannot reach the host");
		control->connected = true;
		if (send_some(control, err) < 0)
			return -1;
	}
	return 0;
}
