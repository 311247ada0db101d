#include "tests/unit/p9/p9_client.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <linux/capability.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "virtio/p9_channel.h"
#include "virtio/p9_files.h"
#include "vmm/base/cleanup.h"
#include "vmm/base/io.h"

static const char canary[] = "canary";

static void check(bool ok, const char *what)
{
	if (!ok) {
		perror(what);
		abort();
	}
}

static void write_file(int dir_fd, const char *name, const char *text)
{
	int fd = openat(dir_fd, name, O_CREAT | O_EXCL | O_WRONLY, 0644);

	check(fd >= 0 && io_write_all(fd, text, strlen(text)) == 0, name);
	close(fd);
}

static int make_tree(struct p9_world *w, const char *name)
{
	char target[96];
	int fd;

	check(mkdirat(w->dir_fd, name, 0755) == 0, name);
	fd = openat(w->dir_fd, name, O_PATH | O_DIRECTORY | O_CLOEXEC);
	check(fd >= 0, name);
	write_file(fd, "file", "hello");
	check(mkdirat(fd, "dir", 0755) == 0, "dir");
	check(mkdirat(fd, "dir/sub", 0755) == 0, "sub");
	check(mkfifoat(fd, "fifo", 0644) == 0, "fifo");
	check(symlinkat("../canary", fd, "link") == 0, "link");
	check(symlinkat("..", fd, "up") == 0, "up");
	(void)snprintf(target, sizeof(target), "%s/canary", w->path);
	check(symlinkat(target, fd, "abslink") == 0, "abslink");
	return fd;
}

/* The directory, and the shares in it. */
static struct p9_world *make_world(struct p9_share_config shares[3])
{
	struct p9_world *w = calloc(1, sizeof(*w));
	const char *base = getenv("TMPDIR");

	check(w, "memory");
	(void)snprintf(w->path, sizeof(w->path), "%s/nacelle-p9-XXXXXX", base ? base : "/tmp");
	check(mkdtemp(w->path), w->path);
	w->dir_fd = open(w->path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	check(w->dir_fd >= 0, w->path);
	write_file(w->dir_fd, "canary", canary);
	write_file(w->dir_fd, "single", "one");
	shares[0] = (struct p9_share_config){ .name = "share", .fd = make_tree(w, "share") };
	shares[1] =
	    (struct p9_share_config){ .name = "ro", .fd = make_tree(w, "ro"), .read_only = true };
	shares[2] = (struct p9_share_config){ .name = "single" };
	shares[2].fd = openat(w->dir_fd, "single", O_PATH | O_CLOEXEC);
	w->share_fd = dup(shares[0].fd);
	w->client.reply_max = P9_MSIZE_MAX;
	return w;
}

static struct p9_world *attach_world(struct p9_world *w)
{
	check(p9_version(&w->client, P9_MSIZE_MAX, "9P2000.L") == 0, "version");
	check(p9_attach(&w->client, CLIENT_ROOT, "", 0) == 0, "attach");
	return w;
}

struct p9_world *p9_world_new(const struct p9_limits *limits, enum p9_owners owners)
{
	struct p9_share_config shares[3];
	struct p9_world *w = make_world(shares);
	struct p9_server_config config = { .shares = shares, .share_count = 3, .owners = owners };
	struct error err = ERROR_NONE;

	if (limits)
		config.limits = *limits;
	w->old_cwd = open(".", O_PATH | O_DIRECTORY | O_CLOEXEC);
	check(p9_server_enter_process(p9_server_prepare_process(&err), &err) == 0, err.text);
	w->client.server = p9_server_new(&config, &err);
	check(w->client.server, err.text);
	return attach_world(w);
}

/* The role's process: as the supervisor starts it, if that is possible here. */
static void serve(struct p9_files_plan *plan)
{
	const uint64_t capabilities =
	    1 << CAP_CHOWN | 1 << CAP_DAC_OVERRIDE | 1 << CAP_FOWNER | 1 << CAP_FSETID;
	struct lockdown_ids ids = { .change = geteuid() == 0 };
	struct error err = ERROR_NONE;
	bool done;

	if (ids.change)
		ids.capabilities = capabilities;
	else
		plan->owners = P9_OWNERS_SQUASH;
	plan->links_fd = p9_server_prepare_process(&err);
	if (plan->links_fd < 0 || lockdown_namespaces(&done, &err) < 0 ||
	    lockdown_ids(&ids, &err) < 0 || p9_files_run(plan, &err) < 0) {
		(void)dprintf(STDERR_FILENO, "%s\n", err.text);
		_exit(1);
	}
	_exit(0);
}

static struct p9_world *new_role(bool takes_shares)
{
	struct p9_share_config shares[3];
	struct p9_world *w = make_world(shares);
	struct p9_files_plan plan = {
		.channel_count = 1,
		.channels = { { .shares = shares, .share_count = 3, .takes_shares = takes_shares } }
	};
	struct p9_channel_fds fds;
	struct error err = ERROR_NONE;

	check(p9_channel_create(&fds, &err) == 0, err.text);
	w->pid = fork();
	check(w->pid >= 0, "fork");
	if (w->pid == 0) {
		close(fds.device_socket);
		plan.channels[0].socket = fds.server_socket;
		plan.channels[0].memory_fd = fds.memory_fd;
		serve(&plan);
	}
	close(fds.server_socket);
	w->client.socket = fds.device_socket;
	w->client.slots = p9_channel_map(fds.memory_fd, &err);
	check(w->client.slots, err.text);
	close(fds.memory_fd);
	for (int i = 0; i < 3; i++)
		close(shares[i].fd);
	return attach_world(w);
}

struct p9_world *p9_world_new_role(void)
{
	return new_role(false);
}

struct p9_world *p9_world_new_role_for_shares(void)
{
	return new_role(true);
}

/* One message over the channel, through a slot that is another one each time. */
static size_t exchange(struct p9_client *cl)
{
	static uint32_t slot;
	struct p9_record record = { .len = (uint32_t)cl->request_len,
				    .reply_max = (uint32_t)cl->reply_max };

	record.slot = slot++ % P9_SLOTS;
	memcpy(p9_slot_request(cl->slots, record.slot), cl->request, cl->request_len);
	check(send(cl->socket, &record, sizeof(record), 0) == sizeof(record), "send");
	check(recv(cl->socket, &record, sizeof(record), 0) == sizeof(record), "recv");
	memcpy(cl->reply, p9_slot_reply(cl->slots, record.slot), record.len);
	return record.len;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *at)
{
	(void)st;
	(void)type;
	(void)at;
	return remove(path);
}

int p9_world_free(struct p9_world *w)
{
	_cleanup_free_ char *text = NULL;
	int status = 0;
	size_t len;

	p9_server_free(w->client.server);
	if (w->pid) {
		close(w->client.socket);
		p9_channel_unmap(w->client.slots);
		check(waitpid(w->pid, &status, 0) == w->pid, "wait");
	}
	check(io_read_file(w->dir_fd, "canary", 100, &text, &len, NULL) == 0 &&
		  !strcmp(text, canary),
	      "the canary changed");
	close(w->dir_fd);
	close(w->share_fd);
	if (!w->pid) {
		check(fchdir(w->old_cwd) == 0, "the directory before");
		close(w->old_cwd);
	}
	check(nftw(w->path, remove_one, 16, FTW_DEPTH | FTW_PHYS) == 0, w->path);
	free(w);
	return status;
}

void p9_bytes(struct p9_client *cl, const void *data, size_t len)
{
	assert(len <= sizeof(cl->request) - cl->request_len);
	memcpy(cl->request + cl->request_len, data, len);
	cl->request_len += len;
}

void p9_u8(struct p9_client *cl, uint8_t v)
{
	p9_bytes(cl, &v, 1);
}

void p9_u16(struct p9_client *cl, uint16_t v)
{
	le16 wire = le16_make(v);

	p9_bytes(cl, &wire, sizeof(wire));
}

void p9_u32(struct p9_client *cl, uint32_t v)
{
	le32 wire = le32_make(v);

	p9_bytes(cl, &wire, sizeof(wire));
}

void p9_u64(struct p9_client *cl, uint64_t v)
{
	le64 wire = le64_make(v);

	p9_bytes(cl, &wire, sizeof(wire));
}

void p9_str(struct p9_client *cl, const char *s)
{
	p9_u16(cl, (uint16_t)strlen(s));
	p9_bytes(cl, s, strlen(s));
}

void p9_begin(struct p9_client *cl, uint8_t type)
{
	cl->request_len = 0;
	p9_u32(cl, 0);
	p9_u8(cl, type);
	p9_u16(cl, 7);
}

static void begin_fid(struct p9_client *cl, uint8_t type, uint32_t fid)
{
	p9_begin(cl, type);
	p9_u32(cl, fid);
}

int p9_call_sized(struct p9_client *cl, uint32_t size)
{
	le32 wire = le32_make(size);
	uint8_t type = cl->request[4], got;

	memcpy(cl->request, &wire, sizeof(wire));
	cl->reply[cl->reply_max] = 0xa5;
	cl->reply_len = cl->server ? p9_server_handle(cl->server, cl->request, cl->request_len,
						      cl->reply, cl->reply_max)
				   : exchange(cl);
	assert(cl->reply_len <= cl->reply_max && cl->reply[cl->reply_max] == 0xa5);
	if (!cl->reply_len)
		return CLIENT_DROPPED;
	cl->c = cursor_make(cl->reply, cl->reply_len);
	assert(cursor_le32(&cl->c) == cl->reply_len);
	got = cursor_u8(&cl->c);
	assert(cursor_le16(&cl->c) == 7);
	if (got == P9_RLERROR)
		return (int)cursor_le32(&cl->c);
	assert(got == type + 1);
	return 0;
}

int p9_call(struct p9_client *cl)
{
	return p9_call_sized(cl, (uint32_t)cl->request_len);
}

/* The same, and the reply is a qid and whatever. */
static int call_qid(struct p9_client *cl)
{
	int r = p9_call(cl);

	if (r == 0) {
		cl->qid.type = cursor_u8(&cl->c);
		cl->qid.version = cursor_le32(&cl->c);
		cl->qid.path = cursor_le64(&cl->c);
	}
	return r;
}

/* The same, and the reply is a count and as many bytes. */
static int call_data(struct p9_client *cl)
{
	int r = p9_call(cl);

	if (r == 0) {
		cl->count = cursor_le32(&cl->c);
		cl->data = cl->c.at;
		assert(cursor_left(&cl->c) == cl->count);
	}
	return r;
}

int p9_version(struct p9_client *cl, uint32_t msize, const char *version)
{
	int r;

	p9_begin(cl, P9_TVERSION);
	p9_u32(cl, msize);
	p9_str(cl, version);
	r = p9_call(cl);
	if (r == 0) {
		cl->count = cursor_le32(&cl->c);
		cl->size = cursor_le16(&cl->c);
		cl->data = cl->c.at;
	}
	return r;
}

int p9_attach(struct p9_client *cl, uint32_t fid, const char *aname, uint32_t uid)
{
	begin_fid(cl, P9_TATTACH, fid);
	p9_u32(cl, P9_NOFID);
	p9_str(cl, "nobody");
	p9_str(cl, aname);
	p9_u32(cl, uid);
	return call_qid(cl);
}

int p9_walk(struct p9_client *cl, uint32_t fid, uint32_t newfid, const char *path)
{
	uint16_t names = 0;
	size_t count_at;
	le16 wire;
	int r;

	begin_fid(cl, P9_TWALK, fid);
	p9_u32(cl, newfid);
	count_at = cl->request_len;
	p9_u16(cl, 0);
	while (*path) {
		size_t len = strcspn(path, "/");

		p9_u16(cl, (uint16_t)len);
		p9_bytes(cl, path, len);
		names++;
		path += len + (path[len] == '/');
	}
	wire = le16_make(names);
	memcpy(cl->request + count_at, &wire, sizeof(wire));
	r = p9_call(cl);
	if (r)
		return r;
	cl->walked = cursor_le16(&cl->c);
	for (unsigned i = 0; i < cl->walked; i++) {
		cl->qid.type = cursor_u8(&cl->c);
		cl->qid.version = cursor_le32(&cl->c);
		cl->qid.path = cursor_le64(&cl->c);
	}
	return cl->walked == names ? 0 : ENOENT;
}

int p9_clunk(struct p9_client *cl, uint32_t fid)
{
	begin_fid(cl, P9_TCLUNK, fid);
	return p9_call(cl);
}

int p9_remove(struct p9_client *cl, uint32_t fid)
{
	begin_fid(cl, P9_TREMOVE, fid);
	return p9_call(cl);
}

int p9_lopen(struct p9_client *cl, uint32_t fid, uint32_t flags)
{
	begin_fid(cl, P9_TLOPEN, fid);
	p9_u32(cl, flags);
	return call_qid(cl);
}

int p9_lcreate(struct p9_client *cl, uint32_t fid, const char *name, uint32_t flags, uint32_t mode,
	       uint32_t gid)
{
	begin_fid(cl, P9_TLCREATE, fid);
	p9_str(cl, name);
	p9_u32(cl, flags);
	p9_u32(cl, mode);
	p9_u32(cl, gid);
	return call_qid(cl);
}

static int read_like(struct p9_client *cl, uint8_t type, uint32_t fid, uint64_t offset,
		     uint32_t count)
{
	begin_fid(cl, type, fid);
	p9_u64(cl, offset);
	p9_u32(cl, count);
	return call_data(cl);
}

int p9_read(struct p9_client *cl, uint32_t fid, uint64_t offset, uint32_t count)
{
	return read_like(cl, P9_TREAD, fid, offset, count);
}

int p9_readdir(struct p9_client *cl, uint32_t fid, uint64_t offset, uint32_t count)
{
	return read_like(cl, P9_TREADDIR, fid, offset, count);
}

int p9_write(struct p9_client *cl, uint32_t fid, uint64_t offset, const void *data, uint32_t len)
{
	int r;

	begin_fid(cl, P9_TWRITE, fid);
	p9_u64(cl, offset);
	p9_u32(cl, len);
	p9_bytes(cl, data, len);
	r = p9_call(cl);
	if (r == 0)
		cl->count = cursor_le32(&cl->c);
	return r;
}

int p9_fsync(struct p9_client *cl, uint32_t fid, uint32_t datasync)
{
	begin_fid(cl, P9_TFSYNC, fid);
	p9_u32(cl, datasync);
	return p9_call(cl);
}

static struct p9_time get_time(struct cursor *c)
{
	uint64_t sec = cursor_le64(c);

	return (struct p9_time){ sec, cursor_le64(c) };
}

int p9_getattr(struct p9_client *cl, uint32_t fid, struct p9_attr *a)
{
	int r;

	begin_fid(cl, P9_TGETATTR, fid);
	p9_u64(cl, P9_STATS_BASIC);
	r = p9_call(cl);
	if (r)
		return r;
	a->valid = cursor_le64(&cl->c);
	a->qid.type = cursor_u8(&cl->c);
	a->qid.version = cursor_le32(&cl->c);
	a->qid.path = cursor_le64(&cl->c);
	a->mode = cursor_le32(&cl->c);
	a->uid = cursor_le32(&cl->c);
	a->gid = cursor_le32(&cl->c);
	a->nlink = cursor_le64(&cl->c);
	a->rdev = cursor_le64(&cl->c);
	a->size = cursor_le64(&cl->c);
	a->blksize = cursor_le64(&cl->c);
	a->blocks = cursor_le64(&cl->c);
	a->atime = get_time(&cl->c);
	a->mtime = get_time(&cl->c);
	a->ctime = get_time(&cl->c);
	a->btime = get_time(&cl->c);
	a->generation = cursor_le64(&cl->c);
	(void)cursor_le64(&cl->c);
	assert(!cl->c.bad && !cursor_left(&cl->c));
	return 0;
}

int p9_setattr(struct p9_client *cl, uint32_t fid, uint32_t valid, const struct p9_attr *a)
{
	begin_fid(cl, P9_TSETATTR, fid);
	p9_u32(cl, valid);
	p9_u32(cl, a->mode);
	p9_u32(cl, a->uid);
	p9_u32(cl, a->gid);
	p9_u64(cl, a->size);
	p9_u64(cl, a->atime.sec);
	p9_u64(cl, a->atime.nsec);
	p9_u64(cl, a->mtime.sec);
	p9_u64(cl, a->mtime.nsec);
	return p9_call(cl);
}

int p9_mkdir(struct p9_client *cl, uint32_t fid, const char *name, uint32_t mode, uint32_t gid)
{
	begin_fid(cl, P9_TMKDIR, fid);
	p9_str(cl, name);
	p9_u32(cl, mode);
	p9_u32(cl, gid);
	return call_qid(cl);
}

int p9_mknod(struct p9_client *cl, uint32_t fid, const char *name, uint32_t mode)
{
	begin_fid(cl, P9_TMKNOD, fid);
	p9_str(cl, name);
	p9_u32(cl, mode);
	p9_u32(cl, 1);
	p9_u32(cl, 3);
	p9_u32(cl, 0);
	return call_qid(cl);
}

int p9_symlink(struct p9_client *cl, uint32_t fid, const char *name, const char *target)
{
	begin_fid(cl, P9_TSYMLINK, fid);
	p9_str(cl, name);
	p9_str(cl, target);
	p9_u32(cl, 0);
	return call_qid(cl);
}

int p9_readlink(struct p9_client *cl, uint32_t fid)
{
	int r;

	begin_fid(cl, P9_TREADLINK, fid);
	r = p9_call(cl);
	if (r == 0) {
		cl->count = cursor_le16(&cl->c);
		cl->data = cl->c.at;
	}
	return r;
}

static int two_fids(struct p9_client *cl, uint8_t type, uint32_t fid, uint32_t other,
		    const char *name)
{
	begin_fid(cl, type, fid);
	p9_u32(cl, other);
	p9_str(cl, name);
	return p9_call(cl);
}

int p9_link(struct p9_client *cl, uint32_t dir, uint32_t fid, const char *name)
{
	return two_fids(cl, P9_TLINK, dir, fid, name);
}

int p9_rename(struct p9_client *cl, uint32_t fid, uint32_t dir, const char *name)
{
	return two_fids(cl, P9_TRENAME, fid, dir, name);
}

int p9_renameat(struct p9_client *cl, uint32_t old_dir, const char *old_name, uint32_t new_dir,
		const char *new_name)
{
	begin_fid(cl, P9_TRENAMEAT, old_dir);
	p9_str(cl, old_name);
	p9_u32(cl, new_dir);
	p9_str(cl, new_name);
	return p9_call(cl);
}

int p9_unlinkat(struct p9_client *cl, uint32_t dir, const char *name, uint32_t flags)
{
	begin_fid(cl, P9_TUNLINKAT, dir);
	p9_str(cl, name);
	p9_u32(cl, flags);
	return p9_call(cl);
}

int p9_xattrwalk(struct p9_client *cl, uint32_t fid, uint32_t newfid, const char *name)
{
	int r = two_fids(cl, P9_TXATTRWALK, fid, newfid, name);

	if (r == 0)
		cl->size = cursor_le64(&cl->c);
	return r;
}

int p9_xattrcreate(struct p9_client *cl, uint32_t fid, const char *name, uint64_t size,
		   uint32_t flags)
{
	begin_fid(cl, P9_TXATTRCREATE, fid);
	p9_str(cl, name);
	p9_u64(cl, size);
	p9_u32(cl, flags);
	return p9_call(cl);
}

int p9_lock(struct p9_client *cl, uint32_t fid, uint8_t type, uint64_t start, uint64_t len)
{
	int r;

	begin_fid(cl, P9_TLOCK, fid);
	p9_u8(cl, type);
	p9_u32(cl, 0);
	p9_u64(cl, start);
	p9_u64(cl, len);
	p9_u32(cl, 1);
	p9_str(cl, "host");
	r = p9_call(cl);
	if (r == 0)
		cl->count = cursor_u8(&cl->c);
	return r;
}

int p9_getlock(struct p9_client *cl, uint32_t fid, uint8_t type, uint64_t start, uint64_t len)
{
	int r;

	begin_fid(cl, P9_TGETLOCK, fid);
	p9_u8(cl, type);
	p9_u64(cl, start);
	p9_u64(cl, len);
	p9_u32(cl, 1);
	p9_str(cl, "host");
	r = p9_call(cl);
	if (r == 0)
		cl->count = cursor_u8(&cl->c);
	return r;
}

int p9_statfs(struct p9_client *cl, uint32_t fid)
{
	int r;

	begin_fid(cl, P9_TSTATFS, fid);
	r = p9_call(cl);
	if (r == 0)
		cl->count = cursor_le32(&cl->c);
	return r;
}

int p9_flush(struct p9_client *cl, uint16_t tag)
{
	p9_begin(cl, P9_TFLUSH);
	p9_u16(cl, tag);
	return p9_call(cl);
}

int p9_open_path(struct p9_client *cl, uint32_t fid, const char *path, uint32_t flags)
{
	int r = p9_walk(cl, CLIENT_ROOT, fid, path);

	return r ? r : p9_lopen(cl, fid, flags);
}
