/*
 * What the reader finds in an image that our writer made, and that it refuses what a writer that
 * was taken over could have made of it.
 */
#include "tests/unit/images/test.h"

#include <sys/mman.h>
#include <unistd.h>

#include "images/erofs_reader.h"
#include "images/layer.h"
#include "tests/unit/images/make_tar.h"

static const uint8_t uuid[16];

struct image {
	int fd;
	uint64_t len;
};

static struct image build(struct made_tar *layer)
{
	struct image image = { .fd = memfd_create("image", MFD_CLOEXEC) };
	struct image_builder builder;
	struct memory_stream stream;
	struct error err = ERROR_NONE;

	make_end(layer);
	memory_stream_init(&stream, layer->bytes, layer->len);
	if (image_builder_open(&builder, image.fd, &err) < 0 ||
	    image_builder_apply(&builder, &stream.stream, &err) < 0 ||
	    image_builder_finish(&builder, uuid, &image.len, &err) < 0)
		fail_msg("%s", err.text);
	image_builder_close(&builder);
	free(layer->bytes);
	return image;
}

/* One line per visit. */
struct lines {
	struct erofs_reader *reader;
	char text[65536];
	size_t len;
};

static int add_xattr(void *context, const struct erofs_xattr *xattr, struct error *err)
{
	struct lines *lines = context;

	(void)err;
	lines->len +=
	    (size_t)snprintf(lines->text + lines->len, sizeof(lines->text) - lines->len, " %s=%.*s",
			     xattr->name, xattr->value_len, (const char *)xattr->value);
	return 0;
}

static int add_line(void *context, const char *name, const struct erofs_node *node,
		    struct error *err)
{
	struct lines *lines = context;
	char target[IMAGE_PATH_MAX + 1] = "";
	char data[64] = "";

	if (lines->len > sizeof(lines->text) - 8192)
		return 0;
	if (!node) {
		lines->len += (size_t)sprintf(lines->text + lines->len, "end\n");
		return 0;
	}
	if (S_ISLNK(node->mode) && erofs_read_target(lines->reader, node, target, err) < 0)
		return -1;
	if (S_ISREG(node->mode) && node->size_bytes < sizeof(data))
		assert_int_equal(
		    pread(lines->reader->fd, data, (size_t)node->size_bytes, (off_t)node->data),
		    node->size_bytes);
	lines->len += (size_t)snprintf(lines->text + lines->len, sizeof(lines->text) - lines->len,
				       "%s %o %u:%u %ld %s%s", name, node->mode, node->uid,
				       node->gid, (long)node->mtime_s, target, data);
	if (erofs_read_xattrs(lines->reader, node, add_xattr, lines, err) < 0)
		return -1;
	lines->text[lines->len++] = '\n';
	return 0;
}

static int walk(const struct image *image, struct lines *lines, struct error *err)
{
	struct erofs_reader reader;
	int result = erofs_reader_open(&reader, image->fd, image->len, err);

	*lines = (struct lines){ .reader = &reader };
	if (result == 0)
		result = erofs_reader_walk(&reader, add_line, lines, err);
	erofs_reader_close(&reader);
	return result;
}

static struct image small_image(void)
{
	static const char pax[] = "29 SCHILY.xattr.user.a=value\n";
	struct made_tar layer = { 0 };

	make_entry(&layer, '5', "d/", "", NULL, 0);
	make_entry(&layer, 'x', "pax", "", pax, strlen(pax));
	make_entry(&layer, '0', "d/file", "", "hello", 5);
	make_entry(&layer, '1', "hard", "d/file", NULL, 0);
	make_entry(&layer, '2', "link", "to/somewhere", NULL, 0);
	make_entry(&layer, '6', "pipe", "", NULL, 0);
	return build(&layer);
}

static void test_tree(void **state)
{
	struct image image = small_image();
	struct error err = ERROR_NONE;
	struct lines lines;

	(void)state;
	if (walk(&image, &lines, &err) < 0)
		fail_msg("%s", err.text);
	assert_string_equal(lines.text, " 40755 0:0 0 \n"
					"d 40644 0:0 7 \n"
					"file 100644 0:0 7 hello user.a=value\n"
					"end\n"
					"hard 100644 0:0 7 hello user.a=value\n"
					"link 120777 0:0 7 to/somewhere\n"
					"pipe 10644 0:0 7 \n"
					"end\n");
	close(image.fd);
}

static int count(void *context, const char *name, const struct erofs_node *node, struct error *err)
{
	uint32_t *names = context;

	(void)err;
	if (node && name[0])
		names[0]++;
	return 0;
}

/* Directories of one and of many blocks, whose ends fall anywhere. */
static void test_many_names(void **state)
{
	static const uint32_t counts[] = { 1, 100, 120, 136, 3000 };

	(void)state;
	for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
		struct made_tar layer = { 0 };
		struct erofs_reader reader;
		struct error err = ERROR_NONE;
		struct image image;
		uint32_t names = 0;
		char name[300];

		for (uint32_t n = 0; n < counts[i]; n++) {
			(void)snprintf(name, sizeof(name), "%.*u", (int)(1 + n % 90), n);
			make_entry(&layer, '0', name, "", NULL, 0);
		}
		image = build(&layer);
		if (erofs_reader_open(&reader, image.fd, image.len, &err) < 0 ||
		    erofs_reader_walk(&reader, count, &names, &err) < 0)
			fail_msg("%s", err.text);
		assert_true(names > 0 && names <= counts[i]);
		erofs_reader_close(&reader);
		close(image.fd);
	}
}

/* Any byte of the metadata may be wrong: the walk ends, and reads nothing outside. */
static void test_any_wrong_byte(void **state)
{
	static const uint8_t values[] = { 0x00, 0x01, 0x7f, 0xff };
	struct image image = small_image();
	struct lines lines;

	(void)state;
	for (uint64_t at = 1024; at < image.len; at++) {
		uint8_t good;

		if (at == 1024 + 128)
			at = 4096;
		assert_int_equal(pread(image.fd, &good, 1, (off_t)at), 1);
		for (size_t i = 0; i < sizeof(values); i++) {
			struct error err = ERROR_NONE;

			assert_int_equal(pwrite(image.fd, &values[i], 1, (off_t)at), 1);
			if (walk(&image, &lines, &err) < 0)
				assert_non_null(strstr(err.text, "damaged"));
		}
		assert_int_equal(pwrite(image.fd, &good, 1, (off_t)at), 1);
	}
	close(image.fd);
}

/* Replaces the inode of a name's node; returns its offset. */
static uint64_t inode_of(const struct image *image, uint32_t mode, struct erofs_inode *out)
{
	for (uint64_t at = 4096; at + sizeof(*out) <= image->len; at += EROFS_SLOT) {
		assert_int_equal(pread(image->fd, out, sizeof(*out), (off_t)at), sizeof(*out));
		if (le16_get(out->format) && le16_get(out->format) < 8 &&
		    le16_get(out->mode) == mode && le32_get(out->links))
			return at;
	}
	fail_msg("no inode of this mode");
	return 0;
}

static void refuse(uint32_t mode, void (*change)(struct erofs_inode *), const char *why)
{
	struct image image = small_image();
	struct error err = ERROR_NONE;
	struct erofs_inode inode;
	struct lines lines;
	uint64_t at = inode_of(&image, mode, &inode);

	change(&inode);
	assert_int_equal(pwrite(image.fd, &inode, sizeof(inode), (off_t)at), sizeof(inode));
	assert_int_equal(walk(&image, &lines, &err), -1);
	if (!strstr(err.text, why))
		fail_msg("%s", err.text);
	close(image.fd);
}

static void far_away(struct erofs_inode *inode)
{
	inode->where = le32_make(0xfffffff0);
}
static void huge(struct erofs_inode *inode)
{
	inode->size_bytes = le64_make(UINT64_MAX);
}
static void wrong_kind(struct erofs_inode *inode)
{
	inode->mode = le16_make(0140644);
}
static void other_kind(struct erofs_inode *inode)
{
	inode->mode = le16_make(0010644);
	inode->size_bytes = le64_make(0);
}
static void wrong_format(struct erofs_inode *inode)
{
	inode->format = le16_make(3);
}
static void wrong_time(struct erofs_inode *inode)
{
	inode->mtime_ns = le32_make(1000000000);
}
static void empty(struct erofs_inode *inode)
{
	inode->size_bytes = le64_make(0);
}
static void many_xattrs(struct erofs_inode *inode)
{
	inode->xattr_count = le16_make(0xffff);
}

static void test_hostile_inodes(void **state)
{
	(void)state;
	refuse(0100644, far_away, "contents outside");
	refuse(0100644, huge, "contents outside");
	refuse(0100644, wrong_kind, "unknown kind");
	refuse(0100644, other_kind, "another kind");
	refuse(0100644, wrong_format, "another format");
	refuse(0100644, wrong_time, "a time");
	refuse(0100644, many_xattrs, "extended attributes");
	refuse(0120777, empty, "target");
	refuse(0120777, huge, "target");
	refuse(0040644, empty, "without itself");
	refuse(0040644, huge, "damaged");
}

/* A directory that is found below itself. */
static void test_circle(void **state)
{
	struct image image = small_image();
	struct error err = ERROR_NONE;
	struct erofs_reader reader;
	struct lines lines;
	uint8_t bytes[4096];
	uint64_t root;

	(void)state;
	assert_int_equal(erofs_reader_open(&reader, image.fd, image.len, &err), 0);
	root = reader.meta + reader.root_nid * EROFS_SLOT;
	assert_int_equal(pread(image.fd, bytes, sizeof(bytes), (off_t)(root / 4096 * 4096)), 4096);
	for (size_t at = root % 4096 + sizeof(struct erofs_inode); at + 12 < 4096; at += 12) {
		struct erofs_dirent dirent;

		memcpy(&dirent, bytes + at, sizeof(dirent));
		if (dirent.type != EROFS_TYPE_DIRECTORY ||
		    le32_get(dirent.nid_low) == reader.root_nid)
			continue;
		dirent.nid_low = le32_make((uint32_t)reader.root_nid);
		assert_int_equal(
		    pwrite(image.fd, &dirent, sizeof(dirent), (off_t)(root / 4096 * 4096 + at)),
		    sizeof(dirent));
		break;
	}
	erofs_reader_close(&reader);
	assert_int_equal(walk(&image, &lines, &err), -1);
	if (!strstr(err.text, "in two places") && !strstr(err.text, "too deep"))
		fail_msg("%s", err.text);
	close(image.fd);
}

static void test_no_image(void **state)
{
	struct image image = { .fd = memfd_create("image", MFD_CLOEXEC), .len = 8192 };
	struct error err = ERROR_NONE;
	struct lines lines;

	(void)state;
	assert_int_equal(walk(&image, &lines, &err), -1);
	assert_int_equal(ftruncate(image.fd, 8192), 0);
	assert_int_equal(walk(&image, &lines, &err), -1);
	image.len = 100;
	assert_int_equal(walk(&image, &lines, &err), -1);
	close(image.fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_tree),	       cmocka_unit_test(test_many_names),
		cmocka_unit_test(test_any_wrong_byte), cmocka_unit_test(test_hostile_inodes),
		cmocka_unit_test(test_circle),	       cmocka_unit_test(test_no_image),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
