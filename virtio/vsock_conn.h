/*
 * Inside the virtio socket device: what vsock.c (queues and packets) and vsock_conn.c (the table of
 * connections and what is done with one) know of each other. Not for others.
 *
 * Entering and leaving: everything that may push receive buffers or queue replies happens between
 * vsock_enter() and vsock_leave(). The outermost leave sends what waits and raises one interrupt,
 * so replies of a batch of packets are merged. can_send() is called only where the guest entered
 * the device, never from within a function that a user of the device has called: so nobody is
 * called back half-way through a vsock_conn_send() of his own.
 *
 * Waiting: if a connection is in the waiting list while the lock is free, then virtq_pop() of the
 * receive queue has returned 0 after the last buffer that we know of, so the guest kicks when it
 * adds one. That is why there is no polling, and no wake-up is lost.
 */
#ifndef NACELLE_VIRTIO_VSOCK_CONN_H
#define NACELLE_VIRTIO_VSOCK_CONN_H

#include <sys/types.h>

#include "virtio/vsock.h"

enum conn_state {
	CONN_FREE,
	CONN_OPEN,
	CONN_DEAD, /* not in the hash any more; its slot is free once its turn in the list came */
};

enum conn_opening {
	CONN_STANDS,
	CONN_ASKED,   /* by us: the guest's RESPONSE is due */
	CONN_ANSWERS, /* later: ours is due */
};

/* Replies of a connection that wait for a receive buffer, in the order in which they are sent. */
enum {
	PENDING_RESPONSE = 1,
	PENDING_RESET = 2,
	PENDING_CREDIT_UPDATE = 4,
	PENDING_CREDIT_REQUEST = 8,
	PENDING_SHUTDOWN = 16,
	PENDING_REQUEST = 32,
};

/* vsock.c */

void vsock_enter(struct vsock *vsock);
/* by_guest: from within notify, so that can_send() may be called. */
void vsock_leave(struct vsock *vsock, bool by_guest);

/*
 * Puts one packet into the next receive buffer: the header, completed here with the number of bytes
 * of payload that fit (at most len). Returns that number, or -1 if there is no buffer.
 */
ssize_t vsock_rx_put(struct vsock *vsock, struct vsock_header *header, const void *payload,
		     size_t len);

/* vsock_conn.c */

struct vsock_conn *vsock_conn_find(struct vsock *vsock, uint32_t guest_port, uint32_t host_port);
/* A new connection in the hash, or NULL if the table is full. */
struct vsock_conn *vsock_conn_new(struct vsock *vsock, uint32_t guest_port, uint32_t host_port);

/* Closes an open connection. reset: tell the guest; call_back: tell the user. */
void vsock_conn_close(struct vsock_conn *conn, bool reset, bool call_back);
/* The same, with no word to the guest, for all; then the table is empty. */
void vsock_conn_close_all(struct vsock *vsock);

/* Marks replies as pending and puts the connection into the waiting list. */
void vsock_conn_reply(struct vsock_conn *conn, unsigned pending);
/* Takes over what a packet says about the guest's credit. */
void vsock_conn_peer_credit(struct vsock_conn *conn, uint32_t buf_alloc, uint32_t fwd_cnt);

/* Gives each waiting connection one turn, until the receive buffers run out. */
void vsock_conn_flush(struct vsock *vsock, bool by_guest);

#endif
