/*
 * The 9P2000.L codec. It trusts no byte that it decodes; see the header for what it checks and what
 * it leaves to others.
 */
#include "virtio/p9_wire.h"

#include <assert.h>
#include <errno.h>

static struct p9_string take_string(struct cursor *c)
{
	size_t len = cursor_le16(c);
	const char *data = cursor_take(c, len);

	return data && len ? (struct p9_string){ data, len } : (struct p9_string){ "", 0 };
}

static void decode_fid(struct cursor *c, struct p9_request *req)
{
	req->fid = cursor_le32(c);
}

static void decode_version(struct cursor *c, struct p9_request *req)
{
	req->msize = cursor_le32(c);
	req->name = take_string(c);
}

static void decode_auth(struct cursor *c, struct p9_request *req)
{
	req->other_fid = cursor_le32(c);
	req->name = take_string(c);
	req->name2 = take_string(c);
	req->uid = cursor_le32(c);
}

static void decode_attach(struct cursor *c, struct p9_request *req)
{
	req->fid = cursor_le32(c);
	decode_auth(c, req);
}

static void decode_flush(struct cursor *c, struct p9_request *req)
{
	req->old_tag = cursor_le16(c);
}

static void decode_walk(struct cursor *c, struct p9_request *req)
{
	req->fid = cursor_le32(c);
	req->other_fid = cursor_le32(c);
	req->walk_count = cursor_le16(c);
	if (req->walk_count > P9_WALK_MAX) {
		c->bad = true;
		return;
	}
	for (unsigned i = 0; i < req->walk_count; i++)
		req->walk[i] = take_string(c);
}

static void decode_lopen(struct cursor *c, struct p9_request *req)
{
	req->fid = cursor_le32(c);
	req->flags = cursor_le32(c);
}

static void decode_lcreate(struct cursor *c, struct p9_request *req)
{
	req->fid = cursor_le32(c);
	req->name = take_string(c);
	req->flags = cursor_le32(c);
	req->mode = cursor_le32(c);
	req->gid = cursor_le32(c);
}

static void decode_symlink(struct cursor *c, struct p9_request *req)
{
	req->fid = cursor_le32(c);
	req->name = take_string(c);
	req->name2 = take_string(c);
	req->gid = cursor_le32(c);
}

static void decode_mknod(struct cursor *c, struct p9_request *req)
{
	req->fid = cursor_le32(c);
	req->name = take_string(c);
	req->mode = cursor_le32(c);
	(void)cursor_le64(c); /* major and minor: no device is ever made */
	req->gid = cursor_le32(c);
}

/* Trename (fid, directory, name) and Tlink (directory, fid, name) look alike. */
static void decode_two_fids_and_name(struct cursor *c, struct p9_request *req)
{
	req->fid = cursor_le32(c);
	req->other_fid = cursor_le32(c);
	req->name = take_string(c);
}

static void decode_getattr(struct cursor *c, struct p9_request *req)
{
	req->fid = cursor_le32(c);
	req->mask = cursor_le64(c);
}

static void decode_setattr(struct cursor *c, struct p9_request *req)
{
	req->fid = cursor_le32(c);
	req->valid = cursor_le32(c);
	req->mode = cursor_le32(c);
	req->uid = cursor_le32(c);
	req->gid = cursor_le32(c);
	req->size = cursor_le64(c);
	req->atime.sec = cursor_le64(c);
	req->atime.nsec = cursor_le64(c);
	req->mtime.sec = cursor_le64(c);
	req->mtime.nsec = cursor_le64(c);
}

static void decode_xattrcreate(struct cursor *c, struct p9_request *req)
{
	req->fid = cursor_le32(c);
	req->name = take_string(c);
	req->size = cursor_le64(c);
	req->flags = cursor_le32(c);
}

static void decode_read(struct cursor *c, struct p9_request *req)
{
	req->fid = cursor_le32(c);
	req->offset = cursor_le64(c);
	req->count = cursor_le32(c);
}

static void decode_lock(struct cursor *c, struct p9_request *req)
{
	req->fid = cursor_le32(c);
	req->lock_type = cursor_u8(c);
	if (req->type == P9_TLOCK)
		req->flags = cursor_le32(c);
	req->offset = cursor_le64(c);
	req->size = cursor_le64(c);
	req->proc_id = cursor_le32(c);
	req->name = take_string(c);
}

static void decode_mkdir(struct cursor *c, struct p9_request *req)
{
	req->fid = cursor_le32(c);
	req->name = take_string(c);
	req->mode = cursor_le32(c);
	req->gid = cursor_le32(c);
}

static void decode_renameat(struct cursor *c, struct p9_request *req)
{
	req->fid = cursor_le32(c);
	req->name = take_string(c);
	req->other_fid = cursor_le32(c);
	req->name2 = take_string(c);
}

static void decode_unlinkat(struct cursor *c, struct p9_request *req)
{
	req->fid = cursor_le32(c);
	req->name = take_string(c);
	req->flags = cursor_le32(c);
}

typedef void (*decoder)(struct cursor *c, struct p9_request *req);

static const decoder decoders[128] = {
	[P9_TSTATFS] = decode_fid,
	[P9_TLOPEN] = decode_lopen,
	[P9_TLCREATE] = decode_lcreate,
	[P9_TSYMLINK] = decode_symlink,
	[P9_TMKNOD] = decode_mknod,
	[P9_TRENAME] = decode_two_fids_and_name,
	[P9_TREADLINK] = decode_fid,
	[P9_TGETATTR] = decode_getattr,
	[P9_TSETATTR] = decode_setattr,
	[P9_TXATTRWALK] = decode_two_fids_and_name,
	[P9_TXATTRCREATE] = decode_xattrcreate,
	[P9_TREADDIR] = decode_read,
	[P9_TFSYNC] = decode_lopen, /* fid, datasync */
	[P9_TLOCK] = decode_lock,
	[P9_TGETLOCK] = decode_lock,
	[P9_TLINK] = decode_two_fids_and_name,
	[P9_TMKDIR] = decode_mkdir,
	[P9_TRENAMEAT] = decode_renameat,
	[P9_TUNLINKAT] = decode_unlinkat,
	[P9_TVERSION] = decode_version,
	[P9_TATTACH] = decode_attach,
	[P9_TFLUSH] = decode_flush,
	[P9_TWALK] = decode_walk,
	[P9_TREAD] = decode_read,
	[P9_TWRITE] = decode_read, /* up to its data */
	[P9_TCLUNK] = decode_fid,
	[P9_TREMOVE] = decode_fid,
};

bool p9_type_known(uint8_t type)
{
	return type < ARRAY_SIZE(decoders) && decoders[type];
}

/* Only now, since the byte behind a string is the first of the next field. */
static void terminate(const struct p9_string *s, char *head)
{
	if (s->len)
		head[(s->data - head) + (ptrdiff_t)s->len] = '\0';
}

int p9_decode(void *head, size_t head_len, size_t total_len, struct p9_request *req)
{
	struct cursor c = cursor_make(head, head_len);

	memset(req, 0, offsetof(struct p9_request, walk));
	if (cursor_le32(&c) != total_len)
		c.bad = true;
	req->type = cursor_u8(&c);
	req->tag = cursor_le16(&c);
	if (c.bad)
		return -1;
	if (!p9_type_known(req->type))
		return 0;
	decoders[req->type](&c, req);
	if (c.bad)
		return -1;
	if (req->type == P9_TWRITE)
		return total_len - P9_WRITE_BYTES == req->count ? 0 : -1;
	if (cursor_left(&c) || head_len != total_len)
		return -1;
	terminate(&req->name, head);
	terminate(&req->name2, head);
	for (unsigned i = 0; i < req->walk_count; i++)
		terminate(&req->walk[i], head);
	return 0;
}

int p9_name_check(const struct p9_string *name)
{
	if (name->len > P9_NAME_MAX)
		return -ENAMETOOLONG;
	if (!name->len || memchr(name->data, '/', name->len) || memchr(name->data, 0, name->len) ||
	    p9_string_is(name, ".") || p9_string_is(name, ".."))
		return -EINVAL;
	return 0;
}

struct p9_reply p9_reply_begin(void *data, size_t max)
{
	struct p9_reply r = { .start = data, .end = (uint8_t *)data + max };

	assert(max >= P9_ERROR_BYTES);
	r.at = r.start + P9_HEADER_BYTES;
	return r;
}

void *p9_put_space(struct p9_reply *r, size_t len)
{
	uint8_t *space = r->at;

	if (r->bad || len > (size_t)(r->end - r->at)) {
		r->bad = true;
		return NULL;
	}
	r->at += len;
	return space;
}

static void put(struct p9_reply *r, const void *data, size_t len)
{
	void *space = p9_put_space(r, len);

	if (space)
		memcpy(space, data, len);
}

void p9_put_u8(struct p9_reply *r, uint8_t v)
{
	put(r, &v, sizeof(v));
}

void p9_put_u16(struct p9_reply *r, uint16_t v)
{
	le16 wire = le16_make(v);

	put(r, &wire, sizeof(wire));
}

void p9_put_u32(struct p9_reply *r, uint32_t v)
{
	le32 wire = le32_make(v);

	put(r, &wire, sizeof(wire));
}

void p9_put_u64(struct p9_reply *r, uint64_t v)
{
	le64 wire = le64_make(v);

	put(r, &wire, sizeof(wire));
}

void p9_put_string(struct p9_reply *r, const char *data, size_t len)
{
	assert(len <= UINT16_MAX);
	p9_put_u16(r, (uint16_t)len);
	put(r, data, len);
}

void p9_put_qid(struct p9_reply *r, const struct p9_qid *qid)
{
	p9_put_u8(r, qid->type);
	p9_put_u32(r, qid->version);
	p9_put_u64(r, qid->path);
}

size_t p9_reply_end(struct p9_reply *r, uint8_t type, uint16_t tag)
{
	size_t size = (size_t)(r->at - r->start);

	assert(!r->bad);
	r->at = r->start;
	p9_put_u32(r, (uint32_t)size);
	p9_put_u8(r, type);
	p9_put_u16(r, tag);
	r->at = r->start + size;
	return size;
}

size_t p9_reply_error(struct p9_reply *r, uint16_t tag, int code)
{
	r->bad = false;
	r->at = r->start + P9_HEADER_BYTES;
	p9_put_u32(r, (uint32_t)code);
	return p9_reply_end(r, P9_RLERROR, tag);
}
