/*
 * Archives: the writer against GNU tar, trees on this machine's disk, and the table of hard links.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <sys/xattr.h>
#include <unistd.h>
#include <cmocka.h>

#include "guest-init/export_tree.h"
#include "guest-init/hard_links.h"
#include "guest-init/tar.h"
#include "vmm/base/cleanup.h"
#include "vmm/base/tar_format.h"

enum { LISTING_MAX = 65536, NAME_OF_110 = 110 };

static struct tar tar;
static char listing[LISTING_MAX];

/* A file without a name, and what programs may call it. */
static int make_file(char path[64])
{
	int fd = memfd_create("archive", 0);

	assert_true(fd >= 0);
	(void)snprintf(path, 64, "/proc/%d/fd/%d", (int)getpid(), fd);
	return fd;
}

static const char *run(const char *command)
{
	FILE *from = popen(command, "r");
	size_t n;

	assert_non_null(from);
	n = fread(listing, 1, sizeof(listing) - 1, from);
	listing[n] = '\0';
	assert_int_equal(pclose(from), 0);
	return listing;
}

static const char *list(const char *path)
{
	char command[256];

	(void)snprintf(
	    command, sizeof(command),
	    "TZ=UTC0 LC_ALL=C tar --numeric-owner --full-time -tvf %s 2>&1 | sed 's/  */ /g'",
	    path);
	return run(command);
}

static void add(enum tar_type type, const char *path, const char *link)
{
	const struct tar_entry entry = { .type = type,
					 .path = path,
					 .link = link,
					 .mode = 0640,
					 .uid = 1,
					 .gid = 2,
					 .mtime_s = 1000000000,
					 .major = 7,
					 .minor = 300 };

	assert_int_equal(tar_entry(&tar, &entry), 0);
}

static void test_types(void **state)
{
	char path[64];
	_cleanup_fd_ int fd = make_file(path);
	struct tar_entry file = { .type = TAR_FILE, .path = "f", .mode = 04711, .size_bytes = 5 };

	(void)state;
	tar_begin(&tar, fd);
	assert_int_equal(tar_entry(&tar, &file), 0);
	assert_int_equal(tar_data(&tar, "he", 2), 0);
	assert_int_equal(tar_data(&tar, "llo", 3), 0);
	add(TAR_DIRECTORY, "d/", NULL);
	add(TAR_HARD_LINK, "d/h", "f");
	add(TAR_SYMBOLIC_LINK, "s", "../x");
	add(TAR_CHARACTER_DEVICE, "c", NULL);
	add(TAR_BLOCK_DEVICE, "b", NULL);
	add(TAR_FIFO, "p", NULL);
	assert_int_equal(tar_end(&tar), 0);
	assert_int_equal(tar.entries, 7);
	assert_int_equal(tar.bytes, lseek(fd, 0, SEEK_END));
	assert_int_equal(tar.bytes, (7 + 1 + 2) * TAR_BLOCK);
	assert_string_equal(list(path), "-rws--x--x 0/0 5 1970-01-01 00:00:00 f\n"
					"drw-r----- 1/2 0 2001-09-09 01:46:40 d/\n"
					"hrw-r----- 1/2 0 2001-09-09 01:46:40 d/h link to f\n"
					"lrw-r----- 1/2 0 2001-09-09 01:46:40 s -> ../x\n"
					"crw-r----- 1/2 7,300 2001-09-09 01:46:40 c\n"
					"brw-r----- 1/2 7,300 2001-09-09 01:46:40 b\n"
					"prw-r----- 1/2 0 2001-09-09 01:46:40 p\n");
}

/* What the old header has no room for. */
static void test_extended(void **state)
{
	char path[64], just[101], beyond[NAME_OF_110 + 1], expected[1024];
	_cleanup_fd_ int fd = make_file(path);
	struct tar_entry entry = { .type = TAR_SYMBOLIC_LINK, .link = "x" };

	(void)state;
	memset(just, 'j', 100);
	memset(beyond, 'b', NAME_OF_110);
	just[100] = beyond[NAME_OF_110] = '\0';
	tar_begin(&tar, fd);
	entry.path = just;
	entry.link = just;
	assert_int_equal(tar_entry(&tar, &entry), 0);
	assert_int_equal(tar.bytes, TAR_BLOCK);
	entry.path = beyond;
	entry.link = beyond;
	entry.uid = 1 << 21;
	entry.gid = UINT32_MAX;
	entry.mtime_s = 12;
	entry.mtime_ns = 345678901;
	assert_int_equal(tar_entry(&tar, &entry), 0);
	entry = (struct tar_entry){ .type = TAR_FIFO, .path = "old", .mtime_s = -2 };
	assert_int_equal(tar_entry(&tar, &entry), 0);
	entry.mtime_ns = 750000000;
	assert_int_equal(tar_entry(&tar, &entry), 0);
	/* GNU tar writes the same and reads it, but lists something else. */
	assert_memory_equal(tar.records, "22 mtime=-1.250000000\n", 22);
	entry = (struct tar_entry){ .type = TAR_FIFO, .path = "late", .mtime_s = 8589934592 };
	assert_int_equal(tar_entry(&tar, &entry), 0);
	assert_int_equal(tar_end(&tar), 0);
	(void)snprintf(expected, sizeof(expected),
		       "l--------- 0/0 0 1970-01-01 00:00:00 %s -> %s\n"
		       "l--------- 2097152/4294967295 0 1970-01-01 00:00:12.345678901 %s -> %s\n"
		       "p--------- 0/0 0 1969-12-31 23:59:58 old\n"
		       "p--------- 0/0 0 1969-12-31 23:59:59.25 old\n"
		       "p--------- 0/0 0 2242-03-16 12:56:32 late\n",
		       just, just, beyond, beyond);
	assert_string_equal(list(path), expected);
}

/* A file of 8 GiB and more, of which the header is enough. */
static void test_large(void **state)
{
	char path[64], data[3 * TAR_BLOCK];
	_cleanup_fd_ int fd = make_file(path);
	struct tar_entry entry = { .type = TAR_FILE,
				   .path = "large",
				   .size_bytes = (uint64_t)8 << 30 };

	(void)state;
	tar_begin(&tar, fd);
	assert_int_equal(tar_entry(&tar, &entry), 0);
	tar.left_bytes = 0;
	assert_int_equal(tar_end(&tar), 0);
	assert_int_equal(pread(fd, data, sizeof(data), 0), sizeof(data));
	assert_int_equal(data[156], 'x');
	assert_string_equal(data + TAR_BLOCK, "19 size=8589934592\n");
	assert_string_equal(data + 2 * TAR_BLOCK + 124, "00000000000");
}

/* The length in front counts itself, and gets another digit at 10, 100, 1000. */
static void test_record_lengths(void **state)
{
	char value[2000];

	(void)state;
	memset(value, 'v', sizeof(value));
	for (size_t len = 0; len < 1200; len++) {
		char *end;
		size_t total;

		tar_begin(&tar, -1);
		assert_int_equal(tar_attribute(&tar, "user.n", value, len), 0);
		total = strtoul(tar.records, &end, 10);
		assert_int_equal(total, tar.records_bytes);
		assert_memory_equal(end, " SCHILY.xattr.user.n=", 21);
		assert_int_equal(end + 21 + len + 1 - tar.records, total);
		assert_int_equal(tar.records[total - 1], '\n');
	}
}

static void test_attributes(void **state)
{
	static char value[TAR_RECORDS_MAX];
	char path[64], command[256];
	_cleanup_fd_ int fd = make_file(path);

	(void)state;
	tar_begin(&tar, fd);
	assert_int_equal(tar_attribute(&tar, "user.a=b", "x", 1), -1);
	assert_int_equal(errno, EINVAL);
	assert_int_equal(tar_attribute(&tar, "user.large", value, sizeof(value)), -1);
	assert_int_equal(errno, E2BIG);
	assert_int_equal(tar.records_bytes, 0);
	assert_int_equal(tar_attribute(&tar, "user.colour", "bl\nue", 5), 0);
	assert_int_equal(tar_attribute(&tar, "security.capability", "\1\0\0\2", 4), 0);
	add(TAR_FIFO, "p", NULL);
	add(TAR_FIFO, "q", NULL);
	assert_int_equal(tar_end(&tar), 0);
	(void)snprintf(command, sizeof(command),
		       "LC_ALL=C tar --xattrs --xattrs-include='*' -tvvf %s 2>&1 | grep -c '^  x:'",
		       path);
	assert_string_equal(run(command), "2\n");
}

/* A writer to a socket that is full waits; one whose reader is gone fails. */
static void test_broken(void **state)
{
	int pair[2];

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair), 0);
	close(pair[1]);
	(void)signal(SIGPIPE, SIG_IGN);
	tar_begin(&tar, pair[0]);
	add(TAR_FIFO, "p", NULL);
	assert_int_equal(tar_end(&tar), -1);
	assert_int_equal(errno, EPIPE);
	close(pair[0]);
}

static void test_hard_links(void **state)
{
	struct hard_links links;
	const char *first;

	(void)state;
	assert_int_equal(hard_links_begin(&links), 0);
	assert_int_equal(hard_links_meet(&links, 1, 2, "a", &first), 0);
	assert_null(first);
	assert_int_equal(hard_links_meet(&links, 2, 2, "other device", &first), 0);
	assert_null(first);
	for (ino_t i = 10; i < 5000; i++) {
		assert_int_equal(hard_links_meet(&links, 1, i, "more", &first), 0);
		assert_null(first);
	}
	assert_int_equal(hard_links_meet(&links, 1, 2, "b", &first), 0);
	assert_string_equal(first, "a");
	assert_int_equal(hard_links_meet(&links, 2, 2, "b", &first), 0);
	assert_string_equal(first, "other device");
	links.count = HARD_LINKS_MAX;
	assert_int_equal(hard_links_meet(&links, 1, 1, "b", &first), -1);
	assert_int_equal(errno, ENOSPC);
	links.count = 0;
	links.names_used = HARD_LINKS_NAMES_BYTES - 1;
	assert_int_equal(hard_links_meet(&links, 1, 1, "b", &first), -1);
	hard_links_end(&links);
}

/* A directory that is removed at the end, and the working directory before. */
struct place {
	char path[64];
	int before;
};

static int make_place(void **state)
{
	static struct place place;

	(void)snprintf(place.path, sizeof(place.path), "/tmp/test-export-XXXXXX");
	place.before = open(".", O_RDONLY | O_DIRECTORY);
	assert_non_null(mkdtemp(place.path));
	assert_int_equal(chmod(place.path, 0755), 0);
	assert_int_equal(chdir(place.path), 0);
	*state = &place;
	return 0;
}

static int remove_place(void **state)
{
	struct place *place = *state;
	char command[128];

	assert_int_equal(fchdir(place->before), 0);
	close(place->before);
	(void)snprintf(command, sizeof(command), "rm -rf %s", place->path);
	(void)run(command);
	return 0;
}

static enum export_status export(bool layer, int fd) {
	_cleanup_free_ struct export_tree *tree = calloc(1, sizeof(*tree));
	enum export_status status;

	assert_non_null(tree);
	tree->layer = layer;
	assert_int_equal(ftruncate(fd, 0), 0);
	assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
	status = export_tree_write(tree, fd);
	assert_true(status || tree->tar.bytes == (uint64_t)lseek(fd, 0, SEEK_END));
	return status;
}

static const char *names_of(const char *archive)
{
	char command[128];

	(void)snprintf(command, sizeof(command), "LC_ALL=C tar -tf %s 2>&1 | LC_ALL=C sort",
		       archive);
	return run(command);
}

static void write_file(const char *path, const char *text)
{
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
	assert_int_equal(fclose(file), 0);
}

/* GNU tar makes of it what tar would make of the tree itself. */
static void test_tree(void **state)
{
	struct place *place = *state;
	struct sockaddr_un address = { .sun_family = AF_UNIX, .sun_path = "t/socket" };
	char path[64], command[512];
	_cleanup_fd_ int fd = make_file(path), socket_fd = socket(AF_UNIX, SOCK_STREAM, 0);

	assert_int_equal(mkdir("t", 0750), 0);
	assert_int_equal(mkdir("t/d", 01777), 0);
	write_file("t/d/file", "some text\n");
	write_file("t/d/empty", "");
	assert_int_equal(link("t/d/file", "t/link"), 0);
	assert_int_equal(symlink("/nowhere", "t/symbolic"), 0);
	assert_int_equal(mkfifo("t/fifo", 0600), 0);
	assert_int_equal(bind(socket_fd, (const struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(truncate("t/d/empty", 300000), 0);
	assert_int_equal(chdir("t"), 0);
	assert_int_equal(export(false, fd), EXPORT_DONE);
	assert_int_equal(chdir(place->path), 0);
	assert_string_equal(names_of(path), "./\nd/\nd/empty\nd/file\nfifo\nlink\nsymbolic\n");
	(void)snprintf(
	    command, sizeof(command),
	    "rm t/socket && mkdir -m 700 u && tar -C u -xpf %s && "
	    "for d in t u; do (cd $d && find . -mindepth 1 -printf '%%p %%y %%m %%n %%T@ %%l\\n' | "
	    "sort && md5sum d/*) > $d.list; done && cmp t.list u.list && [ $(stat -c %%a u) = 750 "
	    "] && diff -r "
	    "--no-dereference -x fifo t u",
	    path);
	assert_string_equal(run(command), "");
}

static void test_layer(void **state)
{
	struct place *place = *state;
	char path[64];
	_cleanup_fd_ int fd = make_file(path);
	bool marked;

	if (mkdir("t", 0755) < 0 || mknod("t/gone", S_IFCHR, makedev(0, 0)) < 0)
		skip();
	assert_int_equal(mkdir("t/opaque", 0755), 0);
	assert_int_equal(mkdir("t/merged", 0755), 0);
	write_file("t/opaque/new", "x");
	assert_int_equal(link("t/gone", "t/merged/also-gone"), 0);
	marked = setxattr("t/opaque", "trusted.overlay.opaque", "y", 1, 0) == 0 &&
		 setxattr("t/merged", "trusted.overlay.impure", "y", 1, 0) == 0;
	assert_int_equal(chdir("t"), 0);
	assert_int_equal(export(true, fd), EXPORT_DONE);
	if (marked)
		assert_string_equal(names_of(path), "./\n.wh.gone\nmerged/\nmerged/.wh.also-gone\n"
						    "opaque/\nopaque/.wh..wh..opq\nopaque/new\n");
	else
		assert_string_equal(names_of(path), "./\n.wh.gone\nmerged/\nmerged/.wh.also-gone\n"
						    "opaque/\nopaque/new\n");
	/* A name that would be taken for a whiteout. */
	assert_int_equal(chdir(place->path), 0);
	write_file("t/merged/.wh.x", "x");
	assert_int_equal(chdir("t"), 0);
	assert_int_equal(export(true, fd), EXPORT_RESERVED_NAME);
	assert_int_equal(chdir(place->path), 0);
	assert_int_equal(unlink("t/gone"), 0);
	assert_int_equal(unlink("t/merged/also-gone"), 0);
	assert_int_equal(chdir("t"), 0);
	assert_int_equal(export(false, fd), EXPORT_DONE);
	assert_string_equal(names_of(path), "./\nmerged/\nmerged/.wh.x\nopaque/\nopaque/new\n");
}

/* What the guest makes to mount on is no change; where an app has come to such a place, it is. */
static void test_mount_points(void **state)
{
	struct place *place = *state;
	char path[64];
	_cleanup_fd_ int fd = make_file(path);

	for (const char *const *name =
		 (const char *const[]){ "t", "t/dev", "t/proc", "t/sys", "t/etc", "t/home",
					"t/home/dev", NULL };
	     *name; name++)
		assert_int_equal(mkdir(*name, 0755), 0);
	write_file("t/etc/hosts", "");
	write_file("t/etc/hostname", "");
	write_file("t/etc/resolv.conf", "nameserver 192.0.2.1\n");
	write_file("t/etc/other", "");
	write_file("t/sys/file", "");
	assert_int_equal(chdir("t"), 0);
	assert_int_equal(export(true, fd), EXPORT_DONE);
	assert_string_equal(names_of(path), "./\netc/\netc/other\netc/resolv.conf\nhome/\n"
					    "home/dev/\nsys/\nsys/file\n");
	assert_int_equal(export(false, fd), EXPORT_DONE);
	assert_string_equal(names_of(path),
			    "./\ndev/\netc/\netc/hostname\netc/hosts\netc/other\n"
			    "etc/resolv.conf\nhome/\nhome/dev/\nproc/\nsys/\nsys/file\n");
	assert_int_equal(chdir(place->path), 0);
}

/* Deeper than is followed: an answer, and no descriptor left open. */
static void test_deep(void **state)
{
	struct place *place = *state;
	char path[64];
	_cleanup_fd_ int fd = make_file(path);
	int before = dup(fd), after;

	for (unsigned i = 0; i <= EXPORT_DEPTH_MAX; i++) {
		assert_int_equal(mkdir("d", 0755), 0);
		assert_int_equal(chdir("d"), 0);
	}
	assert_int_equal(chdir(place->path), 0);
	assert_int_equal(export(false, fd), EXPORT_TOO_LARGE);
	assert_int_equal(chdir(place->path), 0);
	close(before);
	after = dup(fd);
	assert_int_equal(after, before);
	close(after);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_types),
		cmocka_unit_test(test_extended),
		cmocka_unit_test(test_large),
		cmocka_unit_test(test_record_lengths),
		cmocka_unit_test(test_attributes),
		cmocka_unit_test(test_broken),
		cmocka_unit_test(test_hard_links),
		cmocka_unit_test_setup_teardown(test_tree, make_place, remove_place),
		cmocka_unit_test_setup_teardown(test_layer, make_place, remove_place),
		cmocka_unit_test_setup_teardown(test_mount_points, make_place, remove_place),
		cmocka_unit_test_setup_teardown(test_deep, make_place, remove_place),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
