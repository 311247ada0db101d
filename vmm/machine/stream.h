/*
 * One stream: what streams.c, which has them all, knows of it. Locking as in streams.h.
 */
#ifndef NACELLE_MACHINE_STREAM_H
#define NACELLE_MACHINE_STREAM_H

#include "vmm/machine/streams.h"

/* One direction of a stream: a descriptor and a ring of bytes on their way. */
struct channel {
	struct loop_fd member;
	struct stream *stream;
	int fd; /* -1: closed */
	enum stream_fd_kind kind;
	bool exists; /* the stream has this direction */
	bool ended;  /* no more bytes come from the source; what is in the ring still goes out */
	bool closing;
	uint8_t *ring;
	uint32_t size;
	uint32_t first;
	uint32_t count;
};

struct stream {
	struct streams *streams;
	uint32_t port;
	bool used;	     /* had its connection */
	bool restricted;     /* it may come from one port of the guest only: */
	bool expected;	     /* which is known, and */
	uint32_t guest_port; /* is this */
	struct vsock_conn *conn;
	struct channel in;
	struct channel out;
};

struct stream_group {
	bool ending; /* nothing comes from the guest any more; it goes when all is written out */
	size_t count;
	struct stream stream[];
};

struct streams {
	struct vsock *vsock;
	struct loop *loop;
	struct loop_event reap;
	streams_done_fn *done;
	void *done_ctx;
	bool draining; /* no output of the guest is taken any more */
	/* Only the loop's thread changes the pointers, with the lock held. */
	struct stream_group *groups[STREAM_GROUPS_MAX];
};

static inline void streams_lock(struct streams *streams)
{
	virtio_device_lock(&streams->vsock->device);
}

static inline void streams_unlock(struct streams *streams)
{
	virtio_device_unlock(&streams->vsock->device);
}

/*
 * Fills a stream that is all zero bytes but for its pointer to the streams. On failure, too, it is
 * to be given to stream_free(), which leaves the descriptors open unless close_fds says otherwise.
 */
int stream_open(struct stream *stream, const struct stream_config *config, struct error *err);
void stream_free(struct stream *stream, bool close_fds);

/* The guest has connected. With the lock held, as are the next two. */
void stream_connect(struct stream *stream, struct vsock_conn *conn, struct vsock_accept *accept);

/* The guest will send and read no more: what has come is written, then the descriptors close. */
void stream_end(struct stream *stream);

/* The host's side is gone: the guest sees a reset, the app SIGPIPE. */
void stream_break(struct stream *stream);

/* Closes what is to be closed. The loop's thread, without the lock. */
void stream_reap(struct stream *stream);

#endif
