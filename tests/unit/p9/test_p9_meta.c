/*
 * Attributes, owners, extended attributes and locks.
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
#include <sys/xattr.h>
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

static void test_setattr(void **state)
{
	struct p9_world *w = *state;
	struct p9_client *cl = &w->client;
	struct p9_attr attr = { .mode = 04711,
				.uid = 1000,
				.gid = 1001,
				.size = 5 * GIB,
				.atime = { 1000, 5 },
				.mtime = { 2000, 999999999 } };

	if (geteuid() != 0)
		skip();
	assert_int_equal(p9_walk(cl, 1, 2, "share/file"), 0);
	assert_int_equal(p9_setattr(cl, 2,
				    P9_SET_MODE | P9_SET_UID | P9_SET_GID | P9_SET_SIZE |
					P9_SET_ATIME | P9_SET_MTIME | P9_SET_ATIME_SET |
					P9_SET_MTIME_SET,
				    &attr),
			 0);
	memset(&attr, 0, sizeof(attr));
	assert_int_equal(p9_getattr(cl, 2, &attr), 0);
	assert_int_equal(attr.mode, S_IFREG | 04711);
	assert_int_equal(attr.uid, 1000);
	assert_int_equal(attr.gid, 1001);
	assert_int_equal(attr.size, 5 * GIB);
	assert_int_equal(attr.atime.sec, 1000);
	assert_int_equal(attr.atime.nsec, 5);
	assert_int_equal(attr.mtime.sec, 2000);
	assert_int_equal(attr.mtime.nsec, 999999999);
	/* One side of each pair alone, and now. */
	attr.gid = 7;
	assert_int_equal(p9_setattr(cl, 2, P9_SET_GID, &attr), 0);
	assert_int_equal(p9_setattr(cl, 2, P9_SET_MTIME, &attr), 0);
	assert_int_equal(p9_getattr(cl, 2, &attr), 0);
	assert_int_equal(attr.uid, 1000);
	assert_int_equal(attr.gid, 7);
	assert_int_equal(attr.atime.sec, 1000);
	assert_true(attr.mtime.sec > 1000000);
	assert_int_equal(p9_setattr(cl, 2, P9_SET_CTIME, &attr), 0);
	assert_int_equal(p9_setattr(cl, 2, 0, &attr), 0);
}

static void test_setattr_refused(void **state)
{
	struct p9_world *w = *state;
	struct p9_client *cl = &w->client;
	struct p9_attr attr = { .size = UINT64_MAX, .atime = { 1, 1000000000 } };

	assert_int_equal(p9_walk(cl, 1, 2, "share/file"), 0);
	assert_int_equal(p9_setattr(cl, 2, P9_SET_SIZE, &attr), EINVAL);
	attr.size = (uint64_t)1 << 63;
	assert_int_equal(p9_setattr(cl, 2, P9_SET_SIZE, &attr), EINVAL);
	attr.size = 1;
	assert_int_equal(p9_setattr(cl, 2, P9_SET_ATIME | P9_SET_ATIME_SET, &attr), EINVAL);
	attr.atime.nsec = UTIME_NOW;
	assert_int_equal(p9_setattr(cl, 2, P9_SET_ATIME | P9_SET_ATIME_SET, &attr), EINVAL);
	assert_int_equal(p9_walk(cl, 1, 3, "share/dir"), 0);
	assert_int_equal(p9_setattr(cl, 3, P9_SET_SIZE, &attr), EISDIR);
	assert_int_equal(p9_walk(cl, 1, 4, "share/link"), 0);
	assert_int_equal(p9_setattr(cl, 4, P9_SET_SIZE, &attr), EINVAL);
	assert_int_equal(p9_setattr(cl, 4, P9_SET_MODE, &attr), EOPNOTSUPP);
	assert_int_equal(p9_setattr(cl, 4, P9_SET_MTIME, &attr), 0);
	assert_int_equal(p9_setattr(cl, 9, P9_SET_MODE, &attr), EBADF);
	assert_int_equal(p9_getattr(cl, 9, &attr), EBADF);
	assert_int_equal(p9_statfs(cl, 9), EBADF);
}

/* A file that is open for writing can be cut short, whatever its mode says by now. */
static void test_size_of_open_file(void **state)
{
	struct p9_world *w = *state;
	struct p9_client *cl = &w->client;
	struct p9_attr attr = { .mode = 0, .size = 2 };

	assert_int_equal(p9_open_path(cl, 2, "share/file", O_RDWR), 0);
	assert_int_equal(p9_setattr(cl, 2, P9_SET_MODE, &attr), 0);
	assert_int_equal(p9_setattr(cl, 2, P9_SET_SIZE, &attr), 0);
	assert_int_equal(p9_read(cl, 2, 0, 100), 0);
	assert_int_equal(cl->count, 2);
}

static void test_squash(void **state)
{
	struct p9_world *w;
	struct p9_attr attr = { .uid = 33, .gid = 33 };
	struct stat st;

	(void)state;
	w = p9_world_new(NULL, P9_OWNERS_SQUASH);
	assert_int_equal(p9_attach(&w->client, 2, "share", 33), 0);
	assert_int_equal(p9_lcreate(&w->client, 2, "mine", O_RDWR, 0644, 33), 0);
	assert_int_equal(fstatat(w->share_fd, "mine", &st, 0), 0);
	assert_int_equal(st.st_uid, geteuid());
	assert_int_equal(p9_getattr(&w->client, 2, &attr), 0);
	assert_int_equal(attr.uid, 0);
	assert_int_equal(attr.gid, 0);
	attr.uid = 5;
	assert_int_equal(p9_setattr(&w->client, 2, P9_SET_UID | P9_SET_GID, &attr), 0);
	assert_int_equal(fstatat(w->share_fd, "mine", &st, 0), 0);
	assert_int_equal(st.st_uid, geteuid());
	if (geteuid() == 0) {
		assert_int_equal(fchownat(w->share_fd, "mine", 1234, 1234, 0), 0);
		assert_int_equal(p9_getattr(&w->client, 2, &attr), 0);
		assert_int_equal(attr.uid, 65534);
		assert_int_equal(attr.gid, 65534);
	}
	assert_int_equal(p9_world_free(w), 0);
}

static int set_xattr(struct p9_client *cl, const char *name, const char *value, uint32_t flags)
{
	uint32_t len = (uint32_t)strlen(value);
	int r = p9_walk(cl, 1, 90, "share/file");

	if (r == 0)
		r = p9_xattrcreate(cl, 90, name, len, flags);
	if (r == 0 && len)
		r = p9_write(cl, 90, 0, value, len);
	return r ? (p9_clunk(cl, 90), r) : p9_clunk(cl, 90);
}

static int get_xattr(struct p9_client *cl, const char *name)
{
	int r = p9_walk(cl, 1, 91, "share/file");

	if (r == 0)
		r = p9_xattrwalk(cl, 91, 92, name);
	if (r == 0) {
		r = p9_read(cl, 92, 0, 70000);
		assert_int_equal(cl->count, cl->size);
		assert_int_equal(p9_clunk(cl, 92), 0);
	}
	assert_int_equal(p9_clunk(cl, 91), 0);
	return r;
}

static void test_xattr(void **state)
{
	struct p9_world *w = *state;
	struct p9_client *cl = &w->client;

	if (set_xattr(cl, "user.a", "value", 0) == EOPNOTSUPP)
		skip();
	assert_int_equal(get_xattr(cl, "user.a"), 0);
	assert_memory_equal(cl->data, "value", 5);
	assert_int_equal(set_xattr(cl, "user.b", "", 0), 0); /* empty, but there */
	assert_int_equal(get_xattr(cl, "user.b"), 0);
	assert_int_equal(cl->count, 0);
	assert_int_equal(get_xattr(cl, ""), 0);
	assert_int_equal(cl->count, 14);
	assert_memory_equal(cl->data + 7, "user.", 5);
	assert_int_equal(set_xattr(cl, "user.a", "x", XATTR_CREATE), EEXIST);
	assert_int_equal(set_xattr(cl, "user.c", "x", XATTR_REPLACE), ENODATA);
	assert_int_equal(set_xattr(cl, "user.a", "", XATTR_REPLACE), 0); /* removes */
	assert_int_equal(get_xattr(cl, "user.a"), ENODATA);
	assert_int_equal(set_xattr(cl, "user.a", "", XATTR_REPLACE), ENODATA);
	assert_int_equal(set_xattr(cl, "user.a", "x", 4), EINVAL);
	assert_int_equal(set_xattr(cl, "weird.a", "x", 0), EOPNOTSUPP);
	assert_int_equal(set_xattr(cl, "", "x", 0), EOPNOTSUPP);
	assert_int_equal(get_xattr(cl, "weird.a"), EOPNOTSUPP);
	/* A part of it, and from behind the end. */
	assert_int_equal(set_xattr(cl, "user.a", "abcdef", 0), 0);
	assert_int_equal(p9_walk(cl, 1, 2, "share/file"), 0);
	assert_int_equal(p9_xattrwalk(cl, 2, 3, "user.a"), 0);
	assert_int_equal(p9_read(cl, 3, 4, 100), 0);
	assert_memory_equal(cl->data, "ef", 2);
	assert_int_equal(p9_read(cl, 3, UINT64_MAX, 100), 0);
	assert_int_equal(cl->count, 0);
	assert_int_equal(p9_write(cl, 3, 0, "x", 1), EBADF);
	assert_int_equal(p9_walk(cl, 3, 4, ""), EBADF);
	assert_int_equal(p9_lopen(cl, 3, O_RDONLY), EBADF);
	assert_int_equal(p9_xattrwalk(cl, 2, 3, "user.a"), EEXIST);
	assert_int_equal(p9_xattrwalk(cl, 9, 8, "user.a"), EBADF);
}

static void test_xattr_unfinished(void **state)
{
	struct p9_world *w = *state;
	struct p9_client *cl = &w->client;
	char name[300];

	assert_int_equal(p9_walk(cl, 1, 2, "share/file"), 0);
	assert_int_equal(p9_xattrcreate(cl, 2, "user.a", 4, 0), 0);
	assert_int_equal(p9_read(cl, 2, 0, 4), EBADF);
	assert_int_equal(p9_xattrcreate(cl, 2, "user.a", 4, 0), EBADF);
	assert_int_equal(p9_write(cl, 2, 1, "x", 1), EINVAL);
	assert_int_equal(p9_write(cl, 2, 0, "xxxxx", 5), ENOSPC);
	assert_int_equal(p9_write(cl, 2, 0, "xx", 2), 0);
	assert_int_equal(p9_clunk(cl, 2), EINVAL);
	assert_int_equal(get_xattr(cl, "user.a"), ENODATA);
	assert_int_equal(p9_clunk(cl, 2), EBADF);
	assert_int_equal(p9_walk(cl, 1, 2, "share/file"), 0);
	assert_int_equal(p9_xattrcreate(cl, 2, "user.a", 65537, 0), E2BIG);
	memset(name, 'x', sizeof(name));
	memcpy(name, "user.", 5);
	name[256] = '\0';
	assert_int_equal(p9_xattrcreate(cl, 2, name, 1, 0), ERANGE);
	assert_int_equal(p9_lopen(cl, 2, O_RDONLY), 0);
	assert_int_equal(p9_xattrcreate(cl, 2, "user.a", 4, 0), EBUSY);
}

static void test_xattr_memory(void **state)
{
	struct p9_world *w;
	uint32_t fid = 10;

	(void)state;
	w = p9_world_new(&(struct p9_limits){ .xattr_bytes = 200000 }, P9_OWNERS_SAME);
	for (; fid < 13; fid++) {
		assert_int_equal(p9_walk(&w->client, 1, fid, "share/file"), 0);
		assert_int_equal(p9_xattrcreate(&w->client, fid, "user.a", 65536, 0), 0);
	}
	assert_int_equal(p9_walk(&w->client, 1, fid, "share/file"), 0);
	assert_int_equal(p9_xattrcreate(&w->client, fid, "user.a", 65536, 0), ENOMEM);
	assert_int_equal(p9_clunk(&w->client, 10), EINVAL);
	assert_int_equal(p9_xattrcreate(&w->client, fid, "user.a", 65536, 0), 0);
	assert_int_equal(p9_world_free(w), 0);
}

static void lock_is(struct p9_client *cl, uint32_t fid, uint8_t type, uint64_t start, uint64_t len,
		    uint32_t status)
{
	assert_int_equal(p9_lock(cl, fid, type, start, len), 0);
	assert_int_equal(cl->count, status);
}

static void test_locks(void **state)
{
	struct p9_world *w = *state;
	struct p9_client *cl = &w->client;
	uint64_t top = INT64_MAX;

	assert_int_equal(p9_open_path(cl, 2, "share/file", O_RDWR), 0);
	assert_int_equal(p9_open_path(cl, 3, "share/file", O_RDONLY), 0);
	lock_is(cl, 2, P9_LOCK_WRITE, 10, 10, P9_LOCK_SUCCESS);
	lock_is(cl, 3, P9_LOCK_READ, 0, 10, P9_LOCK_SUCCESS);
	lock_is(cl, 3, P9_LOCK_READ, 19, 1, P9_LOCK_BLOCKED);
	assert_int_equal(p9_getlock(cl, 3, P9_LOCK_READ, 0, 0), 0);
	assert_int_equal(cl->count, P9_LOCK_WRITE);
	assert_int_equal(cursor_le64(&cl->c), 10);
	assert_int_equal(cursor_le64(&cl->c), 10);
	/* How Linux's client asks. */
	assert_int_equal(p9_getlock(cl, 3, P9_LOCK_UNLOCK, 0, 0), 0);
	assert_int_equal(cl->count, P9_LOCK_WRITE);
	assert_int_equal(p9_getlock(cl, 2, P9_LOCK_WRITE, 0, 5), 0);
	assert_int_equal(cl->count, P9_LOCK_READ);
	assert_int_equal(p9_getlock(cl, 2, P9_LOCK_READ, 0, 5), 0);
	assert_int_equal(cl->count, P9_LOCK_UNLOCK);
	lock_is(cl, 2, P9_LOCK_UNLOCK, 0, 0, P9_LOCK_SUCCESS);
	/* An exclusive lock through a descriptor that is not for writing, as flock() has it. */
	lock_is(cl, 3, P9_LOCK_WRITE, 0, 0, P9_LOCK_SUCCESS);
	lock_is(cl, 2, P9_LOCK_READ, 100, 1, P9_LOCK_BLOCKED);
	/* Locks end with the fid. */
	assert_int_equal(p9_clunk(cl, 3), 0);
	lock_is(cl, 2, P9_LOCK_WRITE, 0, 0, P9_LOCK_SUCCESS);
	assert_int_equal(p9_lock(cl, 2, 3, 0, 0), EINVAL);
	assert_int_equal(p9_lock(cl, 2, P9_LOCK_READ, top + 1, 1), EINVAL);
	assert_int_equal(p9_lock(cl, 2, P9_LOCK_READ, top, 1), EINVAL);
	assert_int_equal(p9_lock(cl, 2, P9_LOCK_READ, 5, UINT64_MAX), EINVAL);
	assert_int_equal(p9_lock(cl, 9, P9_LOCK_READ, 0, 1), EBADF);
	assert_int_equal(p9_getlock(cl, 9, P9_LOCK_READ, 0, 1), EBADF);
	assert_int_equal(p9_walk(cl, 1, 4, "share/file"), 0);
	assert_int_equal(p9_lock(cl, 4, P9_LOCK_READ, 0, 1), EBADF);
}

static void test_lock_client_id(void **state)
{
	struct p9_world *w = *state;
	struct p9_client *cl = &w->client;
	static char id[60001];

	memset(id, 'i', sizeof(id) - 1);
	assert_int_equal(p9_open_path(cl, 2, "share/file", O_RDWR), 0);
	p9_begin(cl, P9_TLOCK);
	p9_u32(cl, 2);
	p9_u8(cl, P9_LOCK_READ);
	p9_u32(cl, 0);
	p9_u64(cl, 0);
	p9_u64(cl, 0);
	p9_u32(cl, 1);
	p9_str(cl, id);
	assert_int_equal(p9_call(cl), EINVAL);
}

static void test_lock_limit(void **state)
{
	struct p9_world *w = *state;
	struct p9_client *cl = &w->client;
	unsigned held = 0;

	assert_int_equal(p9_open_path(cl, 2, "share/file", O_RDWR), 0);
	assert_int_equal(p9_open_path(cl, 3, "share/file", O_RDWR), 0);
	for (uint64_t i = 0; i < 2000; i++)
		held += p9_lock(cl, 2, P9_LOCK_READ, i * 2, 1) == 0;
	assert_int_equal(held, 1024);
	assert_int_equal(p9_lock(cl, 3, P9_LOCK_READ, 0, 1), ENOLCK);
	/* What does not make more of them is allowed, and gives some back. */
	assert_int_equal(p9_lock(cl, 2, P9_LOCK_READ, 0, 1000), 0);
	assert_int_equal(p9_lock(cl, 3, P9_LOCK_READ, 0, 1), 0);
	assert_int_equal(p9_clunk(cl, 2), 0);
	for (uint64_t i = 0; i < 1000; i++)
		assert_int_equal(p9_lock(cl, 3, P9_LOCK_WRITE, i * 3, 1), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_setattr, setup, teardown),
		cmocka_unit_test_setup_teardown(test_setattr_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(test_size_of_open_file, setup, teardown),
		cmocka_unit_test(test_squash),
		cmocka_unit_test_setup_teardown(test_xattr, setup, teardown),
		cmocka_unit_test_setup_teardown(test_xattr_unfinished, setup, teardown),
		cmocka_unit_test(test_xattr_memory),
		cmocka_unit_test_setup_teardown(test_locks, setup, teardown),
		cmocka_unit_test_setup_teardown(test_lock_client_id, setup, teardown),
		cmocka_unit_test_setup_teardown(test_lock_limit, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
