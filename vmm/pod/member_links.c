/*
 * The control socket of a member. Requests are passed on to its sandbox's supervisor, which knows
 * the container by another number and checks all that is in them; replies come back. Each client
 * has a connection of its own there.
 *
 * The process may live in the container's root by now: the sandbox is found from its directory.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "vmm/base/bytes.h"
#include "vmm/base/cleanup.h"
#include "vmm/pod/client.h"
#include "vmm/pod/control_socket.h"
#include "vmm/pod/member_internal.h"
#include "vmm/pod/proc_view.h"
#include "vmm/pod/request_packet.h"
#include "vmm/pod/run.h"

void member_begin_links(struct member *member)
{
	for (size_t i = 0; i < ARRAY_SIZE(member->links); i++)
		member->links[i] = (struct member_link){ -1, -1 };
}

static void end_link(struct member_link *link)
{
	cleanup_fd(&link->client);
	cleanup_fd(&link->pod);
	*link = (struct member_link){ -1, -1 };
}

static void on_listener(struct member *member)
{
	_cleanup_fd_ int fd = accept4(member->control_fd, NULL, NULL, SOCK_CLOEXEC);
	struct member_link *link = member->links;
	const struct member_link *end = link + MEMBER_LINKS_MAX;

	while (link < end && link->client >= 0)
		link++;
	if (fd < 0 || link == end || !request_is_allowed(fd))
		return;
	link->pod = client_connect_by_directory(member->sandbox_fd);
	if (link->pod >= 0)
		link->client = steal_fd(&fd);
}

static bool send_reply(const struct member_link *link, const struct pod_reply *reply)
{
	return send(link->client, reply, sizeof(*reply), MSG_NOSIGNAL | MSG_DONTWAIT) ==
	       (ssize_t)sizeof(*reply);
}

static bool refuse(const struct member_link *link, const struct pod_request *request, int error,
		   const char *text)
{
	struct pod_reply reply = { .magic = POD_REQUEST_MAGIC,
				   .type = request->type,
				   .error = error };

	(void)snprintf(reply.text, sizeof(reply.text), "%s", text);
	return send_reply(link, &reply);
}

/* Returns false if the connection shall end. */
static bool pass_request_on(const struct member *member, const struct member_link *link,
			    struct request_packet *packet)
{
	struct pod_request *request = &packet->request;
	int error = pod_request_check(request, packet->len_bytes, packet->fd_count);

	if (error)
		return refuse(link, request, error, "the request is not understood");
	if (request->app != 0 && request->app != POD_ALL_APPS)
		return refuse(link, request, ENOENT, "the container has one app");
	if (request->type == POD_REQUEST_ATTACH || request->type == POD_REQUEST_MEMBER)
		return refuse(link, request, EOPNOTSUPP, "the container is one of a sandbox");
	if (request->type == POD_REQUEST_STOP) {
		request->type = POD_REQUEST_KILL;
		request->signal = request->timeout_ms ? SIGTERM : SIGKILL;
	}
	request->app = member->exec->app;
	request->serial = member->exec->serial;
	return client_send(link->pod, request, packet->fds, packet->fd_count, NULL) == 0;
}

static bool on_client(const struct member *member, const struct member_link *link)
{
	struct request_packet packet;
	int received = request_packet_receive(link->client, &packet);
	bool goes_on = received < 0 || (received > 0 && pass_request_on(member, link, &packet));

	request_packet_close(&packet);
	return goes_on;
}

static bool on_pod(const struct member *member, const struct member_link *link)
{
	struct pod_reply reply;

	if (recv(link->pod, &reply, sizeof(reply), MSG_DONTWAIT) != (ssize_t)sizeof(reply))
		return false;
	if (reply.app == member->exec->app) {
		reply.app = 0;
		reply.app_count = 1;
	}
	start_failure_complete(&reply, &member->exec->names);
	return send_reply(link, &reply);
}

/* One that ends as soon as it starts has been started: who asked for that shall hear of it. */
void member_end_links(struct member *member)
{
	for (size_t i = 0; i < ARRAY_SIZE(member->links); i++) {
		struct member_link *link = &member->links[i];

		while (link->pod >= 0 && on_pod(member, link))
			;
		end_link(link);
	}
}

unsigned member_fill_poll(const struct member *member, struct pollfd *fds)
{
	unsigned count = 0;

	fds[count++] = (struct pollfd){ .fd = member->control_fd, .events = POLLIN };
	for (size_t i = 0; i < ARRAY_SIZE(member->links); i++) {
		fds[count++] = (struct pollfd){ .fd = member->links[i].client, .events = POLLIN };
		fds[count++] = (struct pollfd){ .fd = member->links[i].pod, .events = POLLIN };
	}
	fds[count++] =
	    (struct pollfd){ .fd = proc_view_fd(member->run->proc_view), .events = POLLIN };
	return count;
}

/* What is said of the container comes first: this process has something to do when it starts. */
static bool is_told(const struct member *member)
{
	struct pollfd fd = { .fd = member->exec->socket, .events = POLLIN };

	return poll(&fd, 1, 0) == 0;
}

void member_on_poll(struct member *member, const struct pollfd *fds, unsigned count)
{
	for (unsigned i = 0; i < MEMBER_LINKS_MAX; i++) {
		struct member_link *link = &member->links[i];

		if (fds[1 + 2 * i].revents && !on_client(member, link))
			end_link(link);
		if (link->pod >= 0 && fds[2 + 2 * i].revents && is_told(member) &&
		    !on_pod(member, link))
			end_link(link);
	}
	if (fds[0].revents)
		on_listener(member);
	if (fds[count - 1].revents)
		proc_view_step(member->run->proc_view, member->directory.fd);
}
