/*
 * One connection between a unix socket of the host and the guest: what vsock_bridge.c, which has
 * them all, knows of it. Everything here wants the device's lock held, and takes it for granted
 * that the loop's thread alone closes a socket.
 */
#ifndef NACELLE_MACHINE_VSOCK_LINK_H
#define NACELLE_MACHINE_VSOCK_LINK_H

#include "vmm/machine/vsock_bridge.h"

enum { LINK_BYTES = 2 * BRIDGE_BUFFER_BYTES };

enum link_state {
	LINK_FREE,
	LINK_LINE,    /* the host's program says where to */
	LINK_ASKING,  /* the guest */
	LINK_DIALING, /* the supervisor connects */
	LINK_OPEN,
	LINK_ENDING, /* the guest's side is gone; what it sent is still on its way */
	LINK_DEAD,   /* to be closed by the loop's thread */
};

/* Bytes on their way, not a ring: refilled when empty. */
struct vsock_buffer {
	uint32_t start, end;
	uint8_t *data;
};

struct vsock_link {
	struct vsock_bridge *bridge;
	enum link_state state;
	uint32_t ticket; /* of the last dial */
	struct loop_fd member;
	int fd;
	struct vsock_conn *conn;
	struct vsock_buffer in;	 /* host to guest */
	struct vsock_buffer out; /* guest to host */
	bool in_ended;		 /* the host's program sends no more */
	bool out_ended;		 /* nor does the guest */
	uint32_t line_len;
	char line[BRIDGE_LINE_MAX + 1];
};

struct vsock_bridge {
	struct vsock *vsock;
	struct loop *loop;
	struct loop_fd listener;
	struct loop_event reap;
	vsock_bridge_dial_fn *dial;
	void *ctx;
	uint32_t dials; /* that have no answer */
	uint32_t last_ticket;
	uint32_t last_port;
	uint8_t *memory; /* of all buffers; a page is there while it is used */
	struct vsock_link links[BRIDGE_LINKS_MAX];
};

extern const struct vsock_conn_ops vsock_link_ops;

/* For the loop's thread to close; the guest, if it is there, sees a reset. */
void vsock_link_break(struct vsock_link *link);

/* Watches the socket for what the link's state has a use for. */
void vsock_link_watch(struct vsock_link *link);

/* The socket of an open link is ready: moves what goes without waiting. */
void vsock_link_flush(struct vsock_link *link);
void vsock_link_read(struct vsock_link *link);

#endif
