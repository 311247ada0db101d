/*
 * What a guest does all day: walk, open, read, write, list. On a real directory.
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

static void test_version(void **state)
{
	struct p9_world *w = *state;
	struct p9_client *cl = &w->client;

	assert_int_equal(p9_version(cl, 1 << 30, "9P2000.L"), 0);
	assert_int_equal(cl->count, P9_MSIZE_MAX);
	assert_memory_equal(cl->data, "9P2000.L", cl->size);
	/* The session is new: no fid is left. */
	assert_int_equal(p9_clunk(cl, CLIENT_ROOT), EBADF);
	assert_int_equal(p9_version(cl, 8192, "9P2000.L"), 0);
	assert_int_equal(cl->count, 8192);
	assert_int_equal(p9_attach(cl, 1, "ro", 0), 0);
	assert_int_equal(p9_walk(cl, 1, 2, "file"), 0);
	assert_int_equal(p9_attach(cl, 3, "/", 0), 0);
	assert_int_equal(p9_attach(cl, 4, "nothing", 0), ENOENT);
	assert_int_equal(p9_flush(cl, 7), 0);
}

static void test_walk(void **state)
{
	struct p9_world *w = *state;
	struct p9_client *cl = &w->client;
	struct p9_qid sub;

	assert_int_equal(p9_walk(cl, 1, 2, "share/dir/sub"), 0);
	sub = cl->qid;
	assert_int_equal(sub.type, P9_QID_DIR);
	assert_int_equal(p9_walk(cl, 1, 3, "share/dir"), 0);
	assert_int_equal(p9_walk(cl, 3, 3, "sub"), 0); /* in place */
	assert_int_equal(cl->qid.path, sub.path);
	assert_int_equal(p9_walk(cl, 3, 4, ""), 0); /* a clone */
	assert_int_equal(cl->walked, 0);
	assert_int_equal(p9_walk(cl, 4, 5, ".."), 0);
	assert_int_equal(p9_walk(cl, 5, 6, "sub"), 0);
	assert_int_equal(cl->qid.path, sub.path);
	/* Three of four names are there: no new fid. */
	assert_int_equal(p9_walk(cl, 1, 7, "share/dir/sub/none"), ENOENT);
	assert_int_equal(cl->walked, 3);
	assert_int_equal(p9_clunk(cl, 7), EBADF);
	assert_int_equal(p9_walk(cl, 1, 7, "none"), ENOENT);
	assert_int_equal(p9_walk(cl, 1, 2, "share"), EEXIST);
	assert_int_equal(p9_walk(cl, 99, 7, ""), EBADF);
	assert_int_equal(p9_walk(cl, 1, 7, "share/link"), 0);
	assert_int_equal(cl->qid.type, P9_QID_SYMLINK);
	assert_int_equal(p9_readlink(cl, 7), 0);
	assert_int_equal(cl->count, strlen("../canary"));
	assert_memory_equal(cl->data, "../canary", cl->count);
	assert_int_equal(p9_readlink(cl, 2), EINVAL);
	assert_int_equal(p9_walk(cl, 1, 8, "single"), 0);
	assert_int_equal(cl->qid.type, P9_QID_FILE);
}

static void test_read_write(void **state)
{
	struct p9_world *w = *state;
	struct p9_client *cl = &w->client;
	struct p9_attr attr;

	assert_int_equal(p9_open_path(cl, 2, "share/file", O_RDWR), 0);
	assert_int_equal(p9_read(cl, 2, 1, 100), 0);
	assert_int_equal(cl->count, 4);
	assert_memory_equal(cl->data, "ello", 4);
	assert_int_equal(p9_read(cl, 2, 5, 100), 0);
	assert_int_equal(cl->count, 0);
	assert_int_equal(p9_write(cl, 2, 4, "p, world", 8), 0);
	assert_int_equal(cl->count, 8);
	assert_int_equal(p9_write(cl, 2, 0, "", 0), 0);
	assert_int_equal(p9_fsync(cl, 2, 0), 0);
	assert_int_equal(p9_fsync(cl, 2, 1), 0);
	assert_int_equal(p9_getattr(cl, 2, &attr), 0);
	assert_int_equal(attr.size, 12);
	/* Sparse, far above 4 GiB. */
	assert_int_equal(p9_write(cl, 2, 5 * GIB, "end", 3), 0);
	assert_int_equal(p9_getattr(cl, 2, &attr), 0);
	assert_int_equal(attr.size, 5 * GIB + 3);
	assert_true(attr.blocks * 512 < 1 * MIB);
	assert_int_equal(p9_read(cl, 2, 5 * GIB - 1, 100), 0);
	assert_memory_equal(cl->data, "\0end", 4);
	/* A reply is never longer than asked for, nor than the buffer. */
	cl->reply_max = 11 + 5;
	assert_int_equal(p9_read(cl, 2, 0, 4096), 0);
	assert_int_equal(cl->count, 5);
	assert_int_equal(p9_open_path(cl, 3, "single", O_RDWR), EMSGSIZE);
	cl->reply_max = P9_MSIZE_MAX;
}

static void test_large_transfers(void **state)
{
	struct p9_world *w = *state;
	struct p9_client *cl = &w->client;
	static uint8_t data[P9_MSIZE_MAX];
	uint32_t most = P9_MSIZE_MAX - P9_IO_BYTES;

	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = (uint8_t)(i * 7 >> 3);
	assert_int_equal(p9_open_path(cl, 2, "share/file", O_RDWR), 0);
	assert_int_equal(cursor_le32(&cl->c), most - most % 4096);
	assert_int_equal(p9_write(cl, 2, 3, data, most), 0);
	assert_int_equal(cl->count, most);
	assert_int_equal(p9_read(cl, 2, 3, P9_MSIZE_MAX), 0);
	assert_int_equal(cl->count, most);
	assert_memory_equal(cl->data, data, most);
}

static void test_append(void **state)
{
	struct p9_world *w = *state;
	struct p9_client *cl = &w->client;

	assert_int_equal(p9_open_path(cl, 2, "share/file", O_RDWR | P9_OPEN_APPEND), 0);
	assert_int_equal(p9_write(cl, 2, 0, "X", 1), 0);
	assert_int_equal(p9_read(cl, 2, 0, 100), 0);
	assert_memory_equal(cl->data, "helloX", 6);
	assert_int_equal(p9_open_path(cl, 3, "share/file", O_WRONLY | P9_OPEN_TRUNC), 0);
	assert_int_equal(p9_read(cl, 2, 0, 100), 0);
	assert_int_equal(cl->count, 0);
}

/* An open file lives on without a name, and so does a fid that is not open. */
static void test_unlinked(void **state)
{
	struct p9_world *w = *state;
	struct p9_client *cl = &w->client;
	struct p9_attr attr = { .mode = 0600 };

	assert_int_equal(p9_walk(cl, 1, 2, "share"), 0);
	assert_int_equal(p9_open_path(cl, 3, "share/file", O_RDWR), 0);
	assert_int_equal(p9_walk(cl, 2, 4, "file"), 0);
	assert_int_equal(p9_unlinkat(cl, 2, "file", 0), 0);
	assert_int_equal(p9_walk(cl, 2, 5, "file"), ENOENT);
	assert_int_equal(p9_write(cl, 3, 5, "!", 1), 0);
	assert_int_equal(p9_getattr(cl, 4, &attr), 0);
	assert_int_equal(attr.nlink, 0);
	assert_int_equal(attr.size, 6);
	assert_int_equal(p9_setattr(cl, 4, P9_SET_MODE, &attr), 0);
	assert_int_equal(p9_lopen(cl, 4, O_RDONLY), 0);
	assert_int_equal(p9_read(cl, 4, 0, 100), 0);
	assert_memory_equal(cl->data, "hello!", 6);
}

/* Reads a directory in pieces of count bytes; returns the number of entries. */
static unsigned list(struct p9_client *cl, uint32_t fid, uint32_t count, char *names, size_t room)
{
	uint64_t offset = 0;
	unsigned entries = 0;

	for (;;) {
		struct cursor c;

		assert_int_equal(p9_readdir(cl, fid, offset, count), 0);
		if (!cl->count)
			return entries;
		assert_true(cl->count <= count);
		c = cl->c;
		while (cursor_left(&c)) {
			size_t len;
			const char *name;

			(void)cursor_take(&c, 13);
			offset = cursor_le64(&c);
			(void)cursor_u8(&c);
			len = cursor_le16(&c);
			name = cursor_take(&c, len);
			assert_false(c.bad);
			entries++;
			if (names && len + 2 < room) {
				strncat(names, name, len);
				strcat(names, " ");
				room -= len + 1;
			}
		}
	}
}

static void test_readdir(void **state)
{
	struct p9_world *w = *state;
	struct p9_client *cl = &w->client;
	char names[200] = "";

	assert_int_equal(p9_walk(cl, 1, 2, ""), 0);
	assert_int_equal(p9_lopen(cl, 2, O_WRONLY), EISDIR);
	assert_int_equal(p9_lopen(cl, 2, O_RDONLY | P9_OPEN_DIRECTORY), 0);
	assert_int_equal(list(cl, 2, 4096, names, sizeof(names)), 5);
	assert_string_equal(names, ". .. share ro single ");
	assert_int_equal(list(cl, 2, 40, NULL, 0), 5);
	assert_int_equal(p9_fsync(cl, 2, 0), 0);
	assert_int_equal(p9_open_path(cl, 3, "share", O_RDONLY), 0);
	assert_int_equal(list(cl, 3, 4096, NULL, 0), 8);
	assert_int_equal(list(cl, 3, 35, NULL, 0), 8); /* one at a time */
	assert_int_equal(p9_readdir(cl, 3, 0, 10), EINVAL);
	assert_int_equal(p9_readdir(cl, 3, UINT64_MAX - 1, 4096), EINVAL);
	assert_int_equal(p9_read(cl, 3, 0, 4096), EISDIR);
	assert_int_equal(p9_open_path(cl, 4, "share/file", O_RDONLY), 0);
	assert_int_equal(p9_readdir(cl, 4, 0, 4096), ENOTDIR);
	assert_int_equal(p9_walk(cl, 1, 5, "share"), 0);
	assert_int_equal(p9_readdir(cl, 5, 0, 4096), EBADF);
}

/* The offsets of a large directory work from anywhere, with names of all lengths. */
static void test_large_directory(void **state)
{
	struct p9_world *w = *state;
	struct p9_client *cl = &w->client;
	char name[256];

	for (int i = 0; i < 3000; i++) {
		int len = snprintf(name, sizeof(name), "%d", i);

		memset(name + len, 'n', sizeof(name) - (size_t)len);
		name[len + i % (255 - len)] = '\0';
		assert_int_equal(mknodat(w->share_fd, name, S_IFREG | 0644, 0), 0);
	}
	assert_int_equal(p9_open_path(cl, 2, "share", O_RDONLY), 0);
	assert_int_equal(list(cl, 2, P9_MSIZE_MAX, NULL, 0), 3008);
	assert_int_equal(list(cl, 2, 8000, NULL, 0), 3008);
	assert_int_equal(list(cl, 2, 300, NULL, 0), 3008);
}

static void test_identity(void **state)
{
	struct p9_world *w = *state;
	struct p9_client *cl = &w->client;
	struct p9_attr a, b;
	struct stat st;

	assert_int_equal(linkat(w->share_fd, "file", w->share_fd, "other", 0), 0);
	assert_int_equal(p9_walk(cl, 1, 2, "share/file"), 0);
	assert_int_equal(p9_walk(cl, 1, 3, "share/other"), 0);
	assert_int_equal(p9_getattr(cl, 2, &a), 0);
	assert_int_equal(p9_getattr(cl, 3, &b), 0);
	assert_int_equal(a.qid.path, b.qid.path);
	assert_int_equal(a.nlink, 2);
	assert_int_equal(fstatat(w->share_fd, "file", &st, 0), 0);
	assert_int_equal(a.qid.path, st.st_ino); /* on the first device */
	assert_int_equal(a.generation, b.generation);
	/* A file of another device never looks the same. */
	assert_int_equal(p9_getattr(cl, CLIENT_ROOT, &b), 0);
	assert_int_equal(b.mode, S_IFDIR | 0555);
	assert_int_not_equal(a.qid.path, b.qid.path);
	/* The version tells of changes on a read-only share alone. */
	assert_int_equal(p9_walk(cl, 1, 4, "ro/file"), 0);
	a.qid = cl->qid;
	{
		int fd = openat(w->dir_fd, "ro/file", O_WRONLY | O_TRUNC);

		assert_true(fd >= 0);
		close(fd);
	}
	assert_int_equal(p9_walk(cl, 1, 5, "ro/file"), 0);
	assert_int_not_equal(a.qid.version, cl->qid.version);
	assert_int_equal(p9_statfs(cl, 5), 0);
	assert_int_equal(cl->count, 0x01021997);
	assert_int_equal(p9_statfs(cl, CLIENT_ROOT), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_version, setup, teardown),
		cmocka_unit_test_setup_teardown(test_walk, setup, teardown),
		cmocka_unit_test_setup_teardown(test_read_write, setup, teardown),
		cmocka_unit_test_setup_teardown(test_large_transfers, setup, teardown),
		cmocka_unit_test_setup_teardown(test_append, setup, teardown),
		cmocka_unit_test_setup_teardown(test_unlinked, setup, teardown),
		cmocka_unit_test_setup_teardown(test_readdir, setup, teardown),
		cmocka_unit_test_setup_teardown(test_large_directory, setup, teardown),
		cmocka_unit_test_setup_teardown(test_identity, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
