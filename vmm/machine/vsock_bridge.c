/*
 * The links between unix sockets of the host and connections of the guest.
 *
 * Who does what: as in streams.c. The vCPU thread that brings data sends what goes without waiting
 * and buffers the rest; the loop's thread does everything else, and is the only one to close a
 * socket.
 */
#include "vmm/machine/vsock_bridge.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "vmm/base/bytes.h"
#include "vmm/machine/vsock_link.h"

static void lock(struct vsock_bridge *bridge)
{
	virtio_device_lock(&bridge->vsock->device);
}

static void unlock(struct vsock_bridge *bridge)
{
	virtio_device_unlock(&bridge->vsock->device);
}
static void link_free(struct vsock_link *link)
{
	(void)madvise(link->in.data, LINK_BYTES, MADV_DONTNEED);
	*link = (struct vsock_link){ .fd = -1 };
}

static struct vsock_link *link_new(struct vsock_bridge *bridge)
{
	for (unsigned i = 0; i < BRIDGE_LINKS_MAX; i++) {
		struct vsock_link *link = &bridge->links[i];

		if (link->state != LINK_FREE)
			continue;
		*link = (struct vsock_link){ .bridge = bridge, .fd = -1 };
		link->in.data = bridge->memory + i * (size_t)LINK_BYTES;
		link->out.data = link->in.data + BRIDGE_BUFFER_BYTES;
		return link;
	}
	return NULL;
}

static void reap(struct loop_event *event)
{
	struct vsock_bridge *bridge = container_of(event, struct vsock_bridge, reap);

	for (unsigned i = 0; i < BRIDGE_LINKS_MAX; i++) {
		struct vsock_link *link = &bridge->links[i];
		int fd = -1;

		lock(bridge);
		if (link->state == LINK_DEAD) {
			fd = link->fd;
			if (fd >= 0)
				loop_fd_remove(&link->member);
			link_free(link);
		}
		unlock(bridge);
		if (fd >= 0)
			close(fd);
	}
}

/* Into the guest. */

static bool parse_port(const char *line, uint32_t *port)
{
	static const char word[] = "CONNECT ";
	uint64_t value = 0;
	const char *digit = line + sizeof(word) - 1;

	if (strncmp(line, word, sizeof(word) - 1) || *digit == '\n')
		return false;
	for (; *digit >= '0' && *digit <= '9' && value <= UINT32_MAX; digit++)
		value = value * 10 + (uint64_t)(*digit - '0');
	*port = (uint32_t)value;
	return *digit == '\n' && value < UINT32_MAX; /* which is "any port" */
}

static void ask_guest(struct vsock_link *link)
{
	const struct vsock_accept as = { .ops = &vsock_link_ops,
					 .ctx = link,
					 .buf_alloc = BRIDGE_BUFFER_BYTES };
	struct vsock_bridge *bridge = link->bridge;
	uint32_t port;

	if (!parse_port(link->line, &port)) {
		vsock_link_break(link);
		return;
	}
	link->state = LINK_ASKING;
	bridge->last_port = (bridge->last_port + 1) % BRIDGE_PORT_FIRST;
	link->conn = vsock_connect(bridge->vsock, port, BRIDGE_PORT_FIRST + bridge->last_port, &as);
	if (!link->conn)
		vsock_link_break(link);
	else
		vsock_link_watch(link);
}

/* Takes no byte that stands behind the line: those are the guest's. */
static void read_line(struct vsock_link *link)
{
	size_t room = BRIDGE_LINE_MAX - link->line_len;
	char *at = link->line + link->line_len;
	ssize_t n = recv(link->fd, at, room, MSG_DONTWAIT | MSG_PEEK);
	const char *end;

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	end = n > 0 ? memchr(at, '\n', (size_t)n) : NULL;
	if (n > 0)
		n = recv(link->fd, at, end ? (size_t)(end - at) + 1 : (size_t)n, MSG_DONTWAIT);
	if (n <= 0) {
		vsock_link_break(link);
		return;
	}
	link->line_len += (uint32_t)n;
	if (end)
		ask_guest(link);
	else if (link->line_len == BRIDGE_LINE_MAX)
		vsock_link_break(link);
}

static void on_ready(struct loop_fd *member, uint32_t events)
{
	struct vsock_link *link = container_of(member, struct vsock_link, member);
	struct vsock_bridge *bridge = link->bridge;

	lock(bridge);
	if (link->state == LINK_LINE) {
		read_line(link);
	} else if (link->state == LINK_ASKING && (events & EPOLLHUP)) {
		vsock_link_break(link);
	} else if (link->state == LINK_OPEN || link->state == LINK_ENDING) {
		vsock_link_flush(link);
		if (link->state == LINK_OPEN && (events & (EPOLLIN | EPOLLHUP | EPOLLERR)))
			vsock_link_read(link);
		if (link->state == LINK_OPEN || link->state == LINK_ENDING)
			vsock_link_watch(link);
	}
	unlock(bridge);
}

/* Gives the link its socket. Returns false, with the socket closed, if that cannot be. */
static bool link_attach(struct vsock_link *link, int fd)
{
	struct error err = ERROR_NONE;

	if (loop_fd_add(link->bridge->loop, &link->member, fd, 0, on_ready, &err) < 0) {
		close(fd);
		return false;
	}
	link->fd = fd;
	return true;
}

static void on_listener(struct loop_fd *member, uint32_t events)
{
	struct vsock_bridge *bridge = container_of(member, struct vsock_bridge, listener);
	int fd = accept4(member->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	struct vsock_link *link;

	(void)events;
	if (fd < 0)
		return;
	lock(bridge);
	link = link_new(bridge);
	if (!link) {
		close(fd);
	} else if (!link_attach(link, fd)) {
		link_free(link);
	} else {
		link->state = LINK_LINE;
		vsock_link_watch(link);
	}
	unlock(bridge);
}

/* Out of the guest. */

bool vsock_bridge_accept(void *ctx, uint32_t host_port, struct vsock_conn *conn,
			 struct vsock_accept *accept)
{
	struct vsock_bridge *bridge = ctx;
	struct vsock_link *link;

	if (bridge->dials == BRIDGE_DIALS_MAX)
		return false;
	link = link_new(bridge);
	if (!link)
		return false;
	bridge->dials++;
	link->state = LINK_DIALING;
	link->ticket = ++bridge->last_ticket;
	link->conn = conn;
	*accept = (struct vsock_accept){
		.ops = &vsock_link_ops, .ctx = link, .buf_alloc = BRIDGE_BUFFER_BYTES, .later = true
	};
	bridge->dial(bridge->ctx, host_port, link->ticket);
	return true;
}

void vsock_bridge_answer(struct vsock_bridge *bridge, uint32_t ticket, int fd)
{
	struct vsock_link *link = NULL;

	lock(bridge);
	assert(bridge->dials);
	bridge->dials--;
	/* The guest may have given up. */
	for (unsigned i = 0; i < BRIDGE_LINKS_MAX && !link; i++)
		if (bridge->links[i].state == LINK_DIALING && bridge->links[i].ticket == ticket)
			link = &bridge->links[i];
	if (!link && fd >= 0) {
		close(fd);
	} else if (link && (fd < 0 || !link_attach(link, fd))) {
		vsock_link_break(link);
	} else if (link) {
		link->state = LINK_OPEN;
		vsock_conn_accept(link->conn);
		vsock_link_watch(link);
	}
	unlock(bridge);
}

int vsock_bridge_init(struct vsock_bridge **bridge, int listener, struct vsock *vsock,
		      struct loop *loop, vsock_bridge_dial_fn *dial, void *ctx, struct error *err)
{
	struct vsock_bridge *b = calloc(1, sizeof(*b));

	if (!b)
		return error_set(err, errno, "cannot allocate the vsock bridge");
	b->vsock = vsock;
	b->loop = loop;
	b->dial = dial;
	b->ctx = ctx;
	/* Now, and not by malloc() later: a vCPU's thread may not make memory. */
	b->memory = mmap(NULL, (size_t)BRIDGE_LINKS_MAX * LINK_BYTES, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (b->memory == MAP_FAILED) {
		error_set(err, errno, "cannot allocate the vsock bridge");
		free(b);
		return -1;
	}
	if (loop_event_add(loop, &b->reap, reap, err) < 0 ||
	    loop_fd_add(loop, &b->listener, listener, EPOLLIN, on_listener, err) < 0) {
		loop_event_remove(&b->reap);
		(void)munmap(b->memory, (size_t)BRIDGE_LINKS_MAX * LINK_BYTES);
		free(b);
		return -1;
	}
	*bridge = b;
	return 0;
}

void vsock_bridge_fini(struct vsock_bridge *bridge)
{
	for (unsigned i = 0; i < BRIDGE_LINKS_MAX; i++) {
		struct vsock_link *link = &bridge->links[i];

		if (link->state == LINK_FREE)
			continue;
		if (link->fd >= 0) {
			loop_fd_remove(&link->member);
			close(link->fd);
		}
		link_free(link);
	}
	loop_fd_remove(&bridge->listener);
	close(bridge->listener.fd);
	loop_event_remove(&bridge->reap);
	(void)munmap(bridge->memory, (size_t)BRIDGE_LINKS_MAX * LINK_BYTES);
	free(bridge);
}
