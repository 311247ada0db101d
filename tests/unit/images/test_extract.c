/*
 * Trees of images as files: what arrives, what is left when it fails, and that a reader which was
 * taken over cannot name anything outside.
 */
#include "tests/unit/images/test.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "images/extract.h"
#include "images/extract_entry.h"
#include "images/layer.h"
#include "images/partial.h"
#include "tests/unit/images/make_tar.h"

static const uint8_t uuid[16];

static char top[] = "/tmp/test-extract-XXXXXX";

static int build(struct made_tar *layer, uint64_t *len)
{
	int fd = memfd_create("image", MFD_CLOEXEC);
	struct image_builder builder;
	struct memory_stream stream;
	struct error err = ERROR_NONE;

	make_end(layer);
	memory_stream_init(&stream, layer->bytes, layer->len);
	if (image_builder_open(&builder, fd, &err) < 0 ||
	    image_builder_apply(&builder, &stream.stream, &err) < 0 ||
	    image_builder_finish(&builder, uuid, len, &err) < 0)
		fail_msg("%s", err.text);
	image_builder_close(&builder);
	free(layer->bytes);
	return fd;
}

static void add_tree(struct made_tar *layer)
{
	static const char pax[] = "29 SCHILY.xattr.user.a=value\n";
	static char data[100000];

	memset(data, 'x', sizeof(data));
	make_entry(layer, '5', "closed/", "", NULL, 0);
	snprintf(last_header(layer)->mode, 8, "0000500");
	fix_checksum(last_header(layer));
	make_entry(layer, 'x', "pax", "", pax, strlen(pax));
	make_entry(layer, '0', "closed/file", "", "hello", 5);
	make_entry(layer, '1', "hard", "closed/file", NULL, 0);
	make_entry(layer, '2', "link", "/etc/passwd", NULL, 0);
	make_entry(layer, '6', "pipe", "", NULL, 0);
	make_entry(layer, '0', "large", "", data, sizeof(data));
}

static void test_files(void **state)
{
	struct made_tar layer = { 0 };
	struct extract_result result;
	struct error err = ERROR_NONE;
	struct stat file, hard, st;
	char value[16] = "";
	uint64_t len;
	int fd;

	(void)state;
	add_tree(&layer);
	fd = build(&layer, &len);
	if (extract_image(fd, len, "tree/", &result, &err) < 0)
		fail_msg("%s", err.text);
	assert_int_equal(result.names, 6);
	assert_int_equal(stat("tree", &st), 0);
	assert_int_equal(st.st_mode, S_IFDIR | 0700);
	assert_int_equal(stat("tree/closed", &st), 0);
	assert_int_equal(st.st_mode, S_IFDIR | 0500);
	assert_int_equal(st.st_mtim.tv_sec, 7);
	assert_int_equal(stat("tree/closed/file", &file), 0);
	assert_int_equal(stat("tree/hard", &hard), 0);
	assert_int_equal(file.st_ino, hard.st_ino);
	assert_int_equal(file.st_nlink, 2);
	assert_int_equal(file.st_size, 5);
	assert_int_equal(lstat("tree/link", &st), 0);
	assert_true(S_ISLNK(st.st_mode) && st.st_mtim.tv_sec == 7);
	assert_int_equal(stat("tree/pipe", &st), 0);
	assert_true(S_ISFIFO(st.st_mode));
	assert_int_equal(stat("tree/large", &st), 0);
	assert_int_equal(st.st_size, 100000);
	if (getxattr("tree/hard", "user.a", value, sizeof(value)) > 0)
		assert_string_equal(value, "value");
	else
		assert_int_equal(result.xattrs, 1);
	/* What is there stays. */
	assert_int_equal(extract_image(fd, len, "tree", &result, &err), -1);
	assert_non_null(strstr(err.text, "exists already"));
	close(fd);
}

/* A directory that appeared meanwhile stays, also an empty one. */
static void test_names_are_not_taken(void **state)
{
	char partial[PATH_MAX];
	struct error err = ERROR_NONE;
	struct stat st;

	(void)state;
	assert_int_equal(partial_name(partial, "late//", &err), 0);
	assert_string_equal(partial, "late.partial");
	assert_int_equal(mkdir(partial, 0700), 0);
	assert_int_equal(mkdir("late", 0750), 0);
	assert_int_equal(partial_publish(partial, "late//", &err), -1);
	assert_non_null(strstr(err.text, "late.partial"));
	assert_int_equal(stat("late", &st), 0);
	assert_int_equal(st.st_mode, S_IFDIR | 0750);
	assert_int_equal(rmdir("late"), 0);
	assert_int_equal(partial_publish(partial, "late//", &err), 0);
	assert_int_equal(rmdir("late"), 0);
}

static void test_nothing_is_left(void **state)
{
	struct rlimit before, small;
	struct made_tar layer = { 0 };
	struct extract_result result;
	struct error err = ERROR_NONE;
	uint64_t len;
	int fd;

	(void)state;
	add_tree(&layer);
	fd = build(&layer, &len);
	(void)signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
	small = (struct rlimit){ 50000, before.rlim_max };
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
	assert_int_equal(extract_image(fd, len, "broken", &result, &err), -1);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
	assert_non_null(strstr(err.text, "File too large"));
	assert_int_equal(access("broken", F_OK), -1);
	assert_int_equal(access("broken.partial", F_OK), -1);
	close(fd);
}

static void test_interrupted_before(void **state)
{
	struct extract_result result;
	struct error err = ERROR_NONE;

	(void)state;
	assert_int_equal(mkdir("before.partial", 0700), 0);
	assert_int_equal(extract_image(-1, 8192, "before", &result, &err), -1);
	assert_non_null(strstr(err.text, "interrupted"));
}

struct wire {
	uint32_t mode, uid, gid, rdev;
	uint64_t mtime_s, size_bytes, data, identity;
	uint32_t mtime_ns, name_len, target_len, xattrs_len;
	char rest[64];
};

static int decode(struct wire *wire, const char *name, const char *target, size_t cut)
{
	struct extract_entry entry;
	size_t len = offsetof(struct wire, rest) + strlen(name) + strlen(target);
	int result;

	wire->name_len = (uint32_t)strlen(name);
	wire->target_len = (uint32_t)strlen(target);
	(void)snprintf(wire->rest, sizeof(wire->rest), "%s%s", name, target);
	result = extract_entry_decode(&entry, 8192, wire, len - cut, NULL);
	extract_entry_free(&entry);
	return result;
}

/* Messages of a reader that somebody else has become. */
static void test_hostile_messages(void **state)
{
	struct wire file = { .mode = 0100644, .size_bytes = 10, .data = 4096 };
	struct wire outside = { .mode = 0100644, .size_bytes = 4097, .data = 4096 };
	struct wire link = { .mode = 0120777 };
	struct wire time = { .mode = 0100644, .mtime_ns = 1000000000 };
	struct wire xattrs = { .mode = 0100644, .xattrs_len = UINT32_MAX };

	(void)state;
	assert_int_equal(decode(&file, "name", "", 0), 0);
	assert_int_equal(decode(&file, "..", "", 0), -1);
	assert_int_equal(decode(&file, ".", "", 0), -1);
	assert_int_equal(decode(&file, "a/b", "", 0), -1);
	assert_int_equal(decode(&file, "/etc", "", 0), -1);
	assert_int_equal(decode(&file, "name", "target", 0), -1);
	assert_int_equal(decode(&file, "name", "", 1), -1);
	assert_int_equal(decode(&outside, "name", "", 0), -1);
	assert_int_equal(decode(&link, "name", "target", 0), 0);
	assert_int_equal(decode(&link, "name", "", 0), -1);
	assert_int_equal(decode(&time, "name", "", 0), -1);
	assert_int_equal(decode(&xattrs, "name", "", 0), -1);
}

static int enter_top(void **state)
{
	(void)state;
	return mkdtemp(top) ? chdir(top) : -1;
}

static int leave_top(void **state)
{
	char command[128];

	(void)state;
	(void)snprintf(command, sizeof(command), "chmod -R u+rwx %s && rm -rf %s", top, top);
	return system(command);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_files),
		cmocka_unit_test(test_names_are_not_taken),
		cmocka_unit_test(test_nothing_is_left),
		cmocka_unit_test(test_interrupted_before),
		cmocka_unit_test(test_hostile_messages),
	};

	return cmocka_run_group_tests(tests, enter_top, leave_top);
}
