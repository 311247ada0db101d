/*
 * Nodes: the host files that fids stand for. A node is an O_PATH descriptor, never a path.
 *
 * - A walk opens one component at a time, beneath the parent's descriptor (openat2), following no
 *   symbolic link and, unless the share is recursive, entering no mount.
 * - `..` is answered from the parent that the node was reached through, and the parent of a share's
 *   root is the synthetic root; so nothing that happens on the host makes it leave the share.
 * - Fids that are clones of each other have the same node, at no cost.
 * - Descriptors are a bounded resource and a caching guest keeps a fid for every name it has seen,
 *   so the descriptors of nodes without children are a cache: when the budget is used up the least
 *   recently used one is closed, and opened again by its parent and name when it is needed. It must
 *   then be the same inode (device, number, birth time), or the answer is ESTALE. Before a guest
 *   removes or renames a name, the closed nodes of that name are opened again and stay so;
 *   a node that cannot be reached by its name is never closed. Thus unlinked open files live on.
 */
#ifndef NACELLE_VIRTIO_P9_NODE_H
#define NACELLE_VIRTIO_P9_NODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/types.h>

#include "virtio/p9_share.h"
#include "virtio/p9_wire.h"

struct p9_node {
	struct p9_node *parent;	      /* a reference; NULL of the synthetic root alone */
	const struct p9_share *share; /* NULL of the synthetic root alone */
	unsigned refs;
	unsigned children; /* nodes whose parent this is */
	int fd;		   /* -1 while closed, and of the synthetic root */
	bool pinned;	   /* is never closed while it is referenced */
	mode_t type;	   /* S_IFMT bits; an inode never changes its type */
	uint32_t generation;
	dev_t dev;
	ino_t ino;
	uint64_t used_at;
	struct p9_node *newer; /* open nodes that may be closed, by last use */
	struct p9_node *older;
	struct p9_node *next_closed; /* closed nodes, in their bucket */
	size_t name_len;
	char name[]; /* in the parent, when it was walked to; ends with a NUL */
};

enum { P9_CLOSED_BUCKETS = 1 << 14 };

struct p9_nodes {
	unsigned fd_budget; /* descriptors that nodes, open files and locks may use together */
	unsigned fd_count;
	uint64_t clock; /* one tick per message */
	struct p9_node *newest;
	struct p9_node *oldest;
	unsigned closed_count;
	struct p9_node **closed; /* P9_CLOSED_BUCKETS; NULL until the first node is closed */
};

/* Releases the table itself; all nodes are gone. */
void p9_nodes_fini(struct p9_nodes *nodes);

/*
 * Makes room for one descriptor and counts it. Returns 0, or -ENFILE. p9_fd_close() closes a
 * descriptor so counted and sets *fd to -1; p9_fd_unreserve() gives a count back unused.
 */
int p9_fd_reserve(struct p9_nodes *nodes) __attribute__((warn_unused_result));
void p9_fd_unreserve(struct p9_nodes *nodes);
void p9_fd_close(struct p9_nodes *nodes, int *fd);

/* The synthetic root, or the root of a share (parent and share given); one reference. */
struct p9_node *p9_node_new_root(void);
struct p9_node *p9_node_new_share(struct p9_nodes *nodes, struct p9_node *root,
				  const struct p9_share *share, const char *name, int fd);

struct p9_node *p9_node_ref(struct p9_node *node);
void p9_node_unref(struct p9_nodes *nodes, struct p9_node *node);

/*
 * The node's descriptor, good until the current message is answered; or a negative errno. The
 * synthetic root has none: -EROFS.
 */
int p9_node_fd(struct p9_nodes *nodes, struct p9_node *node) __attribute__((warn_unused_result));

/*
 * The node of the entry `name` (checked, or "..") of a directory, and its attributes. The caller
 * gets a reference. The parent is not the synthetic root unless the name is "..". Returns 0 or a
 * negative errno value.
 */
int p9_node_walk(struct p9_nodes *nodes, struct p9_node *parent, const char *name,
		 struct p9_node **child, struct statx *stx) __attribute__((warn_unused_result));

/*
 * The node of a file that the caller has just created under this name and holds open as open_fd,
 * whose own descriptor the caller has reserved. Returns 0 with *child, or a negative errno value
 * and the reservation is still the caller's.
 */
int p9_node_of_created(struct p9_nodes *nodes, struct p9_node *parent, const char *name,
		       int open_fd, const struct statx *stx, struct p9_node **child)
    __attribute__((warn_unused_result));

/* To be called before the entry `name` of a directory is removed, replaced or renamed. */
void p9_node_name_goes(struct p9_nodes *nodes, const struct p9_node *dir, const char *name);

/* Whether the entry by which the node was reached still is the node. */
bool p9_node_name_holds(struct p9_nodes *nodes, struct p9_node *node);

/* 0, or -EROFS if the node's share may not be changed. */
int p9_node_check_writable(const struct p9_node *node) __attribute__((warn_unused_result));

/*
 * Opens one entry of a directory beneath it, as p9_node_walk() does, with these flags (and
 * O_CLOEXEC, O_NOFOLLOW, O_NOCTTY, O_NONBLOCK). Returns a descriptor that is not counted, or a
 * negative errno.
 */
int p9_open_beneath(const struct p9_share *share, int dir_fd, const char *name, int flags,
		    mode_t mode) __attribute__((warn_unused_result));

/* The attributes of what fd, of whatever kind, is. Returns 0 or a negative errno value. */
int p9_stat_fd(int fd, struct statx *stx) __attribute__((warn_unused_result));

/* A number that differs between two files which had the same inode number one after the other. */
uint32_t p9_generation(const struct statx *stx);

/*
 * The name of a descriptor of this process in its working directory, /proc/self/fd. This is how an
 * O_PATH descriptor is opened or named to calls that take no descriptor: the link leads to the very
 * inode, whatever happened to its names.
 */
struct p9_fd_name {
	char text[12];
};
struct p9_fd_name p9_fd_name(int fd);

#endif
