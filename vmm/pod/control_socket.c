/*
 * The control socket, the server's side. Who connects is known from the kernel (SO_PEERCRED); what
 * they send is of one size and checked before any handler sees it.
 */
#include "vmm/pod/control_socket.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "vmm/base/bytes.h"
#include "vmm/base/cleanup.h"
#include "vmm/pod/directory.h"
#include "vmm/pod/request_packet.h"

enum { BACKLOG = 64 };

int pod_client_reply(struct pod_client *client, const struct pod_reply *reply)
{
	if (client->member.fd < 0)
		return -1;
	if (send(client->member.fd, reply, sizeof(*reply), MSG_NOSIGNAL | MSG_DONTWAIT) ==
	    (ssize_t)sizeof(*reply))
		return 0;
	pod_client_end(client);
	return -1;
}

int pod_client_refuse(struct pod_client *client, const struct pod_request *request, int error,
		      const char *text)
{
	struct pod_reply reply = { .magic = POD_REQUEST_MAGIC,
				   .type = request->type,
				   .error = error,
				   .app = request->app };

	(void)snprintf(reply.text, sizeof(reply.text), "%s", text);
	return pod_client_reply(client, &reply);
}

void pod_client_end(struct pod_client *client)
{
	int fd = client->member.fd;

	if (fd < 0)
		return;
	loop_fd_remove(&client->member);
	client->member.fd = -1;
	close(fd);
	if (client->on_end)
		client->on_end(client);
	client->on_end = NULL;
	client->context = NULL;
	client->has_added = false;
}

static const char *refusal_text(int error)
{
	switch (error) {
	case EPROTO:
		return "the request is of another version of nacelle than the pod's supervisor";
	case EOPNOTSUPP:
		return "the pod's supervisor does not know this request";
	case ENOENT:
		return "the pod has no such app";
	default:
		return strerror(error);
	}
}

static void on_client(struct loop_fd *member, uint32_t events)
{
	struct pod_client *client = container_of(member, struct pod_client, member);
	struct request_packet packet;
	int received = member->fd < 0 ? -1 : request_packet_receive(member->fd, &packet);
	int error;

	(void)events;
	if (received == 0) {
		request_packet_close(&packet);
		pod_client_end(client);
	}
	if (received <= 0)
		return;
	error = pod_request_check(&packet.request, packet.len_bytes, packet.fd_count);
	if (error == 0 && !pod_request_rows[packet.request.type].handle)
		error = EOPNOTSUPP;
	if (error == 0)
		error = pod_request_rows[packet.request.type].handle(client->server->supervisor,
								     client, &packet.request,
								     packet.fds, packet.fd_count);
	if (error)
		(void)pod_client_refuse(client, &packet.request, error, refusal_text(error));
	request_packet_close(&packet);
}

static struct pod_client *free_slot(struct control_socket *server)
{
	for (size_t i = 0; i < ARRAY_SIZE(server->clients); i++)
		if (server->clients[i].member.fd < 0)
			return &server->clients[i];
	return NULL;
}

static void on_listener(struct loop_fd *member, uint32_t events)
{
	struct control_socket *server = container_of(member, struct control_socket, listener);
	_cleanup_fd_ int fd = accept4(member->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	struct pod_client *client = free_slot(server);

	(void)events;
	/* Who finds no place sees the connection end, and may try again. */
	if (fd < 0 || !client || !request_is_allowed(fd) ||
	    loop_fd_add(member->loop, &client->member, fd, EPOLLIN, on_client, NULL) < 0)
		return;
	client->server = server;
	(void)steal_fd(&fd);
}

int control_socket_bind(int dir_fd, struct error *err)
{
	_cleanup_fd_ int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int bound;

	directory_link(address.sun_path, dir_fd, POD_CONTROL_NAME);
	/* The mode of the socket is that of its name. */
	if (fd < 0 || fchmod(fd, 0600) < 0)
		return error_set(err, errno, "cannot make the pod's control socket");
	bound = bind(fd, (struct sockaddr *)&address, sizeof(address));
	/* That of an earlier start, which was killed. */
	if (bound < 0 && errno == EADDRINUSE && unlinkat(dir_fd, POD_CONTROL_NAME, 0) == 0)
		bound = bind(fd, (struct sockaddr *)&address, sizeof(address));
	if (bound < 0 || listen(fd, BACKLOG) < 0)
		return error_set(err, errno, "cannot make the pod's control socket");
	return steal_fd(&fd);
}

int control_socket_open(struct control_socket *server, struct supervisor *supervisor,
			struct loop *loop, int fd, struct error *err)
{
	server->supervisor = supervisor;
	for (size_t i = 0; i < ARRAY_SIZE(server->clients); i++)
		server->clients[i].member.fd = -1;
	return loop_fd_add(loop, &server->listener, fd, EPOLLIN, on_listener, err);
}

void control_socket_close(struct control_socket *server)
{
	if (!server->supervisor || !server->listener.loop)
		return;
	for (size_t i = 0; i < ARRAY_SIZE(server->clients); i++)
		pod_client_end(&server->clients[i]);
	loop_fd_remove(&server->listener);
	close(server->listener.fd);
}
