/*
 * Any sequence of 9p messages against the server on a real directory, with a host that now and then
 * takes a name away. Afterwards the canary and all that is beside the shares is as it was, the
 * read-only share too, and no descriptor is left.
 *
 * The input: a byte of settings, then messages: le16 length of the body, u8 type, body; the header
 * is made here. Type 0: the body is a whole message, header and all. Type 1: the host removes a
 * file.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/unit/p9/p9_client.h"

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { TYPE_RAW = 0, TYPE_HOST = 1, MESSAGES_MAX = 200 };
enum { SET_FEW_DESCRIPTORS = 1, SET_SQUASH = 2, SET_SMALL_REPLIES = 4, SET_BAD_SHARES = 8 };

static void require(bool good)
{
	if (!good)
		abort();
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	/* In memory, where there is such a place: thousands of trees are made and removed. */
	return access("/dev/shm", W_OK) == 0 ? setenv("TMPDIR", "/dev/shm", 0) : 0;
}

static unsigned count_entries(struct p9_world *w, const char *name)
{
	int fd = openat(w->dir_fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fdopendir(fd);
	unsigned count = 0;

	require(dir);
	while (readdir(dir))
		count++;
	closedir(dir);
	return count;
}

/* What no message may change: beside the shares, and in the read-only one. */
struct untouched {
	unsigned beside, in_read_only;
	struct stat base, canary, read_only, file;
};

static void take(struct p9_world *w, struct untouched *u)
{
	memset(u, 0, sizeof(*u));
	u->beside = count_entries(w, ".");
	u->in_read_only = count_entries(w, "ro");
	require(fstatat(w->dir_fd, ".", &u->base, 0) == 0);
	require(fstatat(w->dir_fd, "canary", &u->canary, 0) == 0);
	require(fstatat(w->dir_fd, "ro", &u->read_only, 0) == 0);
	require(fstatat(w->dir_fd, "ro/file", &u->file, 0) == 0);
}

static bool same(const struct stat *a, const struct stat *b)
{
	return a->st_ino == b->st_ino && a->st_mode == b->st_mode && a->st_uid == b->st_uid &&
	       a->st_gid == b->st_gid && a->st_nlink == b->st_nlink && a->st_size == b->st_size &&
	       a->st_ctim.tv_sec == b->st_ctim.tv_sec && a->st_ctim.tv_nsec == b->st_ctim.tv_nsec;
}

static void check(struct p9_world *w, const struct untouched *before)
{
	struct untouched now;

	take(w, &now);
	require(now.beside == before->beside && now.in_read_only == before->in_read_only);
	require(same(&now.base, &before->base) && same(&now.canary, &before->canary));
	require(same(&now.read_only, &before->read_only) && same(&now.file, &before->file));
}

static void host_acts(struct p9_world *w, const uint8_t *body, size_t len)
{
	static const char *const names[] = { "file", "fifo", "link", "dir/sub", "new", "a" };
	const char *name = names[body && len ? body[0] % ARRAY_SIZE(names) : 0];
	bool directory = body && len > 1 && body[1] & 1;

	(void)unlinkat(w->share_fd, name, directory ? AT_REMOVEDIR : 0);
}

static void send_message(struct p9_client *cl, uint8_t type, const uint8_t *body, size_t len)
{
	p9_begin(cl, type);
	if (type == TYPE_RAW)
		cl->request_len = 0;
	p9_bytes(cl, body, len);
	if (type != TYPE_RAW) {
		le32 size = le32_make((uint32_t)cl->request_len);

		memcpy(cl->request, &size, sizeof(size));
	}
	cl->reply_len =
	    p9_server_handle(cl->server, cl->request, cl->request_len, cl->reply, cl->reply_max);
	if (cl->reply_len) {
		struct cursor c = cursor_make(cl->reply, cl->reply_len);

		require(cursor_le32(&c) == cl->reply_len && cl->reply_len <= cl->reply_max);
	} else {
		(void)p9_version(cl, P9_MSIZE_MAX, "9P2000.L");
		(void)p9_attach(cl, CLIENT_ROOT, "", 0);
	}
}

/* Shares that cannot be: the server is none, and all descriptors are closed all the same. */
static void refuse_shares(void)
{
	struct p9_share_config shares[] = { { .name = "one" },
					    { .name = "one" },
					    { .name = "two" } };
	const struct p9_server_config config = { .shares = shares, .share_count = 3 };
	int next_fd = dup(0);

	require(next_fd >= 0);
	close(next_fd);
	for (int i = 0; i < 3; i++) {
		shares[i].fd = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
		require(shares[i].fd >= 0);
	}
	require(!p9_server_new(&config, NULL));
	require(dup(0) == next_fd);
	close(next_fd);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct cursor c = cursor_make(data, size);
	uint8_t set = cursor_u8(&c);
	struct p9_limits limits = {
		.fids = 150,
		.descriptors = set & SET_FEW_DESCRIPTORS ? 12 : 0,
		.xattr_bytes = 100000,
		.lock_ranges = 8,
	};
	struct untouched before;
	struct p9_world *w;
	int next_fd;

	w = p9_world_new(&limits, set & SET_SQUASH ? P9_OWNERS_SQUASH : P9_OWNERS_SAME);
	next_fd = dup(0);
	require(next_fd >= 0);
	close(next_fd);
	take(w, &before);
	if (set & SET_SMALL_REPLIES)
		w->client.reply_max = 60;
	if (set & SET_BAD_SHARES)
		refuse_shares();
	for (int i = 0; i < MESSAGES_MAX && cursor_left(&c); i++) {
		size_t len = cursor_le16(&c);
		uint8_t type = cursor_u8(&c);
		const uint8_t *body;

		if (len > cursor_left(&c))
			len = cursor_left(&c);
		body = cursor_take(&c, len);
		if (type == TYPE_HOST)
			host_acts(w, body, len);
		else
			send_message(&w->client, type, body, len);
	}
	check(w, &before);
	/* The session's end gives all descriptors back. */
	w->client.reply_max = P9_MSIZE_MAX;
	require(p9_version(&w->client, P9_MSIZE_MAX, "9P2000.L") == 0);
	require(p9_attach(&w->client, CLIENT_ROOT, "", 0) == 0);
	require(dup(0) == next_fd);
	close(next_fd);
	p9_world_free(w);
	return 0;
}
