/*
 * The 9p server: its making, the session, and the way from a message to the function that handles
 * it. What a message says is decoded from a private copy (p9_wire.h); each p9_op_* decides with it.
 */
#include "virtio/p9_server.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "virtio/p9_ops.h"
#include "virtio/p9_sync.h"
#include "vmm/base/cleanup.h"

enum {
	FIDS_DEFAULT = 256 * 1024,
	DESCRIPTORS_DEFAULT = 64 * 1024,
	DESCRIPTORS_MIN = 64,
	DESCRIPTORS_SPARE = 128, /* what the process has besides, and opens for a moment */
	XATTR_BYTES_DEFAULT = 4 * 1024 * 1024,
	LOCK_RANGES_DEFAULT = 1024,
};

int p9_server_prepare_process(struct error *err)
{
	struct rlimit limit, more;
	int fd;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return error_set(err, errno, "cannot read the limit of open files");
	more.rlim_cur = more.rlim_max = DESCRIPTORS_DEFAULT + DESCRIPTORS_SPARE;
	limit.rlim_cur = limit.rlim_max;
	/* Only the mighty may raise the hard limit; where it is lower, less is kept open. */
	if ((limit.rlim_max >= more.rlim_max || setrlimit(RLIMIT_NOFILE, &more) < 0) &&
	    setrlimit(RLIMIT_NOFILE, &limit) < 0)
		return error_set(err, errno, "cannot raise the limit of open files");
	umask(0);
	/* A user's limit of file sizes is an error of one write, not the end of the server. */
	if (signal(SIGXFSZ, SIG_IGN) == SIG_ERR)
		return error_set(err, errno, "cannot ignore SIGXFSZ");
	fd = open("/proc/self/fd", O_PATH | O_DIRECTORY | O_CLOEXEC);
	return fd < 0 ? error_set(err, errno, "cannot open /proc/self/fd (is /proc mounted?)") : fd;
}

int p9_server_enter_process(int links_fd, struct error *err)
{
	int r = 0;

	if (fchdir(links_fd) < 0)
		r = error_set(err, errno, "cannot enter /proc/self/fd");
	close(links_fd);
	return r;
}

static uint32_t or_default(uint32_t value, uint32_t otherwise)
{
	return value ? value : otherwise;
}

static struct p9_limits limits_of(const struct p9_limits *wanted, unsigned servers)
{
	struct p9_limits limits = {
		.fids = or_default(wanted->fids, FIDS_DEFAULT),
		.descriptors = or_default(wanted->descriptors, DESCRIPTORS_DEFAULT),
		.xattr_bytes = or_default(wanted->xattr_bytes, XATTR_BYTES_DEFAULT),
		.lock_ranges = or_default(wanted->lock_ranges, LOCK_RANGES_DEFAULT),
	};
	struct rlimit files = { .rlim_cur = 1024 };
	rlim_t most = DESCRIPTORS_MIN;

	(void)getrlimit(RLIMIT_NOFILE, &files);
	files.rlim_cur /= servers ? servers : 1;
	if (files.rlim_cur > DESCRIPTORS_MIN + DESCRIPTORS_SPARE)
		most = files.rlim_cur - DESCRIPTORS_SPARE;
	if (limits.descriptors > most)
		limits.descriptors = (uint32_t)most;
	return limits;
}

struct p9_server *p9_server_new(const struct p9_server_config *config, struct error *err)
{
	struct p9_server *s = calloc(1, sizeof(*s));
	int r = 0;

	if (!s || !(s->root = p9_node_new_root())) {
		free(s);
		s = NULL;
		r = error_set(err, ENOMEM, "cannot make a 9p server");
	} else {
		s->owners = config->owners;
		s->takes_shares = config->takes_shares;
		s->own_uid = geteuid();
		s->own_gid = getegid();
		s->limits = limits_of(&config->limits, config->servers);
		s->nodes.fd_budget = s->limits.descriptors;
		p9_fids_init(&s->fids, s->limits.fids);
	}
	for (unsigned i = 0; i < config->share_count; i++) {
		if (r == 0)
			r = p9_share_add(s, &config->shares[i], err);
		else
			close(config->shares[i].fd);
	}
	if (r < 0) {
		p9_server_free(s);
		return NULL;
	}
	return s;
}

void p9_fid_close(struct p9_server *s, struct p9_fid *fid)
{
	p9_fd_close(&s->nodes, &fid->lock_fd);
	p9_fd_close(&s->nodes, &fid->io_fd);
	s->lock_ranges -= (uint32_t)fid->locks.count;
	p9_ranges_free(&fid->locks);
	if (fid->xattr)
		s->xattr_bytes -= (uint32_t)fid->xattr->size;
	free(fid->xattr);
	fid->xattr = NULL;
	fid->kind = P9_FID_FILE;
}

void p9_fid_release(struct p9_server *s, struct p9_fid *fid)
{
	p9_fid_close(s, fid);
	p9_node_unref(&s->nodes, fid->node);
	free(fid);
}

/* Ends the session: no fid is left, and nothing but a Tversion is understood. */
static void session_end(struct p9_server *s)
{
	struct p9_fid *fid;
	size_t at = 0;

	if (s->sync)
		p9_sync_drain(s->sync);
	while ((fid = p9_fid_next(&s->fids, &at))) {
		p9_fid_remove(&s->fids, fid);
		p9_fid_release(s, fid);
	}
	p9_fids_fini(&s->fids);
	s->versioned = false;
}

void p9_server_free(struct p9_server *s)
{
	if (!s)
		return;
	session_end(s);
	for (unsigned i = 0; i < s->share_count; i++)
		p9_share_forget(s, i);
	p9_node_unref(&s->nodes, s->root);
	p9_nodes_fini(&s->nodes);
	free(s);
}

struct p9_fid *p9_file_fid(struct p9_server *s, uint32_t id)
{
	struct p9_fid *fid = p9_fid_find(&s->fids, id);

	return fid && (fid->kind == P9_FID_FILE || fid->kind == P9_FID_OPEN) ? fid : NULL;
}

static int op_version(struct p9_server *s, const struct p9_request *req, struct p9_reply *r)
{
	bool known = p9_string_is(&req->name, "9P2000.L") && req->msize >= P9_MSIZE_MIN;
	const char *answer = known ? "9P2000.L" : "unknown";

	session_end(s);
	s->msize = req->msize < P9_MSIZE_MAX ? req->msize : P9_MSIZE_MAX;
	s->versioned = known;
	p9_put_u32(r, s->msize);
	p9_put_string(r, answer, strlen(answer));
	return 0;
}

/* All that came before is answered, but for what the thread has; then the answer comes after that.
 */
static int op_flush(struct p9_server *s, const struct p9_request *req, struct p9_reply *r)
{
	(void)r;
	return s->sync && p9_sync_flush(s->sync, s->slot, req->tag, req->old_tag) == 0 ? P9_LATER
										       : 0;
}

int p9_op_clunk(struct p9_server *s, const struct p9_request *req, struct p9_reply *r)
{
	struct p9_fid *fid = p9_fid_find(&s->fids, req->fid);
	int result = 0;

	(void)r;
	if (!fid)
		return -EBADF;
	if (fid->kind == P9_FID_XATTR_SET)
		result = p9_xattr_commit(s, fid);
	p9_fid_remove(&s->fids, fid);
	p9_fid_release(s, fid);
	return result;
}

static const p9_op ops[128] = {
	[P9_TSTATFS] = p9_op_statfs,
	[P9_TLOPEN] = p9_op_lopen,
	[P9_TLCREATE] = p9_op_lcreate,
	[P9_TSYMLINK] = p9_op_symlink,
	[P9_TMKNOD] = p9_op_mknod,
	[P9_TRENAME] = p9_op_rename,
	[P9_TREADLINK] = p9_op_readlink,
	[P9_TGETATTR] = p9_op_getattr,
	[P9_TSETATTR] = p9_op_setattr,
	[P9_TXATTRWALK] = p9_op_xattrwalk,
	[P9_TXATTRCREATE] = p9_op_xattrcreate,
	[P9_TREADDIR] = p9_op_readdir,
	[P9_TFSYNC] = p9_op_fsync,
	[P9_TLOCK] = p9_op_lock,
	[P9_TGETLOCK] = p9_op_getlock,
	[P9_TLINK] = p9_op_link,
	[P9_TMKDIR] = p9_op_mkdir,
	[P9_TRENAMEAT] = p9_op_renameat,
	[P9_TUNLINKAT] = p9_op_unlinkat,
	[P9_TVERSION] = op_version,
	[P9_TATTACH] = p9_op_attach,
	[P9_TFLUSH] = op_flush,
	[P9_TWALK] = p9_op_walk,
	[P9_TREAD] = p9_op_read,
	[P9_TWRITE] = p9_op_write,
	[P9_TCLUNK] = p9_op_clunk,
	[P9_TREMOVE] = p9_op_remove,
};

/* Copies what is to be looked at, once, and decodes it. Returns 0, or -1 if it is not well-formed.
 */
static int take_message(struct p9_server *s, const uint8_t *message, size_t len,
			struct p9_request *req)
{
	size_t head_len = len < P9_WRITE_BYTES ? len : P9_WRITE_BYTES;

	if (len < P9_HEADER_BYTES || len > (s->versioned ? s->msize : P9_MSIZE_MAX))
		return -1;
	memcpy(s->head, message, head_len);
	s->payload = message + head_len;
	if (!p9_is_write(s->head)) {
		if (len > P9_HEAD_MAX)
			return -1;
		memcpy(s->head + head_len, message + head_len, len - head_len);
		head_len = len;
	}
	if (p9_decode(s->head, head_len, len, req) < 0)
		return -1;
	return s->versioned || req->type == P9_TVERSION ? 0 : -1;
}

void p9_server_use_sync(struct p9_server *s, struct p9_sync *sync, uint32_t slot)
{
	s->sync = sync;
	s->slot = slot;
}

size_t p9_server_handle(struct p9_server *s, const void *request, size_t request_len, void *reply,
			size_t reply_max)
{
	struct p9_request req;
	struct p9_reply r;
	int result;

	if (reply_max < P9_ERROR_BYTES || take_message(s, request, request_len, &req) < 0) {
		session_end(s);
		return 0;
	}
	s->nodes.clock++;
	if (s->versioned && reply_max > s->msize)
		reply_max = s->msize;
	r = p9_reply_begin(reply, reply_max);
	result = p9_type_known(req.type) ? ops[req.type](s, &req, &r) : -EOPNOTSUPP;
	if (result == P9_LATER)
		return P9_DEFERRED;
	if (result == 0 && r.bad)
		result = -EMSGSIZE;
	return result < 0 ? p9_reply_error(&r, req.tag, -result)
			  : p9_reply_end(&r, (uint8_t)(req.type + 1), req.tag);
}
