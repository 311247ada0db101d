/*
 * The virtio socket device (virtio 1.2, section 5.10): stream sockets between the guest and
 * functions of ours. The guest connects and the host accepts, or the other way round.
 *
 * What the guest writes is not trusted. Its packets are believed about nothing but its own credit,
 * where a lie harms the liar alone. Everything is bounded: VSOCK_CONNS_MAX connections in a table
 * of fixed size, replies that find no receive buffer as flags of their connection, resets of
 * connections that do not exist in a ring of fixed size (when that is full the transmit queue rests
 * until the guest gives receive buffers, 5.10.6.1). A packet from a CID that is not the guest's, to
 * one that is not the host's, of an unknown type or operation, or for no connection, is answered
 * with a reset if it can be (5.10.6.4.1), else dropped.
 *
 * Locking: every function here but init and fini wants the device's lock held
 * (virtio_device_lock()), and every operation is called with it held, most often by a vCPU thread:
 * an operation does not block and takes no lock that is held around a call of this interface.
 *
 * A connection's life: accept() says yes, or vsock_connect() is answered by connected(); then
 * data(), can_send(), shutdown() come; it ends with closed(), or with vsock_conn_reset(). After
 * either, and within closed(), the pointer may not be used any more. Every function may be called
 * from within every operation.
 */
#ifndef NACELLE_VIRTIO_VSOCK_H
#define NACELLE_VIRTIO_VSOCK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include "virtio/device.h"
#include "virtio/vsock_wire.h"

enum {
	VSOCK_CID_GUEST = 3, /* the usual one; any CID above 2 will do */
	VSOCK_CONNS_MAX = 1024,
	VSOCK_HASH_BUCKETS = 1024,
	VSOCK_RESETS_MAX = 64,
	VSOCK_RX_SIZE = 32, /* buffers of 4 KiB, which Linux allocates at its start */
	VSOCK_TX_SIZE = 128,
	VSOCK_EVENT_SIZE = 8,
};

struct vsock;
struct vsock_conn;

/* Each but data may be NULL. ctx is what accept() left in struct vsock_accept. */
struct vsock_conn_ops {
	/* The guest has accepted what vsock_connect() began; before it, nothing can be sent. */
	void (*connected)(void *ctx, struct vsock_conn *conn);

	/*
	 * len > 0 bytes came in, within the credit that we gave. All of them are taken now: iov
	 * points into guest memory and is good for this call; the bytes may change while they are
	 * read. Whoever has no use for them yet keeps them; vsock_conn_consumed() gives the credit
	 * back in either case.
	 */
	void (*data)(void *ctx, struct vsock_conn *conn, const struct iovec *iov,
		     unsigned iov_count, size_t len);

	/* vsock_conn_send() has taken less than it was given, and would take more now. */
	void (*can_send)(void *ctx, struct vsock_conn *conn);

	/*
	 * The guest has shut down: VSOCK_SHUTDOWN_SEND, no more data will come;
	 * VSOCK_SHUTDOWN_RECEIVE, what we send is not read any more. directions is what is new.
	 */
	void (*shutdown)(void *ctx, struct vsock_conn *conn, unsigned directions);

	/*
	 * The connection is gone: a reset, a shutdown both ways (which comes through shutdown()
	 * first), an offence, or a reset of the whole device.
	 */
	void (*closed)(void *ctx, struct vsock_conn *conn);
};

/* What the one who accepts fills in. */
struct vsock_accept {
	const struct vsock_conn_ops *ops;
	void *ctx;
	uint32_t buf_alloc; /* bytes of credit: what it can keep without consuming anything */
	bool later;	    /* the guest waits for vsock_conn_accept(), or a reset */
};

/*
 * The guest wants to connect to a port of the host. Returns true with *accept filled, or false to
 * refuse. conn may be kept from here on, and used.
 */
typedef bool vsock_accept_fn(void *ctx, uint32_t host_port, struct vsock_conn *conn,
			     struct vsock_accept *accept);

struct vsock_conn {
	struct vsock *vsock;
	const struct vsock_conn_ops *ops;
	void *ctx;
	uint32_t guest_port;
	uint32_t host_port;
	uint8_t state;	       /* enum conn_state of vsock_conn.h */
	uint8_t pending;       /* replies that wait for a receive buffer: PENDING_* bits */
	uint8_t peer_shutdown; /* VSOCK_SHUTDOWN_* that the guest has sent */
	uint8_t own_shutdown;  /* that we have asked for */
	bool wants_send;       /* can_send() is due when there is room */
	bool credit_asked;     /* no second CREDIT_REQUEST before an answer */
	uint8_t opening;       /* enum conn_opening: who has to answer */
	bool queued;	       /* in the list of those that wait for receive buffers */

	/* Receiving (guest to host); free-running byte counts, as on the wire. */
	uint32_t buf_alloc;
	uint32_t received;
	uint32_t consumed;	/* fwd_cnt */
	uint32_t consumed_sent; /* the last that the guest was told */

	/* Sending. */
	uint32_t peer_buf_alloc;
	uint32_t peer_consumed;
	uint32_t sent;

	uint16_t hash_next; /* indexes + 1 into the table; 0: end */
	uint16_t wait_next;
};

struct vsock {
	struct virtio_device device;
	uint64_t guest_cid;
	struct vsock_config config;
	vsock_accept_fn *accept;
	void *accept_ctx;

	uint16_t conn_top;   /* entries of conns[] from here on were never used */
	uint16_t conn_free;  /* list through hash_next */
	unsigned conn_count; /* that have not been freed */
	uint16_t wait_first; /* connections that wait for receive buffers, oldest first */
	uint16_t wait_last;
	unsigned wait_count;

	/* Resets that wait and belong to no connection. */
	unsigned reset_first;
	unsigned reset_count;
	struct vsock_header resets[VSOCK_RESETS_MAX];

	bool tx_rests;	      /* until there are receive buffers */
	bool transport_reset; /* the event waits for a buffer */
	unsigned nesting;     /* of entries: the interrupts come at the end of the outermost */
	bool rx_pushed;
	bool
	    rx_dry; /* the last attempt found no receive buffer: the guest kicks when it adds one */
	uint64_t packets_bad; /* counters */
	uint64_t conns_refused;

	uint16_t hash[VSOCK_HASH_BUCKETS];
	struct vsock_conn conns[VSOCK_CONNS_MAX];
};

/*
 * Makes *vsock, which the caller allocated, zeroed. (Its pages are touched as they are needed.)
 * guest_cid is above 2. Plug vsock->device into a slot.
 */
void vsock_init(struct vsock *vsock, const struct gmem *gmem, uint64_t guest_cid,
		vsock_accept_fn *accept, void *accept_ctx);
/* The device is not used any more. No operation is called. */
void vsock_fini(struct vsock *vsock);

/*
 * Connects to a port of the guest, from a port of the host that no connection to that port has.
 * connected() or closed() follows, unless the connection is reset before. buf_alloc is as in struct
 * vsock_accept. Returns NULL if the table of connections is full or the ports are taken; never
 * calls back.
 */
struct vsock_conn *vsock_connect(struct vsock *vsock, uint32_t guest_port, uint32_t host_port,
				 const struct vsock_accept *as);

/* Says yes to a connection that was to be accepted later. */
void vsock_conn_accept(struct vsock_conn *conn);

/*
 * Sends as many of len bytes as the guest's credit and receive buffers allow now, and returns how
 * many. If that is less than len, can_send() follows. 0 after a shutdown of this direction.
 */
size_t vsock_conn_send(struct vsock_conn *conn, const void *data, size_t len);

/* Gives back credit for len bytes of what data() brought. */
void vsock_conn_consumed(struct vsock_conn *conn, size_t len);

/* Tells the guest that we will send (VSOCK_SHUTDOWN_SEND) or read (_RECEIVE) no more. */
void vsock_conn_shutdown(struct vsock_conn *conn, unsigned directions);

/* Ends the connection at once; closed() is not called. */
void vsock_conn_reset(struct vsock_conn *conn);

/*
 * After a restore: closes all connections and tells the driver with a TRANSPORT_RESET event
 * (5.10.6.7), which makes it read the guest CID anew.
 */
void vsock_transport_reset(struct vsock *vsock, uint64_t guest_cid);

#endif
