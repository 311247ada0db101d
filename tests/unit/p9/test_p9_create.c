/*
 * What makes, links, moves and removes files; and the cache of descriptors under pressure.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "tests/unit/p9/p9_client.h"
#include "vmm/base/bytes.h"

static int setup(void **state)
{
	*state = p9_world_new(NULL, P9_OWNERS_SAME);
	return 0;
}

static int teardown(void **state)
{
	return p9_world_free(*state);
}

static struct stat look(struct p9_world *w, const char *name)
{
	struct stat st = { 0 };

	assert_int_equal(fstatat(w->share_fd, name, &st, AT_SYMLINK_NOFOLLOW), 0);
	return st;
}

static void test_owners(void **state)
{
	struct p9_world *w = *state;
	struct p9_client *cl = &w->client;
	struct stat st;

	if (geteuid() != 0)
		skip();
	assert_int_equal(p9_attach(cl, 2, "share", 1000), 0);
	assert_int_equal(p9_mkdir(cl, 2, "d", 0750, 1001), 0);
	st = look(w, "d");
	assert_int_equal(st.st_mode, S_IFDIR | 0750);
	assert_int_equal(st.st_uid, 1000);
	assert_int_equal(st.st_gid, 1001);
	assert_int_equal(p9_symlink(cl, 2, "s", "/absolute/target"), 0);
	st = look(w, "s");
	assert_int_equal(st.st_uid, 1000);
	assert_int_equal(p9_mknod(cl, 2, "p", S_IFIFO | 0622), 0);
	st = look(w, "p");
	assert_int_equal(st.st_mode, S_IFIFO | 0622);
	assert_int_equal(st.st_uid, 1000);
	assert_int_equal(p9_mknod(cl, 2, "k", S_IFSOCK | 0600), 0);
	assert_int_equal(p9_mknod(cl, 2, "r", 0600), 0);
	/* Set-id bits survive the change of owner. */
	assert_int_equal(p9_walk(cl, 2, 3, ""), 0);
	assert_int_equal(p9_lcreate(cl, 3, "f", O_RDWR, 06755, 7), 0);
	st = look(w, "f");
	assert_int_equal(st.st_mode, S_IFREG | 06755);
	assert_int_equal(st.st_gid, 7);
	/* A set-group-id directory: the client computes group and mode; they are applied. */
	assert_int_equal(p9_mkdir(cl, 2, "g", 02775, 50), 0);
	st = look(w, "g");
	assert_int_equal(st.st_mode, S_IFDIR | 02775);
	assert_int_equal(st.st_gid, 50);
	/* An attach that tells no user leaves the owner as it comes. */
	assert_int_equal(p9_attach(cl, 4, "share", P9_NOID), 0);
	assert_int_equal(p9_mkdir(cl, 4, "n", 01777, 0), 0);
	st = look(w, "n");
	assert_int_equal(st.st_uid, 0);
	assert_int_equal(st.st_mode, S_IFDIR | 01777);
}

static void test_lcreate(void **state)
{
	struct p9_world *w = *state;
	struct p9_client *cl = &w->client;
	struct p9_attr attr;
	uint64_t path;

	assert_int_equal(p9_walk(cl, 1, 2, "share"), 0);
	assert_int_equal(p9_lcreate(cl, 2, "new", O_RDWR | P9_OPEN_EXCL, 0444, 0), 0);
	path = cl->qid.path;
	assert_int_equal(p9_write(cl, 2, 0, "data", 4), 0); /* whatever its mode */
	assert_int_equal(p9_getattr(cl, 2, &attr), 0);
	assert_int_equal(attr.mode & 0777, 0444);
	assert_int_equal(attr.qid.path, path);
	assert_int_equal(p9_lcreate(cl, 2, "x", O_RDWR, 0600, 0), ENOTDIR); /* it is a file now */
	assert_int_equal(p9_walk(cl, 1, 3, "share"), 0);
	assert_int_equal(p9_lcreate(cl, 3, "new", O_RDWR | P9_OPEN_EXCL, 0600, 0), EEXIST);
	assert_int_equal(p9_lcreate(cl, 3, "dir", O_RDWR, 0600, 0), EISDIR);
	assert_int_equal(p9_lcreate(cl, 3, "bad", P9_OPEN_ACCMODE, 0600, 0), EINVAL);
	assert_int_equal(p9_lcreate(cl, 3, "new", O_RDONLY, 0600, 0), 0); /* opens it */
	assert_int_equal(cl->qid.path, path);
	assert_int_equal(p9_read(cl, 3, 0, 10), 0);
	assert_memory_equal(cl->data, "data", 4);
	assert_int_equal(p9_open_path(cl, 4, "share", O_RDONLY), 0);
	assert_int_equal(p9_lcreate(cl, 4, "other", O_RDWR, 0600, 0), EBUSY);
	assert_int_equal(p9_walk(cl, 1, 5, "share"), 0);
	assert_int_equal(p9_lcreate(cl, 5, "new", O_WRONLY | P9_OPEN_TRUNC, 0600, 0),
			 geteuid() ? EACCES : 0);
	assert_int_equal(look(w, "new").st_size, geteuid() ? 4 : 0);
}

static void test_symlink_targets(void **state)
{
	struct p9_world *w = *state;
	struct p9_client *cl = &w->client;
	static char target[4097];

	memset(target, 't', 4096);
	assert_int_equal(p9_walk(cl, 1, 2, "share"), 0);
	assert_int_equal(p9_symlink(cl, 2, "a", ""), ENOENT);
	assert_int_equal(p9_symlink(cl, 2, "a", target), ENAMETOOLONG);
	target[4095] = '\0';
	assert_int_equal(p9_symlink(cl, 2, "a", target), 0);
	assert_int_equal(p9_walk(cl, 2, 3, "a"), 0);
	assert_int_equal(p9_readlink(cl, 3), 0);
	assert_int_equal(cl->count, 4095);
	p9_begin(cl, P9_TSYMLINK);
	p9_u32(cl, 2);
	p9_str(cl, "b");
	p9_u16(cl, 3);
	p9_bytes(cl, "x\0y", 3);
	p9_u32(cl, 0);
	assert_int_equal(p9_call(cl), EINVAL);
	assert_int_equal(p9_mkdir(cl, 2, "dir", 0700, 0), EEXIST);
}

static void test_links_and_renames(void **state)
{
	struct p9_world *w = *state;
	struct p9_client *cl = &w->client;

	assert_int_equal(p9_walk(cl, 1, 2, "share"), 0);
	assert_int_equal(p9_walk(cl, 1, 3, "share/dir"), 0);
	assert_int_equal(p9_open_path(cl, 4, "share/file", O_RDWR), 0);
	assert_int_equal(p9_link(cl, 3, 4, "hard"), 0);
	assert_int_equal(look(w, "dir/hard").st_nlink, 2);
	assert_int_equal(p9_link(cl, 3, 4, "hard"), EEXIST);
	assert_int_equal(p9_link(cl, 3, 2, "d"), EPERM);
	assert_int_equal(p9_link(cl, 3, 9, "d"), EBADF);
	assert_int_equal(p9_link(cl, 9, 4, "d"), EBADF);
	assert_int_equal(p9_walk(cl, 2, 5, "link"), 0);
	assert_int_equal(p9_link(cl, 3, 5, "link"), 0); /* to the link itself */
	assert_true(S_ISLNK(look(w, "dir/link").st_mode));
	/* Over a file that is open. */
	assert_int_equal(p9_mknod(cl, 2, "other", S_IFREG | 0600), 0);
	assert_int_equal(p9_renameat(cl, 2, "other", 2, "file"), 0);
	assert_int_equal(p9_read(cl, 4, 0, 10), 0);
	assert_memory_equal(cl->data, "hello", 5);
	assert_int_equal(p9_renameat(cl, 2, "none", 2, "x"), ENOENT);
	assert_int_equal(p9_renameat(cl, 2, "dir", 2, "file"), ENOTDIR);
	assert_int_equal(p9_renameat(cl, 9, "dir", 2, "x"), EBADF);
	assert_int_equal(p9_renameat(cl, 2, "dir", 9, "x"), EBADF);
	/* By fid: the messages that Linux's client keeps for servers without the others. */
	assert_int_equal(p9_walk(cl, 3, 6, "hard"), 0);
	assert_int_equal(p9_rename(cl, 6, 2, "moved"), 0);
	assert_int_equal(look(w, "moved").st_size, 5);
	assert_int_equal(p9_rename(cl, 9, 2, "x"), EBADF);
	assert_int_equal(p9_rename(cl, 5, 9, "x"), EBADF);
	assert_int_equal(p9_walk(cl, 2, 7, "moved"), 0);
	assert_int_equal(p9_remove(cl, 7), 0);
	assert_int_equal(p9_clunk(cl, 7), EBADF);
	assert_int_equal(p9_walk(cl, 3, 8, "sub"), 0);
	assert_int_equal(p9_remove(cl, 8), 0);
	assert_int_equal(p9_remove(cl, 8), EBADF);
}

static void make_files(struct p9_world *w, unsigned count)
{
	char name[16];

	for (unsigned i = 0; i < count; i++) {
		(void)snprintf(name, sizeof(name), "n%u", i);
		assert_int_equal(mknodat(w->share_fd, name, S_IFREG | 0600, 0), 0);
	}
}

static unsigned open_descriptors(void)
{
	unsigned count = 0;

	for (int fd = 0; fd < 4096; fd++)
		count += fcntl(fd, F_GETFD) >= 0;
	return count;
}

/* Far more fids than descriptors: all keep working, also those whose names go. */
static void test_few_descriptors(void **state)
{
	enum { FILES = 1000, BUDGET = 80 };
	unsigned before = open_descriptors();
	struct p9_world *w =
	    p9_world_new(&(struct p9_limits){ .descriptors = BUDGET }, P9_OWNERS_SAME);
	struct p9_client *cl = &w->client;
	struct p9_attr attr;
	char path[32];

	(void)state;
	make_files(w, FILES);
	assert_int_equal(p9_walk(cl, 1, 2, "share"), 0);
	for (uint32_t i = 0; i < FILES; i++) {
		(void)snprintf(path, sizeof(path), "n%u", i);
		assert_int_equal(p9_walk(cl, 2, 100 + i, path), 0);
	}
	assert_true(open_descriptors() <= before + BUDGET + 8);
	for (uint32_t i = 0; i < FILES; i++)
		assert_int_equal(p9_getattr(cl, 100 + i, &attr), 0);
	/* The host removes a name while its node is open: the node stays open. */
	assert_int_equal(unlinkat(w->share_fd, "n999", 0), 0);
	/* The guest removes and renames names of closed nodes. */
	assert_int_equal(p9_unlinkat(cl, 2, "n0", 0), 0);
	assert_int_equal(p9_renameat(cl, 2, "n1", 2, "m1"), 0);
	assert_int_equal(p9_renameat(cl, 2, "n2", 2, "n3"), 0);
	/* The host does, behind our back: to one the file is stale, the other is another one. */
	assert_int_equal(unlinkat(w->share_fd, "n4", 0), 0);
	assert_int_equal(unlinkat(w->share_fd, "n5", 0), 0);
	assert_int_equal(mkdirat(w->share_fd, "n5", 0700), 0);
	for (uint32_t i = 6; i < 500; i++)
		assert_int_equal(p9_getattr(cl, 100 + i, &attr), 0);
	assert_int_equal(p9_getattr(cl, 100, &attr), 0);
	assert_int_equal(attr.nlink, 0);
	assert_int_equal(p9_lopen(cl, 100, O_RDWR), 0);
	assert_int_equal(p9_getattr(cl, 100 + 999, &attr), 0);
	assert_int_equal(p9_getattr(cl, 101, &attr), 0);
	assert_int_equal(p9_getattr(cl, 102, &attr), 0);
	assert_int_equal(p9_getattr(cl, 103, &attr), 0);
	assert_int_equal(attr.nlink, 0);
	assert_int_equal(p9_getattr(cl, 104, &attr), ESTALE);
	assert_int_equal(p9_getattr(cl, 105, &attr), ESTALE);
	assert_true(open_descriptors() <= before + BUDGET + 8);
	assert_int_equal(p9_world_free(w), 0);
	assert_int_equal(open_descriptors(), before);
}

/* Files that are open are no cache: they have an end, with an error that says so. */
static void test_descriptors_end(void **state)
{
	struct p9_world *w = p9_world_new(&(struct p9_limits){ .descriptors = 80 }, P9_OWNERS_SAME);
	struct p9_client *cl = &w->client;
	uint32_t fid = 10;
	int r = 0;

	(void)state;
	for (; r == 0 && fid < 1000; fid++)
		r = p9_open_path(cl, fid, "share/file", O_RDONLY);
	assert_int_equal(r, ENFILE);
	assert_true(fid > 50);
	assert_int_equal(p9_attach(cl, 2000, "share", 0), 0);
	assert_int_equal(p9_lcreate(cl, 2000, "new", O_RDWR, 0600, 0), ENFILE);
	assert_int_equal(faccessat(w->share_fd, "new", F_OK, 0), -1);
	assert_int_equal(p9_clunk(cl, 10), 0);
	assert_int_equal(p9_clunk(cl, 11), 0);
	assert_int_equal(p9_lcreate(cl, 2000, "new", O_RDWR, 0600, 0), 0);
	assert_int_equal(p9_world_free(w), 0);
}

static void test_shares(void **state)
{
	struct p9_world *w = *state;
	struct error err = ERROR_NONE;
	struct p9_share_config share = { .name = "more" };

	share.fd = openat(w->dir_fd, "share/dir", O_PATH | O_CLOEXEC);
	assert_int_equal(p9_server_add_share(w->client.server, &share, &err), 0);
	assert_int_equal(p9_walk(&w->client, 1, 2, "more/sub"), 0);
	/* From share to share nothing is moved or linked, though it is one file system. */
	assert_int_equal(p9_walk(&w->client, 1, 3, "share"), 0);
	assert_int_equal(p9_walk(&w->client, 1, 4, "more"), 0);
	assert_int_equal(p9_walk(&w->client, 1, 5, "share/file"), 0);
	assert_int_equal(p9_renameat(&w->client, 3, "file", 4, "file"), EXDEV);
	assert_int_equal(p9_rename(&w->client, 5, 4, "file"), EXDEV);
	assert_int_equal(p9_link(&w->client, 4, 5, "file"), EXDEV);
	share.fd = openat(w->dir_fd, "share/dir", O_PATH | O_CLOEXEC);
	assert_int_equal(p9_server_add_share(w->client.server, &share, &err), -1);
	assert_string_equal(err.text, "two shares are named 'more': File exists");
	share.name = "a/b";
	share.fd = openat(w->dir_fd, "share/dir", O_PATH | O_CLOEXEC);
	assert_int_equal(p9_server_add_share(w->client.server, &share, &err), -1);
	share.name = "pipe";
	share.fd = openat(w->dir_fd, "share/fifo", O_PATH | O_CLOEXEC);
	assert_int_equal(p9_server_add_share(w->client.server, &share, &err), -1);
	share.fd = -1;
	assert_int_equal(p9_server_add_share(w->client.server, &share, &err), -1);
	share.name = "..";
	assert_null(
	    p9_server_new(&(struct p9_server_config){ .shares = &share, .share_count = 1 }, &err));
}

/* A share that came goes with all that is open in it; its place and its name are free again. */
static void test_share_goes(void **state)
{
	struct p9_world *w = *state;
	struct error err = ERROR_NONE;
	struct p9_share_config share = { .name = "m1.0" };
	struct p9_client *cl = &w->client;

	share.fd = openat(w->dir_fd, "share/dir", O_PATH | O_CLOEXEC);
	assert_int_equal(p9_server_add_share(cl->server, &share, &err), 0);
	share.name = "m12.0";
	share.fd = openat(w->dir_fd, "share/dir", O_PATH | O_CLOEXEC);
	assert_int_equal(p9_server_add_share(cl->server, &share, &err), 0);
	/* Enough fids that the table is in runs, in both shares. */
	for (uint32_t i = 0; i < 100; i++) {
		assert_int_equal(p9_walk(cl, 1, 100 + i, i % 3 ? "m1.0/sub" : "m12.0/sub"), 0);
		if (i % 5 == 0)
			assert_int_equal(p9_lopen(cl, 100 + i, O_RDONLY), 0);
	}
	assert_int_equal(p9_walk(cl, 1, 90, "share/dir"), 0);
	p9_server_remove_shares(cl->server, "m1.");
	p9_server_remove_shares(cl->server, "share");
	for (uint32_t i = 0; i < 100; i++)
		assert_int_equal(p9_clunk(cl, 100 + i), i % 3 ? EBADF : 0);
	assert_int_equal(p9_walk(cl, 1, 2, "m1.0"), ENOENT);
	assert_int_equal(p9_walk(cl, 1, 2, "m12.0/sub"), 0);
	assert_int_equal(p9_clunk(cl, 2), 0);
	assert_int_equal(p9_clunk(cl, 90), 0);
	share.name = "m1.0";
	share.fd = openat(w->dir_fd, "share/dir/sub", O_PATH | O_CLOEXEC);
	assert_int_equal(p9_server_add_share(cl->server, &share, &err), 0);
	assert_int_equal(p9_walk(cl, 1, 2, "m1.0"), 0);
}

/* The byte stream of trans=fd, with messages that come in pieces. */
static void test_stream(void **state)
{
	struct p9_world *w = *state;
	struct error err = ERROR_NONE;
	uint8_t reply[64];
	int sockets[2];

	static const uint8_t version[] = "\x15\0\0\0\x64\xff\xff\0\x20\0\0\x08\0"
					 "9P2000.L";
	static const uint8_t broken[] = "\x06\0\0\0\x64\xff\xff";

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, sockets), 0);
	assert_int_equal(write(sockets[0], version, 21), 21);
	assert_int_equal(shutdown(sockets[0], SHUT_WR), 0);
	assert_int_equal(p9_server_run_stream(w->client.server, sockets[1], sockets[1], &err), 0);
	assert_int_equal(read(sockets[0], reply, sizeof(reply)), 21);
	assert_memory_equal(reply + 5, version + 5, 16);
	close(sockets[0]);
	close(sockets[1]);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, sockets), 0);
	assert_int_equal(write(sockets[0], broken, 7), 7);
	assert_int_equal(p9_server_run_stream(w->client.server, sockets[1], sockets[1], &err), -1);
	assert_int_equal(write(sockets[0], "\x0b\0\0\0\x78\0\0\x63\0\0\0", 4), 4);
	close(sockets[0]);
	assert_int_equal(p9_server_run_stream(w->client.server, sockets[1], sockets[1], &err), -1);
	close(sockets[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_owners, setup, teardown),
		cmocka_unit_test_setup_teardown(test_lcreate, setup, teardown),
		cmocka_unit_test_setup_teardown(test_symlink_targets, setup, teardown),
		cmocka_unit_test_setup_teardown(test_links_and_renames, setup, teardown),
		cmocka_unit_test(test_few_descriptors),
		cmocka_unit_test(test_descriptors_end),
		cmocka_unit_test_setup_teardown(test_shares, setup, teardown),
		cmocka_unit_test_setup_teardown(test_share_goes, setup, teardown),
		cmocka_unit_test_setup_teardown(test_stream, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
