/*
 * Nodes. Names are checked before they come here; what they lead to is decided by the kernel, and
 * may change under our hands.
 */
#include "virtio/p9_node.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

enum { OPEN_TRIES = 8 }; /* openat2 says EAGAIN when it raced with a rename */

int p9_open_beneath(const struct p9_share *share, int dir_fd, const char *name, int flags,
		    mode_t mode)
{
	struct open_how how = {
		.flags = (unsigned int)(flags | O_CLOEXEC | O_NOFOLLOW),
		.mode = mode,
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS,
	};
	long fd = -1;

	if (!(flags & O_PATH))
		how.flags |= O_NOCTTY | O_NONBLOCK;
	if (!share->recursive)
		how.resolve |= RESOLVE_NO_XDEV;
	for (int i = 0; i < OPEN_TRIES; i++) {
		fd = syscall(SYS_openat2, dir_fd, name, &how, sizeof(how));
		if (fd >= 0 || (errno != EAGAIN && errno != EINTR))
			break;
	}
	return fd < 0 ? -errno : (int)fd;
}

int p9_stat_fd(int fd, struct statx *stx)
{
	return statx(fd, "", AT_EMPTY_PATH | AT_NO_AUTOMOUNT, STATX_BASIC_STATS | STATX_BTIME,
		     stx) < 0
		   ? -errno
		   : 0;
}

uint32_t p9_generation(const struct statx *stx)
{
	uint64_t born = (uint64_t)stx->stx_btime.tv_sec * 1000000000 + stx->stx_btime.tv_nsec;

	return stx->stx_mask & STATX_BTIME ? (uint32_t)(born ^ born >> 32) : 0;
}

struct p9_fd_name p9_fd_name(int fd)
{
	struct p9_fd_name name;

	(void)snprintf(name.text, sizeof(name.text), "%d", fd);
	return name;
}

static dev_t stat_dev(const struct statx *stx)
{
	return makedev(stx->stx_dev_major, stx->stx_dev_minor);
}

static bool same_inode(const struct p9_node *node, const struct statx *stx)
{
	return node->dev == stat_dev(stx) && node->ino == stx->stx_ino &&
	       node->generation == p9_generation(stx);
}

/* The list of open nodes that may be closed, by last use. */

static void unlist(struct p9_nodes *nodes, struct p9_node *node)
{
	if (node->older)
		node->older->newer = node->newer;
	else if (nodes->oldest == node)
		nodes->oldest = node->newer;
	if (node->newer)
		node->newer->older = node->older;
	else if (nodes->newest == node)
		nodes->newest = node->older;
	node->older = NULL;
	node->newer = NULL;
}

static void use(struct p9_nodes *nodes, struct p9_node *node)
{
	node->used_at = nodes->clock;
	if (node->pinned || node->children || nodes->newest == node)
		return;
	unlist(nodes, node);
	node->older = nodes->newest;
	if (nodes->newest)
		nodes->newest->newer = node;
	else
		nodes->oldest = node;
	nodes->newest = node;
}

static void pin(struct p9_nodes *nodes, struct p9_node *node)
{
	unlist(nodes, node);
	node->pinned = true;
}

/* The table of closed nodes, by directory and name. */

static struct p9_node **closed_bucket(struct p9_nodes *nodes, const struct p9_node *dir,
				      const char *name)
{
	uint64_t hash = (dir->ino ^ dir->dev << 32) * 0x9e3779b97f4a7c15u;

	for (; *name; name++)
		hash = (hash ^ (uint8_t)*name) * 0x100000001b3u;
	return &nodes->closed[(hash >> 24) % P9_CLOSED_BUCKETS];
}

static void closed_remove(struct p9_nodes *nodes, struct p9_node *node)
{
	struct p9_node **at = closed_bucket(nodes, node->parent, node->name);

	while (*at != node)
		at = &(*at)->next_closed;
	*at = node->next_closed;
	nodes->closed_count--;
}

/* Closes one node's descriptor, if it can be opened again by name. */
static bool close_node(struct p9_nodes *nodes, struct p9_node *node)
{
	struct p9_node **bucket;

	if (!p9_node_name_holds(nodes, node)) {
		pin(nodes, node);
		return false;
	}
	unlist(nodes, node);
	p9_fd_close(nodes, &node->fd);
	bucket = closed_bucket(nodes, node->parent, node->name);
	node->next_closed = *bucket;
	*bucket = node;
	nodes->closed_count++;
	return true;
}

static bool close_oldest(struct p9_nodes *nodes)
{
	struct p9_node *node = nodes->oldest;

	if (!nodes->closed)
		nodes->closed = calloc(P9_CLOSED_BUCKETS, sizeof(struct p9_node *));
	if (!nodes->closed)
		return false;
	/* One that was used for the current message is in use, and so are all newer ones. */
	while (node && node->used_at != nodes->clock && !close_node(nodes, node))
		node = nodes->oldest; /* the one before is pinned now, and off the list */
	return node && node->used_at != nodes->clock;
}

int p9_fd_reserve(struct p9_nodes *nodes)
{
	if (nodes->fd_count >= nodes->fd_budget && !close_oldest(nodes))
		return -ENFILE;
	nodes->fd_count++;
	return 0;
}

void p9_fd_unreserve(struct p9_nodes *nodes)
{
	nodes->fd_count--;
}

void p9_fd_close(struct p9_nodes *nodes, int *fd)
{
	if (*fd < 0)
		return;
	close(*fd);
	*fd = -1;
	nodes->fd_count--;
}

void p9_nodes_fini(struct p9_nodes *nodes)
{
	assert(!nodes->closed_count && !nodes->oldest);
	free(nodes->closed);
}

static struct p9_node *new_node(struct p9_nodes *nodes, struct p9_node *parent,
				const struct p9_share *share, const char *name, int fd,
				const struct statx *stx)
{
	size_t len = strlen(name);
	struct p9_node *node = calloc(1, sizeof(*node) + len + 1);

	if (!node)
		return NULL;
	node->refs = 1;
	node->share = share;
	node->fd = fd;
	node->type = stx->stx_mode & S_IFMT;
	node->generation = p9_generation(stx);
	node->dev = stat_dev(stx);
	node->ino = stx->stx_ino;
	node->name_len = len;
	memcpy(node->name, name, len + 1);
	if (parent) {
		node->parent = p9_node_ref(parent);
		parent->children++;
		unlist(nodes, parent);
	}
	return node;
}

struct p9_node *p9_node_new_root(void)
{
	struct statx stx = { .stx_mode = S_IFDIR };
	struct p9_node *node = new_node(NULL, NULL, NULL, "", -1, &stx);

	if (node)
		node->pinned = true;
	return node;
}

struct p9_node *p9_node_new_share(struct p9_nodes *nodes, struct p9_node *root,
				  const struct p9_share *share, const char *name, int fd)
{
	struct p9_node *node;
	struct statx stx;

	if (p9_stat_fd(fd, &stx) < 0)
		return NULL;
	node = new_node(nodes, root, share, name, fd, &stx);
	if (!node)
		return NULL;
	node->pinned = true;
	nodes->fd_count++;
	return node;
}

struct p9_node *p9_node_ref(struct p9_node *node)
{
	node->refs++;
	return node;
}

void p9_node_unref(struct p9_nodes *nodes, struct p9_node *node)
{
	while (node && --node->refs == 0) {
		struct p9_node *parent = node->parent;

		if (node->fd >= 0) {
			unlist(nodes, node);
			p9_fd_close(nodes, &node->fd);
		} else if (parent) {
			closed_remove(nodes, node);
		}
		if (parent && --parent->children == 0)
			use(nodes, parent);
		free(node);
		node = parent;
	}
}

static int reopen(struct p9_nodes *nodes, struct p9_node *node)
{
	struct statx stx;
	int fd, r = p9_fd_reserve(nodes);

	if (r < 0)
		return r;
	assert(node->parent->fd >= 0); /* it has a child */
	fd = p9_open_beneath(node->share, node->parent->fd, node->name, O_PATH, 0);
	if (fd < 0) {
		p9_fd_unreserve(nodes);
		return fd == -ENOENT ? -ESTALE : fd;
	}
	r = p9_stat_fd(fd, &stx);
	if (r == 0 && !same_inode(node, &stx))
		r = -ESTALE;
	if (r < 0) {
		p9_fd_close(nodes, &fd);
		return r;
	}
	closed_remove(nodes, node);
	node->fd = fd;
	return 0;
}

int p9_node_fd(struct p9_nodes *nodes, struct p9_node *node)
{
	if (!node->share)
		return -EROFS;
	if (node->fd < 0) {
		int r = reopen(nodes, node);

		if (r < 0)
			return r;
	}
	use(nodes, node);
	return node->fd;
}

int p9_node_walk(struct p9_nodes *nodes, struct p9_node *parent, const char *name,
		 struct p9_node **child, struct statx *stx)
{
	int fd, r, dir_fd;

	if (!strcmp(name, "..")) {
		*child = parent->parent ? parent->parent : parent;
		r = (*child)->share ? p9_stat_fd((*child)->fd, stx) : 0;
		if (r == 0)
			p9_node_ref(*child);
		return r;
	}
	dir_fd = p9_node_fd(nodes, parent);
	if (dir_fd < 0)
		return dir_fd;
	if (!S_ISDIR(parent->type))
		return -ENOTDIR;
	r = p9_fd_reserve(nodes);
	if (r < 0)
		return r;
	fd = p9_open_beneath(parent->share, dir_fd, name, O_PATH, 0);
	if (fd < 0) {
		p9_fd_unreserve(nodes);
		return fd;
	}
	r = p9_stat_fd(fd, stx);
	*child = r < 0 ? NULL : new_node(nodes, parent, parent->share, name, fd, stx);
	if (!*child) {
		p9_fd_close(nodes, &fd);
		return r < 0 ? r : -ENOMEM;
	}
	use(nodes, *child);
	return 0;
}

int p9_node_of_created(struct p9_nodes *nodes, struct p9_node *parent, const char *name,
		       int open_fd, const struct statx *stx, struct p9_node **child)
{
	int fd = openat(AT_FDCWD, p9_fd_name(open_fd).text, O_PATH | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	*child = new_node(nodes, parent, parent->share, name, fd, stx);
	if (!*child) {
		close(fd);
		return -ENOMEM;
	}
	use(nodes, *child);
	return 0;
}

void p9_node_name_goes(struct p9_nodes *nodes, const struct p9_node *dir, const char *name)
{
	struct p9_node *node, *next;

	if (!nodes->closed_count)
		return;
	for (node = *closed_bucket(nodes, dir, name); node; node = next) {
		next = node->next_closed;
		if (node->parent->ino == dir->ino && node->parent->dev == dir->dev &&
		    !strcmp(node->name, name) && reopen(nodes, node) == 0)
			pin(nodes, node);
	}
}

bool p9_node_name_holds(struct p9_nodes *nodes, struct p9_node *node)
{
	int dir_fd = p9_node_fd(nodes, node->parent);
	struct statx stx;

	return dir_fd >= 0 &&
	       statx(dir_fd, node->name, AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT,
		     STATX_BASIC_STATS | STATX_BTIME, &stx) == 0 &&
	       same_inode(node, &stx);
}

int p9_node_check_writable(const struct p9_node *node)
{
	return !node->share || node->share->read_only ? -EROFS : 0;
}
