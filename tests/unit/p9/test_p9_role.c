/*
 * The role `files`, in a process of its own: it does its work within its list of system calls, ends
 * when the device goes, and dies of anything that is not on the list.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "tests/unit/p9/p9_client.h"
#include "virtio/p9_channel.h"
#include "vmm/base/descriptors.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1 /* makes system calls of its own */
#else
#define SANITIZED 0
#endif

static void attributes(struct p9_client *cl)
{
	struct p9_attr attr = { .mode = 0600, .size = 3 };
	uint32_t valid = P9_SET_MODE | P9_SET_UID | P9_SET_GID | P9_SET_ATIME | P9_SET_SIZE;

	assert_int_equal(p9_walk(cl, 1, 10, "share/file"), 0);
	assert_int_equal(p9_setattr(cl, 10, valid, &attr), 0);
	assert_int_equal(p9_getattr(cl, 10, &attr), 0);
	assert_int_equal(attr.size, 3);
	assert_int_equal(p9_xattrcreate(cl, 10, "user.x", 1, 0), 0);
	assert_int_equal(p9_write(cl, 10, 0, "v", 1), 0);
	assert_int_equal(p9_clunk(cl, 10), 0);
	assert_int_equal(p9_walk(cl, 1, 10, "share/file"), 0);
	assert_int_equal(p9_xattrwalk(cl, 10, 11, ""), 0);
	assert_int_equal(p9_xattrwalk(cl, 10, 12, "user.x"), 0);
	assert_int_equal(p9_xattrcreate(cl, 10, "user.x", 0, 2), 0);
	assert_int_equal(p9_clunk(cl, 10), 0);
	assert_int_equal(p9_statfs(cl, 1), 0);
}

static void names(struct p9_client *cl)
{
	assert_int_equal(p9_walk(cl, 1, 20, "share"), 0);
	assert_int_equal(p9_walk(cl, 1, 21, "share/link"), 0);
	assert_int_equal(p9_readlink(cl, 21), 0);
	assert_int_equal(p9_mkdir(cl, 20, "new", 0755, 5), 0);
	assert_int_equal(p9_mknod(cl, 20, "pipe", S_IFIFO | 0600), 0);
	assert_int_equal(p9_symlink(cl, 20, "sym", "target"), 0);
	assert_int_equal(p9_link(cl, 20, 21, "link2"), 0);
	assert_int_equal(p9_renameat(cl, 20, "link2", 20, "link3"), 0);
	assert_int_equal(p9_rename(cl, 21, 20, "link4"), 0);
	assert_int_equal(p9_unlinkat(cl, 20, "new", P9_UNLINK_REMOVEDIR), 0);
	assert_int_equal(p9_unlinkat(cl, 20, "link3", 0), 0);
}

static void contents(struct p9_client *cl)
{
	struct p9_attr attr = { .size = 1 };

	assert_int_equal(p9_open_path(cl, 30, "share", O_RDONLY), 0);
	assert_int_equal(p9_readdir(cl, 30, 0, 4096), 0);
	assert_int_equal(p9_readdir(cl, 30, 0, 4096), 0);
	assert_int_equal(p9_walk(cl, 1, 31, "share"), 0);
	assert_int_equal(p9_lcreate(cl, 31, "made", O_RDWR, 04755, 7), 0);
	assert_int_equal(p9_write(cl, 31, 0, "abc", 3), 0);
	assert_int_equal(p9_read(cl, 31, 1, 100), 0);
	assert_memory_equal(cl->data, "bc", 2);
	assert_int_equal(p9_setattr(cl, 31, P9_SET_SIZE, &attr), 0);
	assert_int_equal(p9_fsync(cl, 31, 0), 0);
	assert_int_equal(p9_fsync(cl, 31, 1), 0);
	assert_int_equal(p9_lock(cl, 31, P9_LOCK_WRITE, 0, 0), 0);
	assert_int_equal(p9_getlock(cl, 31, P9_LOCK_WRITE, 0, 0), 0);
	assert_int_equal(p9_open_path(cl, 32, "share/made", O_RDONLY), 0);
	assert_int_equal(p9_lock(cl, 32, P9_LOCK_WRITE, 0, 0), 0);
	assert_int_equal(cl->count, P9_LOCK_BLOCKED);
	/* Enough to grow the heap. */
	for (uint32_t fid = 100; fid < 5000; fid++)
		assert_int_equal(p9_walk(cl, 1, fid, "share/dir/sub"), 0);
}

static void test_work(void **state)
{
	struct p9_world *w;

	(void)state;
	if (SANITIZED)
		skip();
	w = p9_world_new_role();
	attributes(&w->client);
	names(&w->client);
	contents(&w->client);
	assert_int_equal(p9_version(&w->client, 8192, "9P2000.L"), 0);
	assert_int_equal(p9_world_free(w), 0);
}

/* A record that the device cannot mean ends the role, with a status that says so. */
static void test_broken_record(void **state)
{
	const struct p9_record record = { .slot = P9_SLOTS };
	struct p9_world *w;
	int status;

	(void)state;
	if (SANITIZED)
		skip();
	w = p9_world_new_role();
	assert_int_equal(send(w->client.socket, &record, sizeof(record), 0), sizeof(record));
	status = p9_world_free(w);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 1);
}

/* Packets of several records are served in order. */
static void test_batch(void **state)
{
	struct p9_record records[P9_SLOTS];
	struct p9_world *w;

	(void)state;
	if (SANITIZED)
		skip();
	w = p9_world_new_role();
	p9_begin(&w->client, P9_TFLUSH);
	p9_u16(&w->client, 3);
	memcpy(w->client.request, "\x09\0\0", 4);
	for (uint32_t i = 0; i < P9_SLOTS; i++) {
		records[i] = (struct p9_record){ i, 9, 100, 0 };
		memcpy(p9_slot_request(w->client.slots, i), w->client.request, 9);
	}
	assert_int_equal(send(w->client.socket, records, sizeof(records), 0), sizeof(records));
	for (uint32_t i = 0; i < P9_SLOTS; i++) {
		assert_int_equal(recv(w->client.socket, records, sizeof(records), 0),
				 sizeof(records[0]));
		assert_int_equal(records[0].slot, i);
		assert_int_equal(records[0].len, 7);
	}
	assert_int_equal(p9_world_free(w), 0);
}

/* An fsync, a flush of it and a message that is neither: each is answered, the flush after the
 * fsync. */
static void test_fsync_and_flush(void **state)
{
	enum { FSYNC, FLUSH, OTHER, COUNT };
	struct p9_record records[COUNT];
	unsigned order[COUNT], at = 0;
	struct p9_world *w;

	(void)state;
	if (SANITIZED)
		skip();
	w = p9_world_new_role();
	assert_int_equal(p9_open_path(&w->client, 30, "share/file", O_RDWR), 0);
	for (uint32_t i = 0; i < COUNT; i++) {
		struct p9_client *cl = &w->client;

		p9_begin(cl, i == FSYNC ? P9_TFSYNC : P9_TFLUSH);
		if (i == FSYNC) {
			p9_u32(cl, 30);
			p9_u32(cl, 0);
		} else {
			p9_u16(cl, i == FLUSH ? 100 : 999);
		}
		memcpy(cl->request, &(uint8_t){ (uint8_t)cl->request_len }, 1);
		memset(cl->request + 1, 0, 3);
		cl->request[5] = (uint8_t)(100 + i);
		cl->request[6] = 0;
		records[i] = (struct p9_record){ i, (uint32_t)cl->request_len, 100, 0 };
		memcpy(p9_slot_request(cl->slots, i), cl->request, cl->request_len);
	}
	assert_int_equal(send(w->client.socket, records, sizeof(records), 0), sizeof(records));
	while (at < COUNT) {
		struct p9_record answer;

		assert_int_equal(recv(w->client.socket, &answer, sizeof(answer), 0),
				 sizeof(answer));
		assert_int_equal(answer.len, 7);
		order[answer.slot] = at++;
	}
	assert_true(order[FSYNC] < order[FLUSH]);
	/* The session's end waits for what is in hand. */
	assert_int_equal(p9_version(&w->client, 8192, "9P2000.L"), 0);
	assert_int_equal(p9_world_free(w), 0);
}

static void send_share(struct p9_world *w, const char *name, uint32_t flags, int fd)
{
	struct p9_share_packet packet = { .slot = P9_SLOT_SHARE, .flags = flags };

	strncpy(packet.name, name, sizeof(packet.name) - 1);
	assert_int_equal(
	    descriptors_send(w->client.socket, &packet, sizeof(packet), &fd, fd >= 0 ? 1 : 0), 0);
}

/* The role closes what came with the removal, and answers with that. */
static void remove_shares(struct p9_world *w, const char *prefix)
{
	struct pollfd gone = { .events = 0 };
	int ends[2];

	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	send_share(w, prefix, P9_SHARE_REMOVE, ends[1]);
	close(ends[1]);
	gone.fd = ends[0];
	assert_int_equal(poll(&gone, 1, 60000), 1);
	assert_int_equal(gone.revents, POLLHUP);
	close(ends[0]);
}

/* 0: this user may not look. */
static unsigned count_descriptors(const struct p9_world *w)
{
	unsigned count = 0;
	char path[64];
	DIR *dir;

	(void)snprintf(path, sizeof(path), "/proc/%d/fd", w->pid);
	dir = opendir(path);
	if (!dir)
		return 0;
	while (readdir(dir))
		count++;
	closedir(dir);
	return count;
}

/* Shares come in order with requests, and leave no descriptor when they go. */
static void test_shares_come_and_go(void **state)
{
	struct p9_world *w;
	unsigned before;
	int fd;

	(void)state;
	if (SANITIZED)
		skip();
	w = p9_world_new_role_for_shares();
	assert_int_equal(p9_walk(&w->client, 1, 2, "m0.0"), ENOENT);
	before = count_descriptors(w);
	fd = openat(w->dir_fd, "share/dir", O_PATH | O_CLOEXEC);
	for (int i = 0; i < 3; i++) {
		send_share(w, "m0.0", 0, fd);
		send_share(w, "m0.1", P9_SHARE_READ_ONLY, fd);
		/* The name is taken, and the one behind it cannot be one. */
		send_share(w, "m0.0", 0, fd);
		send_share(w, "m0/2", 0, fd);
		assert_int_equal(p9_walk(&w->client, 1, 10, "m0.0/sub"), 0);
		assert_int_equal(p9_open_path(&w->client, 11, "m0.1", O_RDONLY), 0);
		assert_int_equal(p9_mkdir(&w->client, 11, "no", 0755, 0), EROFS);
		assert_true(!before || count_descriptors(w) > before);
		remove_shares(w, "m0.");
		assert_int_equal(count_descriptors(w), before);
		assert_int_equal(p9_clunk(&w->client, 10), EBADF);
		assert_int_equal(p9_clunk(&w->client, 11), EBADF);
		assert_int_equal(p9_walk(&w->client, 1, 2, "m0.0"), ENOENT);
	}
	/* The shares that the role began with are not to be taken away. */
	remove_shares(w, "share");
	assert_int_equal(p9_walk(&w->client, 1, 2, "share"), 0);
	close(fd);
	assert_int_equal(p9_world_free(w), 0);
}

static void expect_end(struct p9_world *w)
{
	int status = p9_world_free(w);

	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 1);
}

/* What no supervisor sends ends the role: a machine that was taken over has no descriptor to send.
 */
static void test_broken_shares(void **state)
{
	struct p9_share_packet packet = { .slot = P9_SLOT_SHARE };
	struct p9_world *w;
	int fd;

	(void)state;
	if (SANITIZED)
		skip();
	w = p9_world_new_role_for_shares();
	fd = openat(w->dir_fd, "share/dir", O_PATH | O_CLOEXEC);
	send_share(w, "m0.0", 0, -1);
	expect_end(w);
	w = p9_world_new_role_for_shares();
	send_share(w, "m0.0", P9_SHARE_REMOVE, -1);
	expect_end(w);
	w = p9_world_new_role_for_shares();
	send_share(w, "", P9_SHARE_REMOVE, fd);
	expect_end(w);
	w = p9_world_new_role_for_shares();
	memset(packet.name, 'm', sizeof(packet.name));
	assert_int_equal(descriptors_send(w->client.socket, &packet, sizeof(packet), &fd, 1), 0);
	expect_end(w);
	/* One that takes none. */
	w = p9_world_new_role();
	send_share(w, "m0.0", 0, fd);
	expect_end(w);
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_fsync_and_flush),	   cmocka_unit_test(test_work),
		cmocka_unit_test(test_broken_record),	   cmocka_unit_test(test_batch),
		cmocka_unit_test(test_shares_come_and_go), cmocka_unit_test(test_broken_shares),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
