/*
 * 9p: attach, walk, and the identity of files (qids).
 */
#include "virtio/p9_ops.h"

#include <errno.h>
#include <string.h>
#include <sys/sysmacros.h>

enum { DEVICE_SHIFT = 48 };

/* Mixes 64 bits so that all of them depend on all (the finalizer of splitmix64). */
static uint64_t mix(uint64_t v)
{
	v = (v ^ v >> 30) * 0xbf58476d1ce4e5b9u;
	v = (v ^ v >> 27) * 0x94d049bb133111ebu;
	return v ^ v >> 31;
}

uint64_t p9_qid_path(struct p9_server *s, const struct p9_share *share, dev_t dev, uint64_t ino)
{
	unsigned i = 0, unused = s->device_count;

	for (; i < s->device_count; i++) {
		if (s->devices[i].dev == dev && s->devices[i].share == share)
			break;
		if (!s->devices[i].share)
			unused = i;
	}
	if (i == s->device_count && unused < P9_DEVICES_MAX) {
		i = unused;
		s->devices[i].share = share;
		s->devices[i].dev = dev;
		s->device_count += i == s->device_count;
	}
	if (i < P9_DEVICES_MAX && ino >> DEVICE_SHIFT == 0)
		return ino | (uint64_t)i << DEVICE_SHIFT;
	return mix(ino) ^ mix(~(uint64_t)dev) ^ mix((uint64_t)share->number << DEVICE_SHIFT);
}

static uint8_t qid_type(mode_t type)
{
	return S_ISDIR(type) ? P9_QID_DIR : S_ISLNK(type) ? P9_QID_SYMLINK : P9_QID_FILE;
}

struct p9_qid p9_qid(struct p9_server *s, const struct p9_node *node, const struct statx *stx)
{
	struct p9_qid qid = {
		.type = qid_type(stx->stx_mode),
		.path = p9_qid_path(s, node->share, makedev(stx->stx_dev_major, stx->stx_dev_minor),
				    stx->stx_ino),
	};

	if (node->share && node->share->read_only)
		qid.version = (uint32_t)mix((uint64_t)stx->stx_mtime.tv_sec * 1000000000 +
					    stx->stx_mtime.tv_nsec + mix(stx->stx_size));
	return qid;
}

struct p9_qid p9_root_qid(void)
{
	return (struct p9_qid){ .type = P9_QID_DIR, .path = UINT64_MAX };
}

/* The qid of a node that is not the synthetic root takes a look at its attributes. */
static int node_qid(struct p9_server *s, struct p9_node *node, struct p9_qid *qid)
{
	struct statx stx;
	int fd, r;

	*qid = p9_root_qid();
	if (!node->share)
		return 0;
	fd = p9_node_fd(&s->nodes, node);
	r = fd < 0 ? fd : p9_stat_fd(fd, &stx);
	if (r == 0)
		*qid = p9_qid(s, node, &stx);
	return r;
}

static struct p9_node *find_share(struct p9_server *s, const struct p9_string *name)
{
	for (unsigned i = 0; i < s->share_count; i++) {
		if (s->shares[i] && p9_string_is(name, s->shares[i]->root->name))
			return s->shares[i]->root;
	}
	return NULL;
}

int p9_op_attach(struct p9_server *s, const struct p9_request *req, struct p9_reply *r)
{
	bool all = !req->name2.len || p9_string_is(&req->name2, "/");
	struct p9_node *node = all ? s->root : find_share(s, &req->name2);
	struct p9_fid *fid;
	struct p9_qid qid;
	int result;

	if (req->other_fid != P9_NOFID)
		return -EINVAL; /* there is no authentication */
	if (!node)
		return -ENOENT;
	result = node_qid(s, node, &qid);
	if (result < 0)
		return result;
	result = p9_fid_add(&s->fids, req->fid, req->uid, node, &fid);
	if (result < 0)
		return result;
	p9_node_ref(node);
	p9_put_qid(r, &qid);
	return 0;
}

/* One step. The caller gets a reference to *child. */
static int walk_step(struct p9_server *s, struct p9_node *parent, const struct p9_string *name,
		     struct p9_node **child, struct p9_qid *qid)
{
	bool up = p9_string_is(name, "..");
	struct statx stx;
	int result = up ? 0 : p9_name_check(name);

	if (result < 0)
		return result;
	if (!parent->share && !up) {
		*child = find_share(s, name);
		if (!*child)
			return -ENOENT;
		result = p9_stat_fd((*child)->fd, &stx);
		if (result == 0)
			p9_node_ref(*child);
	} else {
		result = p9_node_walk(&s->nodes, parent, name->data, child, &stx);
	}
	if (result < 0)
		return result;
	*qid = (*child)->share ? p9_qid(s, *child, &stx) : p9_root_qid();
	return 0;
}

/* Names the end of a walk: a new fid, or the old one under a new node. Takes the reference. */
static int name_end(struct p9_server *s, const struct p9_request *req, struct p9_fid *from,
		    struct p9_node *end)
{
	struct p9_fid *fid;

	if (req->other_fid != req->fid)
		return p9_fid_add(&s->fids, req->other_fid, from->uid, end, &fid);
	if (from->kind != P9_FID_FILE)
		return -EBUSY;
	p9_node_unref(&s->nodes, from->node);
	from->node = end;
	return 0;
}

int p9_op_walk(struct p9_server *s, const struct p9_request *req, struct p9_reply *r)
{
	struct p9_fid *from = p9_file_fid(s, req->fid);
	struct p9_qid qids[P9_WALK_MAX];
	struct p9_node *node;
	unsigned done = 0;
	int result = 0;

	if (!from)
		return -EBADF;
	if (req->other_fid != req->fid && p9_fid_find(&s->fids, req->other_fid))
		return -EEXIST;
	node = p9_node_ref(from->node);
	for (; done < req->walk_count; done++) {
		struct p9_node *child = NULL;

		result = walk_step(s, node, &req->walk[done], &child, &qids[done]);
		if (result < 0)
			break;
		p9_node_unref(&s->nodes, node);
		node = child;
	}
	if (done == req->walk_count)
		result = name_end(s, req, from, node);
	if (done < req->walk_count || result < 0)
		p9_node_unref(&s->nodes, node);
	if (result < 0 && (!done || done == req->walk_count))
		return result;
	p9_put_u16(r, (uint16_t)done);
	for (unsigned i = 0; i < done; i++)
		p9_put_qid(r, &qids[i]);
	return 0;
}
