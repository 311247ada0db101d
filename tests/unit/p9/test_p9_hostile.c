/*
 * A guest that means harm: messages that break the protocol, names that would lead out of a share,
 * special files, read-only shares, and a host that moves things about meanwhile. The canary beside
 * the shares is checked after each test.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
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

/* After a breach only Tversion is understood. */
static void recover(struct p9_client *cl)
{
	assert_int_equal(p9_attach(cl, 1, "", 0), CLIENT_DROPPED);
	assert_int_equal(p9_version(cl, P9_MSIZE_MAX, "9P2000.L"), 0);
	assert_int_equal(p9_attach(cl, 1, "", 0), 0);
}

static void test_sizes(void **state)
{
	struct p9_world *w = *state;
	struct p9_client *cl = &w->client;

	p9_begin(cl, P9_TCLUNK);
	p9_u32(cl, 1);
	assert_int_equal(p9_call_sized(cl, 12), CLIENT_DROPPED);
	recover(cl);
	p9_begin(cl, P9_TCLUNK);
	p9_u32(cl, 1);
	assert_int_equal(p9_call_sized(cl, 10), CLIENT_DROPPED);
	recover(cl);
	p9_begin(cl, P9_TCLUNK);
	p9_u32(cl, 1);
	p9_u8(cl, 0); /* left over */
	assert_int_equal(p9_call(cl), CLIENT_DROPPED);
	recover(cl);
	for (size_t len = 0; len < P9_HEADER_BYTES; len++) {
		cl->request_len = len;
		assert_int_equal(p9_server_handle(cl->server, cl->request, len, cl->reply, 100), 0);
	}
	recover(cl);
	/* Longer than what was agreed on. */
	assert_int_equal(p9_version(cl, 4096, "9P2000.L"), 0);
	assert_int_equal(p9_attach(cl, 1, "", 0), 0);
	assert_int_equal(p9_write(cl, 1, 0, cl->reply, 4096), CLIENT_DROPPED);
	recover(cl);
	/* No message but Twrite is this long. */
	p9_begin(cl, P9_TSYMLINK);
	while (cl->request_len <= P9_HEAD_MAX)
		p9_u64(cl, 0);
	assert_int_equal(p9_call(cl), CLIENT_DROPPED);
	recover(cl);
}

static void test_reply_buffers(void **state)
{
	static const size_t sizes[] = { 1, 6, 10 };
	struct p9_world *w = *state;
	struct p9_client *cl = &w->client;

	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		memset(cl->reply, 0x5a, sizes[i]);
		cl->reply_max = sizes[i];
		assert_int_equal(p9_clunk(cl, 1), CLIENT_DROPPED);
		assert_int_equal(cl->reply[0], 0x5a);
		cl->reply_max = P9_MSIZE_MAX;
		recover(cl);
	}
	cl->reply_max = 11;
	assert_int_equal(p9_walk(cl, 1, 2, "share"), EMSGSIZE);
	assert_int_equal(p9_walk(cl, 99, 2, "share"), EBADF);
	cl->reply_max = P9_MSIZE_MAX;
}

static void test_types(void **state)
{
	struct p9_world *w = *state;
	struct p9_client *cl = &w->client;

	for (unsigned type = 0; type < 256; type++) {
		if (p9_type_known((uint8_t)type))
			continue;
		p9_begin(cl, (uint8_t)type);
		p9_u32(cl, 1);
		assert_int_equal(p9_call(cl), EOPNOTSUPP);
	}
}

static void test_version(void **state)
{
	struct p9_world *w = *state;
	struct p9_client *cl = &w->client;
	static const char *const others[] = { "9P2000", "9P2000.u", "9P2000.Lx", "" };
	static char huge[65001];

	memset(huge, '9', sizeof(huge) - 1);
	for (size_t i = 0; i <= ARRAY_SIZE(others); i++) {
		const char *version = i < ARRAY_SIZE(others) ? others[i] : huge;

		assert_int_equal(p9_version(cl, 8192, version), 0);
		assert_memory_equal(cl->data, "unknown", cl->size);
		recover(cl);
	}
	assert_int_equal(p9_version(cl, 4095, "9P2000.L"), 0);
	assert_memory_equal(cl->data, "unknown", cl->size);
	recover(cl);
}

static void test_attach(void **state)
{
	struct p9_world *w = *state;
	struct p9_client *cl = &w->client;

	assert_int_equal(p9_attach(cl, 1, "", 0), EEXIST);
	assert_int_equal(p9_attach(cl, P9_NOFID, "", 0), EINVAL);
	assert_int_equal(p9_attach(cl, 2, "../share", 0), ENOENT);
	p9_begin(cl, P9_TATTACH);
	p9_u32(cl, 2);
	p9_u32(cl, 1); /* afid */
	p9_str(cl, "");
	p9_str(cl, "");
	p9_u32(cl, 0);
	assert_int_equal(p9_call(cl), EINVAL);
	for (uint16_t tag = 0; tag < 10000; tag++)
		assert_int_equal(p9_flush(cl, tag), 0);
}

static void test_dot_dot(void **state)
{
	struct p9_world *w = *state;
	struct p9_client *cl = &w->client;
	struct p9_attr attr;
	uint64_t root;

	assert_int_equal(p9_getattr(cl, 1, &attr), 0);
	root = attr.qid.path;
	assert_int_equal(p9_walk(cl, 1, 2, "../../.."), 0);
	assert_int_equal(cl->qid.path, root);
	assert_int_equal(p9_walk(cl, 1, 3, "share/dir/sub/../../../.."), 0);
	assert_int_equal(cl->qid.path, root);
	assert_int_equal(p9_walk(cl, 1, 4, "share/../ro/../single/.."), 0);
	assert_int_equal(cl->qid.path, root);
	assert_int_equal(p9_walk(cl, 1, 5, "share/../canary"), ENOENT);
	assert_int_equal(p9_walk(cl, 1, 5, "share"), 0);
	assert_int_equal(p9_walk(cl, 5, 6, "."), EINVAL);
	assert_int_equal(p9_walk(cl, 5, 6, "//x"), EINVAL);
}

/* Walks that end badly leave the fid as it was. */
static void test_symlinks(void **state)
{
	static const char *const ways[] = { "share/link/x", "share/up/canary", "share/abslink/x",
					    "share/file/x", "share/fifo/..x" };
	struct p9_world *w = *state;
	struct p9_client *cl = &w->client;
	uint64_t share;

	for (size_t i = 0; i < ARRAY_SIZE(ways); i++) {
		assert_int_equal(p9_walk(cl, 1, 2, ways[i]), ENOENT); /* two of three */
		assert_int_equal(cl->walked, 2);
		assert_int_equal(p9_clunk(cl, 2), EBADF);
	}
	assert_int_equal(p9_walk(cl, 1, 2, "share"), 0);
	share = cl->qid.path;
	assert_int_equal(p9_walk(cl, 2, 2, "dir/sub/none"), ENOENT);
	assert_int_equal(p9_walk(cl, 2, 3, "dir/.."), 0);
	assert_int_equal(cl->qid.path, share);
	assert_int_equal(p9_walk(cl, 1, 4, "share/up"), 0);
	assert_int_equal(p9_walk(cl, 4, 5, "canary"), ENOTDIR);
	assert_int_equal(p9_lopen(cl, 4, O_RDONLY), ELOOP);
	assert_int_equal(p9_lopen(cl, 4, O_RDONLY | P9_OPEN_DIRECTORY), ENOTDIR);
}

static void test_host_moves_a_directory_out(void **state)
{
	struct p9_world *w = *state;
	struct p9_client *cl = &w->client;

	assert_int_equal(p9_walk(cl, 1, 2, "share/dir/sub"), 0);
	assert_int_equal(renameat(w->share_fd, "dir/sub", w->dir_fd, "outside"), 0);
	/* The parent is the one through which the fid came. */
	assert_int_equal(p9_walk(cl, 2, 3, ".."), 0);
	assert_int_equal(p9_walk(cl, 2, 4, "../../.."), 0);
	assert_int_equal(p9_walk(cl, 4, 5, "canary"), ENOENT);
	assert_int_equal(p9_walk(cl, 3, 5, "canary"), ENOENT);
	/* Something made through it stays in that one directory. */
	assert_int_equal(p9_mkdir(cl, 2, "made", 0700, 0), 0);
	assert_int_equal(faccessat(w->dir_fd, "outside/made", F_OK, 0), 0);
	assert_int_equal(p9_rename(cl, 2, 3, "back"), ENOENT);
	assert_int_equal(p9_remove(cl, 2), ENOENT);
	assert_int_equal(p9_clunk(cl, 2), EBADF); /* it is gone all the same */
}

/* The host replaces a directory on the way by a link that leads out. */
static void test_host_plants_a_link(void **state)
{
	struct p9_world *w = *state;
	struct p9_client *cl = &w->client;

	assert_int_equal(p9_walk(cl, 1, 2, "share/dir"), 0);
	assert_int_equal(p9_walk(cl, 1, 3, "share"), 0);
	assert_int_equal(renameat(w->share_fd, "dir", w->share_fd, "away"), 0);
	assert_int_equal(symlinkat("..", w->share_fd, "dir"), 0);
	assert_int_equal(p9_walk(cl, 3, 4, "dir/canary"), ENOENT);
	assert_int_equal(p9_walk(cl, 2, 4, "sub"), 0);
	assert_int_equal(p9_lcreate(cl, 3, "dir", O_WRONLY | P9_OPEN_TRUNC, 0600, 0), ELOOP);
}

static void test_special_files(void **state)
{
	struct p9_world *w = *state;
	struct p9_client *cl = &w->client;
	struct p9_attr attr = { .mode = 0640, .uid = 12, .gid = 13 };
	uint32_t all = P9_SET_MODE | P9_SET_UID | P9_SET_GID | P9_SET_ATIME | P9_SET_MTIME;

	assert_int_equal(p9_walk(cl, 1, 2, "share/fifo"), 0);
	assert_int_equal(p9_lopen(cl, 2, O_RDONLY), ENXIO);
	assert_int_equal(p9_lopen(cl, 2, O_WRONLY), ENXIO);
	if (geteuid() == 0)
		assert_int_equal(p9_setattr(cl, 2, all, &attr), 0);
	else
		assert_int_equal(p9_setattr(cl, 2, P9_SET_MODE, &attr), 0);
	assert_int_equal(p9_getattr(cl, 2, &attr), 0);
	assert_int_equal(attr.mode, S_IFIFO | 0640);
	assert_int_equal(p9_xattrwalk(cl, 2, 3, ""), 0);
	attr.size = 1;
	assert_int_equal(p9_setattr(cl, 2, P9_SET_SIZE, &attr), EINVAL);
	assert_int_equal(p9_walk(cl, 1, 4, "share"), 0);
	/* A create that finds it there opens it no more than an open does. */
	assert_int_equal(p9_lcreate(cl, 4, "fifo", O_RDWR, 0600, 0), ENXIO);
	assert_int_equal(p9_lcreate(cl, 4, "link", O_RDWR, 0600, 0), ELOOP);
	assert_int_equal(p9_renameat(cl, 4, "fifo", 4, "pipe"), 0);
	assert_int_equal(p9_unlinkat(cl, 4, "pipe", 0), 0);
	/* No device is made, under no type. */
	assert_int_equal(p9_mknod(cl, 4, "null", S_IFCHR | 0666), EPERM);
	assert_int_equal(p9_mknod(cl, 4, "disk", S_IFBLK | 0666), EPERM);
	assert_int_equal(p9_mknod(cl, 4, "odd", S_IFDIR | 0666), EPERM);
	assert_int_equal(p9_mknod(cl, 4, "odd", S_IFLNK | 0666), EPERM);
	if (mknodat(w->share_fd, "null", S_IFCHR | 0666, 1 << 8 | 3) == 0) {
		assert_int_equal(p9_walk(cl, 4, 5, "null"), 0);
		assert_int_equal(p9_lopen(cl, 5, O_RDWR), ENXIO);
		assert_int_equal(p9_getattr(cl, 5, &attr), 0);
		assert_int_equal(attr.rdev, 1 << 8 | 3);
	}
}

static void test_opens(void **state)
{
	struct p9_world *w = *state;
	struct p9_client *cl = &w->client;
	static const uint8_t data[4];

	assert_int_equal(p9_open_path(cl, 2, "share/file", O_RDONLY), 0);
	assert_int_equal(p9_lopen(cl, 2, O_RDONLY), EBUSY);
	assert_int_equal(p9_walk(cl, 2, 2, "x"), ENOTDIR);
	assert_int_equal(p9_walk(cl, 2, 2, ""), EBUSY);
	assert_int_equal(p9_write(cl, 2, 0, data, 4), EBADF);
	assert_int_equal(p9_read(cl, 2, UINT64_MAX, 4), EINVAL);
	assert_int_equal(p9_open_path(cl, 3, "share/file", O_WRONLY), 0);
	assert_int_equal(p9_read(cl, 3, 0, 4), EBADF);
	assert_int_equal(p9_write(cl, 3, (uint64_t)INT64_MAX, data, 4), EINVAL);
	assert_int_equal(p9_write(cl, 3, (uint64_t)1 << 63, data, 4), EINVAL);
	assert_int_equal(p9_open_path(cl, 4, "share/dir", O_RDWR), EISDIR);
	assert_int_equal(p9_lopen(cl, 4, O_WRONLY), EISDIR);
	assert_int_equal(p9_lopen(cl, 4, O_RDONLY | P9_OPEN_TRUNC), EISDIR);
	assert_int_equal(p9_lopen(cl, 4, P9_OPEN_ACCMODE), EINVAL);
	assert_int_equal(p9_read(cl, 4, 0, 4), EBADF);
	assert_int_equal(p9_fsync(cl, 4, 0), EBADF);
	assert_int_equal(p9_clunk(cl, 4), 0);
	assert_int_equal(p9_clunk(cl, 4), EBADF);
	assert_int_equal(p9_read(cl, 4, 0, 4), EBADF);
	assert_int_equal(p9_lopen(cl, 4, 0), EBADF);
}

static void test_names(void **state)
{
	static const char *const bad[] = { "..", ".", "", "a/b", "/", "../canary" };
	struct p9_world *w = *state;
	struct p9_client *cl = &w->client;
	char longest[257];

	memset(longest, 'x', 256);
	longest[256] = '\0';
	assert_int_equal(p9_walk(cl, 1, 2, "share"), 0);
	assert_int_equal(p9_walk(cl, 1, 3, "share/file"), 0);
	for (size_t i = 0; i <= ARRAY_SIZE(bad); i++) {
		const char *name = i < ARRAY_SIZE(bad) ? bad[i] : longest;
		int want = i < ARRAY_SIZE(bad) ? EINVAL : ENAMETOOLONG;

		assert_int_equal(p9_lcreate(cl, 2, name, O_RDWR, 0600, 0), want);
		assert_int_equal(p9_mkdir(cl, 2, name, 0700, 0), want);
		assert_int_equal(p9_mknod(cl, 2, name, S_IFREG | 0600), want);
		assert_int_equal(p9_symlink(cl, 2, name, "x"), want);
		assert_int_equal(p9_link(cl, 2, 3, name), want);
		assert_int_equal(p9_rename(cl, 3, 2, name), want);
		assert_int_equal(p9_renameat(cl, 2, name, 2, "x"), want);
		assert_int_equal(p9_renameat(cl, 2, "file", 2, name), want);
		assert_int_equal(p9_unlinkat(cl, 2, name, 0), want);
		assert_int_equal(p9_unlinkat(cl, 2, name, P9_UNLINK_REMOVEDIR), want);
	}
	longest[255] = '\0';
	assert_int_equal(p9_mkdir(cl, 2, longest, 0700, 0), 0);
	assert_int_equal(p9_unlinkat(cl, 2, "file", 1), EINVAL);
	assert_int_equal(p9_unlinkat(cl, 2, "dir", 0), EISDIR);
	assert_int_equal(p9_unlinkat(cl, 2, "dir", P9_UNLINK_REMOVEDIR), ENOTEMPTY);
	assert_int_equal(p9_unlinkat(cl, 3, "x", 0), ENOTDIR);
	assert_int_equal(p9_unlinkat(cl, 9, "x", 0), EBADF);
}

static void test_read_only(void **state)
{
	struct p9_world *w = *state;
	struct p9_client *cl = &w->client;
	struct p9_attr attr = { .mode = 0600 };

	assert_int_equal(p9_walk(cl, 1, 2, "ro"), 0);
	assert_int_equal(p9_walk(cl, 1, 3, "ro/file"), 0);
	assert_int_equal(p9_walk(cl, 1, 9, "share"), 0);
	assert_int_equal(p9_lopen(cl, 3, O_WRONLY), EROFS);
	assert_int_equal(p9_lopen(cl, 3, O_RDWR), EROFS);
	assert_int_equal(p9_lopen(cl, 3, O_RDONLY | P9_OPEN_TRUNC), EROFS);
	for (uint32_t bit = P9_SET_MODE; bit <= P9_SET_CTIME; bit <<= 1)
		assert_int_equal(p9_setattr(cl, 3, bit, &attr), EROFS);
	assert_int_equal(p9_xattrcreate(cl, 3, "user.x", 1, 0), EROFS);
	assert_int_equal(p9_lcreate(cl, 2, "new", O_RDONLY, 0600, 0), EROFS);
	assert_int_equal(p9_mkdir(cl, 2, "new", 0700, 0), EROFS);
	assert_int_equal(p9_mknod(cl, 2, "new", S_IFIFO | 0700), EROFS);
	assert_int_equal(p9_symlink(cl, 2, "new", "x"), EROFS);
	assert_int_equal(p9_link(cl, 2, 3, "new"), EROFS);
	/* A link into a share that may be written would be a way around. */
	assert_int_equal(p9_link(cl, 9, 3, "new"), EXDEV);
	assert_int_equal(p9_rename(cl, 3, 9, "new"), EROFS);
	assert_int_equal(p9_renameat(cl, 2, "file", 9, "new"), EROFS);
	assert_int_equal(p9_renameat(cl, 9, "file", 2, "new"), EROFS);
	assert_int_equal(p9_unlinkat(cl, 2, "file", 0), EROFS);
	assert_int_equal(p9_lopen(cl, 3, O_RDONLY), 0);
	assert_int_equal(p9_write(cl, 3, 0, "x", 1), EBADF);
	assert_int_equal(p9_setattr(cl, 3, P9_SET_SIZE, &attr), EROFS);
	assert_int_equal(p9_lock(cl, 3, P9_LOCK_WRITE, 0, 0), 0);
	assert_int_equal(cl->count, P9_LOCK_SUCCESS);
	assert_int_equal(p9_remove(cl, 3), EROFS);
	assert_int_equal(p9_getattr(cl, 2, &attr), 0);
}

/* The synthetic root cannot be changed, and shares cannot be taken out of it. */
static void test_roots(void **state)
{
	struct p9_world *w = *state;
	struct p9_client *cl = &w->client;
	struct p9_attr attr = { .mode = 0700 };

	assert_int_equal(p9_walk(cl, 1, 2, "share"), 0);
	assert_int_equal(p9_walk(cl, 1, 3, "share/dir"), 0);
	assert_int_equal(p9_mkdir(cl, 1, "new", 0700, 0), EROFS);
	assert_int_equal(p9_lcreate(cl, 1, "new", O_RDWR, 0700, 0), EROFS);
	assert_int_equal(p9_unlinkat(cl, 1, "share", P9_UNLINK_REMOVEDIR), EROFS);
	assert_int_equal(p9_unlinkat(cl, 1, "single", 0), EROFS);
	assert_int_equal(p9_renameat(cl, 1, "share", 1, "new"), EROFS);
	assert_int_equal(p9_setattr(cl, 1, P9_SET_MODE, &attr), EROFS);
	assert_int_equal(p9_link(cl, 3, 1, "new"), EXDEV);
	assert_int_equal(p9_rename(cl, 2, 3, "new"), EBUSY);
	assert_int_equal(p9_rename(cl, 1, 3, "new"), EBUSY);
	assert_int_equal(p9_rename(cl, 3, 1, "new"), EROFS);
	assert_int_equal(p9_renameat(cl, 2, "dir", 3, "new"), EINVAL); /* into itself */
	assert_int_equal(p9_rename(cl, 3, 3, "new"), EINVAL);
	assert_int_equal(p9_xattrwalk(cl, 1, 4, ""), 0);
	assert_int_equal(cl->size, 0);
	assert_int_equal(p9_xattrwalk(cl, 1, 5, "user.x"), ENODATA);
	assert_int_equal(p9_xattrcreate(cl, 1, "user.x", 1, 0), EROFS);
	assert_int_equal(p9_readlink(cl, 1), EINVAL);
	assert_int_equal(p9_walk(cl, 1, 6, "single"), 0);
	assert_int_equal(p9_walk(cl, 6, 7, "x"), ENOTDIR);
	assert_int_equal(p9_remove(cl, 6), EBUSY);
	assert_int_equal(p9_remove(cl, 2), EBUSY);
	assert_int_equal(p9_open_path(cl, 8, "", O_RDONLY), 0);
	assert_int_equal(p9_lock(cl, 8, P9_LOCK_READ, 0, 0), EBADF);
}

static void test_fid_limit(void **state)
{
	struct p9_world *w;

	(void)state;
	w = p9_world_new(&(struct p9_limits){ .fids = 100 }, P9_OWNERS_SAME);
	for (uint32_t fid = 2; fid <= 100; fid++)
		assert_int_equal(p9_walk(&w->client, 1, fid, ""), 0);
	assert_int_equal(p9_walk(&w->client, 1, 101, ""), ENFILE);
	assert_int_equal(p9_xattrwalk(&w->client, 1, 101, ""), ENFILE);
	assert_int_equal(p9_clunk(&w->client, 50), 0);
	assert_int_equal(p9_walk(&w->client, 1, 101, ""), 0);
	assert_int_equal(p9_world_free(w), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_sizes, setup, teardown),
		cmocka_unit_test_setup_teardown(test_reply_buffers, setup, teardown),
		cmocka_unit_test_setup_teardown(test_types, setup, teardown),
		cmocka_unit_test_setup_teardown(test_version, setup, teardown),
		cmocka_unit_test_setup_teardown(test_attach, setup, teardown),
		cmocka_unit_test_setup_teardown(test_dot_dot, setup, teardown),
		cmocka_unit_test_setup_teardown(test_symlinks, setup, teardown),
		cmocka_unit_test_setup_teardown(test_host_moves_a_directory_out, setup, teardown),
		cmocka_unit_test_setup_teardown(test_host_plants_a_link, setup, teardown),
		cmocka_unit_test_setup_teardown(test_special_files, setup, teardown),
		cmocka_unit_test_setup_teardown(test_opens, setup, teardown),
		cmocka_unit_test_setup_teardown(test_names, setup, teardown),
		cmocka_unit_test_setup_teardown(test_read_only, setup, teardown),
		cmocka_unit_test_setup_teardown(test_roots, setup, teardown),
		cmocka_unit_test(test_fid_limit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
