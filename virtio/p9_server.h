/*
 * The 9P2000.L server: T-messages in, R-messages out, on host directories. It serves one client,
 * one message after the other, and answers each before it takes the next, but for a Tfsync on a
 * channel: a thread of its own does that (p9_sync.h), and answers a Tflush of one after it.
 *
 * Every byte of a message, and whatever happens in the shares meanwhile, may be hostile. What the
 * server promises: no file outside the shares is read or changed, no special file is opened, no
 * device node is made, a read-only share is not changed, and memory and descriptors have limits.
 *
 * The process. The server counts on process-wide state, set by p9_server_enter_process(): its
 * working directory is /proc/self/fd (see p9_node.h), its umask is 0. So there is a process for it;
 * several servers, each with a thread, may share one.
 *
 * Linux's client is the one that it is made for: see README.md for the mount options and for what a
 * guest sees of owners, locks, mounts beneath a share and inode numbers.
 */
#ifndef NACELLE_VIRTIO_P9_SERVER_H
#define NACELLE_VIRTIO_P9_SERVER_H

#include <stddef.h>
#include <stdint.h>

#include "virtio/p9_share.h"
#include "vmm/base/error.h"

/* Whose are the files? */
enum p9_owners {
	/* User and group numbers are the same on both sides. Wants CAP_CHOWN and CAP_FOWNER. */
	P9_OWNERS_SAME,
	/*
	 * All that the server's own user and group have is the guest's root's; what others have is
	 * nobody's. A guest may ask for any owner: it is told yes, and nothing happens.
	 */
	P9_OWNERS_SQUASH,
};

/* 0 means the default. */
struct p9_limits {
	uint32_t fids;	      /* 262144 */
	uint32_t descriptors; /* what RLIMIT_NOFILE leaves, at most 65536; fids can be more */
	uint32_t xattr_bytes; /* of values on their way, together: 4 MiB */
	uint32_t lock_ranges; /* 1024 */
};

struct p9_server_config {
	const struct p9_share_config *shares;
	unsigned share_count;
	enum p9_owners owners;
	struct p9_limits limits;
	unsigned servers;  /* in this process, which share its descriptors; 0 is 1 */
	bool takes_shares; /* p9_server_run() takes struct p9_share_packet, too */
};

struct p9_server;
struct p9_sync;

/* What p9_server_handle() returns for a message that is answered later. */
#define P9_DEFERRED SIZE_MAX

/*
 * Makes this process fit for a server, in two steps. The first wants /proc and whatever privileges
 * there are: it raises the limit of open files, sets the umask, ignores SIGXFSZ, and returns a
 * descriptor of /proc/self/fd, or -1 with err filled. The second makes that the working directory,
 * and closes it; in between the process may lose its root, its user and its capabilities. Return -1
 * with err filled on failure.
 */
int p9_server_prepare_process(struct error *err) __attribute__((warn_unused_result));
int p9_server_enter_process(int links_fd, struct error *err) __attribute__((warn_unused_result));

/*
 * A server with these shares, whose descriptors are its own from now on (also if it fails). Returns
 * NULL with err filled if a share cannot be shared.
 */
struct p9_server *p9_server_new(const struct p9_server_config *config, struct error *err);
void p9_server_free(struct p9_server *server); /* NULL is fine */

/* One more share, while the server runs. Its descriptor is the server's, also if this fails. */
int p9_server_add_share(struct p9_server *server, const struct p9_share_config *config,
			struct error *err) __attribute__((warn_unused_result));

/*
 * Takes away the shares that came while the server ran and whose names begin like this: they have
 * no name any more, fids in them are as if they had been clunked, and no descriptor is left open.
 */
void p9_server_remove_shares(struct p9_server *server, const char *prefix);

/*
 * Answers one message. The request may change under our hands: what is looked at is copied first,
 * and only the data of a Twrite is not. The reply may be anything's memory: it is only written to.
 * reply_max: its size, of which msize is used at most. Returns the reply's length. Returns 0 if the
 * message breaks the protocol: the session is then over (all fids are gone) until a Tversion.
 * P9_DEFERRED only after p9_server_use_sync().
 */
size_t p9_server_handle(struct p9_server *server, const void *request, size_t request_len,
			void *reply, size_t reply_max);

/* Lets this thread answer fsyncs from now on; NULL: no more. `slot` is that of the next message. */
void p9_server_use_sync(struct p9_server *server, struct p9_sync *sync, uint32_t slot);

/*
 * Serves the virtio-9p device at the other end of a channel (p9_channel.h, whose memory is mapped
 * at slots) until it is closed, with the help of `sync` unless it is NULL. Returns 0 when it is; -1
 * with err filled if the device sends what it cannot mean, or the socket fails.
 */
int p9_server_run(struct p9_server *server, struct p9_sync *sync, int socket, uint8_t *slots,
		  struct error *err) __attribute__((warn_unused_result));

/*
 * Serves a client on a byte stream, as Linux's trans=fd is one, until it closes. Returns 0 when it
 * has; -1 with err filled if the client breaks the protocol or the descriptors fail.
 */
int p9_server_run_stream(struct p9_server *server, int in_fd, int out_fd, struct error *err)
    __attribute__((warn_unused_result));

#endif
