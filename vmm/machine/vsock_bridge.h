/*
 * Sockets of the guest for programs of the host, and the other way round: the protocol that users
 * of Firecracker and Cloud Hypervisor know.
 *
 * Into the guest: a program connects to the unix socket and writes "CONNECT PORT\n"; when a server
 * of the guest has accepted, it reads "OK HOST_PORT\n", and from there on the bytes are the
 * connection's. If nobody accepts, or the line is something else, the socket is closed.
 *
 * Out of the guest: a connection to a port of the host (CID 2) becomes one to the unix socket whose
 * path has "_PORT" behind it. This process cannot connect: it asks the supervisor, and the guest
 * waits for the answer.
 *
 * Trust: the bytes are opaque, from both sides. What the guest can cause is bounded:
 * BRIDGE_LINKS_MAX connections, BRIDGE_DIALS_MAX questions to the supervisor at a time, and a
 * buffer for each connection, which is also its credit: a reader that stalls stalls his connection
 * alone.
 *
 * Locking: as streams.h says. vsock_bridge_answer() belongs to the loop's thread and is called
 * without the device's lock.
 */
#ifndef NACELLE_MACHINE_VSOCK_BRIDGE_H
#define NACELLE_MACHINE_VSOCK_BRIDGE_H

#include <stdbool.h>
#include <stdint.h>

#include "virtio/vsock.h"
#include "vmm/base/error.h"
#include "vmm/base/loop.h"

enum {
	BRIDGE_LINKS_MAX = 256,
	BRIDGE_DIALS_MAX = 16,
	BRIDGE_BUFFER_BYTES = 64 * 1024, /* each way */
	BRIDGE_LINE_MAX = 32,		 /* of "CONNECT PORT\n" */
	BRIDGE_PORT_FIRST = 1 << 30,	 /* the host's ports of connections into the guest */
};

struct vsock_bridge;

/*
 * Asks for a connection to the host's port; the answer comes with the ticket. Called with the
 * device's lock held.
 */
typedef void vsock_bridge_dial_fn(void *ctx, uint32_t port, uint32_t ticket);

/* listener: a listening unix socket, which is taken over. On failure it stays the caller's. */
int vsock_bridge_init(struct vsock_bridge **bridge, int listener, struct vsock *vsock,
		      struct loop *loop, vsock_bridge_dial_fn *dial, void *ctx, struct error *err);
/* The vCPUs have stopped, and the connections are gone. */
void vsock_bridge_fini(struct vsock_bridge *bridge);

/* A vsock_accept_fn, ctx being the struct vsock_bridge. */
bool vsock_bridge_accept(void *ctx, uint32_t host_port, struct vsock_conn *conn,
			 struct vsock_accept *accept);

/* The answer to a dial: a connected socket, which is taken over, or -1 for a refusal. */
void vsock_bridge_answer(struct vsock_bridge *bridge, uint32_t ticket, int fd);

#endif
