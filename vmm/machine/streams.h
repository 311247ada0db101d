/*
 * App streams: pumps between vsock connections and descriptors of the host.
 *
 * The bytes are opaque, their number is not limited, and each stream has its own bounded buffer,
 * which is also the credit that the guest has: a reader that stalls stalls its stream alone. What
 * the guest sends is written at once, by the vCPU thread that brings it, if that does not block;
 * the rest is buffered and written by the loop. What the host sends is read by the loop.
 *
 * The descriptors may share their open file descriptions with processes of the user's, so
 * O_NONBLOCK is never set on them. Where the supervisor could reopen one for us alone, it is
 * O_NONBLOCK already and marked so. Elsewhere poll() comes before a read, which only the loop
 * thread does and without a lock, and before a write of at most PIPE_BUF bytes to a pipe; if
 * another process fills that pipe in between, the write blocks for as long as the pipe is full.
 *
 * SIGPIPE must be ignored in this process. (SIGTTIN and SIGTTOU concern the supervisor, which
 * stands in the terminal's foreground group.)
 *
 * The streams of the apps are there from the beginning to the end: group 0. Each added process has
 * a group of its own, which comes and goes while the VM runs.
 *
 * Apps can open vsock connections too, if they are let. A stream takes one connection, and those of
 * group 0 are made before the first app starts; those of other groups are taken only from the ports
 * of the guest that guest-init has named and holds (streams_expect()).
 *
 * Locking: everything but the descriptors' registration is guarded by the vsock device's lock.
 * Operations are called with it held, and so is streams_end(); all else here belongs to the loop's
 * thread and is called without it. Descriptors are closed by the loop's thread only.
 */
#ifndef NACELLE_MACHINE_STREAMS_H
#define NACELLE_MACHINE_STREAMS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "guest-init/protocol.h"
#include "virtio/vsock.h"
#include "vmm/base/error.h"
#include "vmm/base/loop.h"
#include "vmm/machine/stream_fd.h"

enum {
	STREAMS_MAX = 768, /* in a group */
	STREAM_GROUPS_MAX = 1 + FRAME_ADDED_MAX,
	STREAM_OUT_BYTES = 256 * 1024, /* buffer and credit, guest to host */
	STREAM_IN_BYTES = 64 * 1024,
	STREAM_CREDIT_MIN = 4096, /* of a stream that takes nothing: sending to it is an offence */
};

enum {
	STREAM_IN = 1,	/* host to guest: stdin */
	STREAM_OUT = 2, /* guest to host: stdout, stderr; a terminal is both */
};

struct stream_fd {
	int fd;			  /* -1: closed, which is the end of file, or a broken pipe */
	bool private_nonblocking; /* O_NONBLOCK, in an open file description of our own */
	enum stream_fd_kind kind; /* of one that is not: UNKNOWN makes system calls to find out */
};

struct stream_config {
	uint32_t port;	     /* >= NACELLE_PORT_STREAM_FIRST, different in each stream */
	unsigned directions; /* STREAM_IN, STREAM_OUT */
	struct stream_fd in;
	struct stream_fd out;
};

struct streams;

/*
 * Takes over the descriptors (all of them different) and closes each when its direction has ended;
 * on failure they stay the caller's. count <= STREAMS_MAX. The loop must outlive the streams.
 */
int streams_init(struct streams **streams, const struct stream_config *configs, size_t count,
		 struct vsock *vsock, struct loop *loop, struct error *err);
/* The vCPUs have stopped and the connections are gone, or will not be used any more. */
void streams_fini(struct streams *streams);

/* A vsock_accept_fn for all ports but the control port, ctx being the struct streams. */
bool streams_accept(void *ctx, uint32_t host_port, struct vsock_conn *conn,
		    struct vsock_accept *accept);

/* A group that was ended has written all output and is gone. Called by the loop's thread. */
typedef void streams_done_fn(void *ctx, unsigned group);
void streams_on_done(struct streams *streams, streams_done_fn *done, void *ctx);

/* Makes a group that is not there, as streams_init() makes group 0. */
int streams_add(struct streams *streams, unsigned group, const struct stream_config *configs,
		size_t count, struct error *err);

/*
 * The connection to the port `from` + i comes from the guest's port ports[i]; before this is said,
 * nobody can connect to the streams of a group that was added. With the device's lock held.
 */
void streams_expect(struct streams *streams, unsigned group, uint32_t from, const uint32_t *ports,
		    size_t count);

/*
 * The guest has no more to say in this group, and reads no more: what has come is written out, then
 * the group ends. Any thread, with the device's lock held.
 */
void streams_end(struct streams *streams, unsigned group);

/*
 * The host's side of all streams of a group that is there is gone: the guest sees resets, also if
 * it has yet to connect.
 */
void streams_hang_up(struct streams *streams, unsigned group);

/*
 * At the end: takes no more output, and runs the loop until what the guest has written is written
 * out, or until loop_stop(): as long as that takes for the apps, but for the output of added
 * processes no longer than added_limit_ms. Returns 1 if all is out or the limit reached, 0 if it
 * was stopped, -1 with err filled. The vCPUs may still run.
 */
int streams_drain(struct streams *streams, unsigned added_limit_ms, struct error *err);

#endif
