/*
 * The control socket, the client's side.
 */
#include "vmm/pod/client.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "vmm/base/cleanup.h"
#include "vmm/pod/control_socket.h"
#include "vmm/pod/directory.h"

enum { CONNECT_S = 2 };

int client_connect(int dir_fd, struct error *err)
{
	_cleanup_fd_ int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	/* Where nobody accepts, connect() waits for a place among those who wait already. */
	const struct timeval limit = { .tv_sec = CONNECT_S }, none = { .tv_sec = 0 };

	if (fd < 0)
		return error_set(err, errno, "cannot make a socket");
	if (setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit)) < 0)
		return error_set(err, errno, "cannot limit the time of a connection");
	directory_link(address.sun_path, dir_fd, POD_CONTROL_NAME);
	while (connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0) {
		if (errno == EINTR)
			continue;
		if (errno == ECONNREFUSED || errno == ENOENT)
			return error_set(err, errno, "the pod does not run");
		if (errno == EAGAIN)
			return error_set(err, errno, "the pod's supervisor does not answer");
		return error_set(err, errno, "cannot connect to the pod");
	}
	if (setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &none, sizeof(none)) < 0)
		return error_set(err, errno, "cannot lift the limit of a connection's time");
	return steal_fd(&fd);
}

int client_connect_pod(const struct pod_directory *pod, struct error *err)
{
	struct error cause = ERROR_NONE;
	int fd = client_connect(pod->fd, &cause);
	bool is_held;

	if (fd >= 0)
		return fd;
	is_held = directory_is_held(pod);
	if ((cause.code == ECONNREFUSED || cause.code == ENOENT) && !is_held)
		return error_set(err, 0, "the pod %s does not run: it is %s", pod->uuid,
				 pod_state_name(pod->place, is_held));
	error_set(err, 0, "%s", cause.text);
	return error_prefix(err, "the pod %s", pod->uuid);
}

int client_connect_by_directory(int dir_fd)
{
	const struct sockaddr_un address = { .sun_family = AF_UNIX, .sun_path = POD_CONTROL_NAME };
	_cleanup_fd_ int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	int connected = -1;

	if (fd < 0)
		return -1;
	if (fchdir(dir_fd) == 0)
		connected = connect(fd, (const struct sockaddr *)&address, sizeof(address));
	return chdir("/") == 0 && connected == 0 ? steal_fd(&fd) : -1;
}

struct pod_request client_request(enum pod_request_type type)
{
	return (
	    struct pod_request){ .magic = POD_REQUEST_MAGIC, .type = type, .app = POD_ALL_APPS };
}

int client_send(int socket_fd, const struct pod_request *request, const int *fds, unsigned fd_count,
		struct error *err)
{
	union {
		char bytes[CMSG_SPACE(POD_REQUEST_FDS_MAX * sizeof(int))];
		struct cmsghdr align;
	} control = { .bytes = { 0 } };
	struct pod_request copy = *request;
	struct iovec iov = { &copy, sizeof(copy) };
	struct msghdr message = { .msg_iov = &iov, .msg_iovlen = 1 };

	assert(fd_count <= POD_REQUEST_FDS_MAX);
	if (fd_count) {
		struct cmsghdr *c;

		message.msg_control = control.bytes;
		message.msg_controllen = CMSG_SPACE(fd_count * sizeof(int));
		c = CMSG_FIRSTHDR(&message);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(fd_count * sizeof(int));
		memcpy(CMSG_DATA(c), fds, fd_count * sizeof(int));
	}
	while (sendmsg(socket_fd, &message, MSG_NOSIGNAL) < 0) {
		if (errno == EINTR)
			continue;
		if (errno == EPIPE || errno == ECONNRESET)
			return error_set(err, ECONNRESET, "the pod has ended");
		return error_set(err, errno, "cannot speak to the pod");
	}
	return 0;
}

int client_receive(int socket_fd, struct pod_reply *reply, struct error *err)
{
	ssize_t n;

	do {
		n = recv(socket_fd, reply, sizeof(*reply), MSG_TRUNC);
	} while (n < 0 && errno == EINTR);
	if (n == 0 || (n < 0 && errno == ECONNRESET))
		return error_set(err, ECONNRESET, "the pod has ended");
	if (n < 0)
		return error_set(err, errno, "cannot hear from the pod");
	if (n != (ssize_t)sizeof(*reply) || reply->magic != POD_REQUEST_MAGIC)
		return error_set(err, EPROTO,
				 "the pod's supervisor is of another version of nacelle");
	reply->text[sizeof(reply->text) - 1] = '\0';
	if (reply->error) {
		error_set(err, 0, "%s", reply->text);
		if (err)
			err->code = reply->error;
		return -1;
	}
	return 0;
}

int client_ask(int socket_fd, const struct pod_request *request, struct pod_reply *reply,
	       struct error *err)
{
	if (client_send(socket_fd, request, NULL, 0, err) < 0)
		return -1;
	return client_receive(socket_fd, reply, err);
}

int client_find_app(int socket_fd, const char *name, uint32_t *app, struct error *err)
{
	struct pod_request request = client_request(POD_REQUEST_STATUS);
	char names[ERROR_TEXT_MAX / 2] = "";
	struct pod_reply reply;
	size_t used = 0;

	request.app = 0;
	do {
		if (client_ask(socket_fd, &request, &reply, err) < 0)
			return -1;
		*app = request.app;
		if (name ? strcmp(reply.text, name) == 0 : reply.app_count == 1)
			return 0;
		if (used < sizeof(names))
			used += (size_t)snprintf(names + used, sizeof(names) - used, "%s%s",
						 used ? ", " : "", reply.text);
	} while (++request.app < reply.app_count);
	if (name)
		return error_set(err, 0, "the pod has no app %s; its apps are %s", name, names);
	return error_set(err, 0, "the pod has several apps; name one with --app: %s", names);
}
