#include "tests/unit/images/test.h"

#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "images/digest.h"
#include "images/layer.h"
#include "tests/unit/images/erofs_check.h"
#include "tests/unit/images/make_tar.h"
#include "vmm/base/bytes.h"

static const uint8_t uuid[16] = { 1, 2, 3 };

struct made_image {
	struct image_builder builder;
	uint8_t *bytes;
	uint64_t len;
};

/* Builds an image of layers, checks it against its tree, and keeps both. */
static struct made_image build(struct made_tar *layers, size_t count)
{
	struct made_image image = { 0 };
	int fd = memfd_create("image", MFD_CLOEXEC);
	struct error err = ERROR_NONE;
	struct stat st;
	const char *why;

	assert_int_equal(image_builder_open(&image.builder, fd, &err), 0);
	for (size_t i = 0; i < count; i++) {
		struct memory_stream stream;

		make_end(&layers[i]);
		memory_stream_init(&stream, layers[i].bytes, layers[i].len);
		if (image_builder_apply(&image.builder, &stream.stream, &err) < 0)
			fail_msg("%s", err.text);
		free(layers[i].bytes);
	}
	if (image_builder_finish(&image.builder, uuid, &image.len, &err) < 0)
		fail_msg("%s", err.text);
	assert_int_equal(fstat(fd, &st), 0);
	assert_int_equal(st.st_size, image.len);
	image.bytes = mmap(NULL, image.len, PROT_READ, MAP_SHARED, fd, 0);
	assert_ptr_not_equal(image.bytes, MAP_FAILED);
	close(fd);
	why = erofs_check(image.bytes, image.len, &image.builder.tree);
	if (why)
		fail_msg("%s is wrong", why);
	return image;
}

static void release(struct made_image *image)
{
	image_builder_close(&image->builder);
	munmap(image->bytes, image->len);
}

static struct tree_node *find(const struct made_image *image, const char *name)
{
	struct tree_entry *entry = tree_lookup(image->builder.tree.root, name, strlen(name));

	assert_non_null(entry);
	return entry->node;
}

static void test_empty(void **state)
{
	struct made_image image = build(NULL, 0);

	(void)state;
	assert_int_equal(image.len, 2 * 4096);
	release(&image);
}

/* Directories whose contents end just before, at and after a block's end, inline or not. */
static void test_directory_sizes(void **state)
{
	(void)state;
	for (size_t last = 1; last < 200; last++) {
		struct made_tar layer = { 0 };
		struct made_image image;
		char name[256];

		for (size_t i = 0; i < 38; i++) {
			memset(name, 'a', 90);
			(void)snprintf(name + 90, 10, "%02zu", i);
			make_entry(&layer, '0', name, "", NULL, 0);
		}
		memset(name, '!', last);
		name[last < 99 ? last : 99] = '\0';
		make_entry(&layer, '0', name, "", NULL, 0);
		image = build(&layer, 1);
		release(&image);
	}
}

/* Links of every length around the ends of blocks, with and without attributes in the way. */
static void test_inline_places(void **state)
{
	struct made_tar layer = { 0 };
	struct made_image image;
	char target[4096];
	char name[16];

	(void)state;
	for (size_t i = 0; i < 400; i++) {
		size_t len = 1 + i * 613 % 4095;
		char record[512];
		int record_len;

		memset(target, 't', len);
		if (i % 3 == 0) {
			size_t value = i % 70 + 20;

			record_len =
			    snprintf(record, sizeof(record), "%zu SCHILY.xattr.user.%c=%0*zu\n",
				     value + 24, (char)('a' + i % 26), (int)value, i);
			if (value + 24 > 99)
				record[0] = '\0';
			else if ((size_t)record_len == value + 24)
				make_entry(&layer, 'x', "pax", "", record, (size_t)record_len);
			make_entry(&layer, '2', "x", "y", NULL, 0);
			continue;
		}
		(void)snprintf(name, sizeof(name), "%zu", i);
		make_entry(&layer, 'K', "long", "", target, len);
		make_entry(&layer, '2', name, "", NULL, 0);
	}
	image = build(&layer, 1);
	release(&image);
}

static void test_many_names(void **state)
{
	struct made_tar layer = { 0 };
	struct made_image image;
	char name[64];

	(void)state;
	for (unsigned i = 0; i < 20000; i++) {
		(void)snprintf(name, sizeof(name), "d/%u-%u", i * 2654435761u, i);
		make_entry(&layer, '0', name, "", NULL, 0);
	}
	image = build(&layer, 1);
	assert_int_equal(find(&image, "d")->directory->count, 20000);
	release(&image);
}

/* File data lies where the inode says, after replaced files too, whose place reads as zeros. */
static void test_data_and_dead_data(void **state)
{
	struct made_tar layers[2] = { { 0 }, { 0 } };
	struct made_image image;
	struct tree_node *node;
	uint32_t dead;
	char data[9000];

	(void)state;
	memset(data, '1', sizeof(data));
	make_entry(&layers[0], '0', "old", "", data, sizeof(data));
	make_entry(&layers[0], '0', "kept", "", data, 5000);
	make_entry(&layers[0], '1', "other", "kept", NULL, 0);
	memset(data, '2', sizeof(data));
	make_entry(&layers[1], '0', "old", "", data, 4096);
	make_entry(&layers[1], '0', ".wh.kept", "", NULL, 0);
	image = build(layers, 2);
	node = find(&image, "old");
	assert_int_equal(node->size_bytes, 4096);
	assert_memory_equal(image.bytes + node->block * 4096, data, 4096);
	node = find(&image, "other");
	assert_int_equal(node->links, 1);
	memset(data, '1', sizeof(data));
	assert_memory_equal(image.bytes + node->block * 4096, data, 5000);
	dead = 1;
	memset(data, 0, sizeof(data));
	assert_memory_equal(image.bytes + dead * 4096, data, 9000);
	release(&image);
}

/* More replaced files than are remembered: all of them read as zeros, what was kept does not. */
static void test_many_dead_files(void **state)
{
	enum { FILES = 70000 };
	struct erofs_writer writer;
	struct tree tree;
	int fd = memfd_create("image", MFD_CLOEXEC);
	uint64_t len_bytes;
	uint8_t *bytes;

	(void)state;
	assert_int_equal(tree_init(&tree, NULL), 0);
	assert_int_equal(erofs_open(&writer, fd, NULL), 0);
	for (uint32_t i = 1; i <= FILES; i++) {
		assert_int_equal(erofs_data_begin(&writer), i);
		assert_int_equal(erofs_data_write(&writer, "x", 1, NULL), 0);
		assert_int_equal(erofs_data_end(&writer, NULL), 0);
		if (i % 1000)
			assert_int_equal(erofs_data_discard(&writer, i, 1, NULL), 0);
	}
	assert_int_equal(erofs_finish(&writer, &tree, uuid, &len_bytes, NULL), 0);
	bytes = mmap(NULL, len_bytes, PROT_READ, MAP_SHARED, fd, 0);
	assert_ptr_not_equal(bytes, MAP_FAILED);
	for (uint64_t i = 1; i <= FILES; i++)
		assert_int_equal(bytes[i * 4096], i % 1000 ? 0 : 'x');
	munmap(bytes, len_bytes);
	close(fd);
	erofs_close(&writer);
	tree_free(&tree);
}

/* A sparse file of 5 GiB costs no disk, and its data is where it belongs. */
static void test_large_file(void **state)
{
	static const char records[] = "22 GNU.sparse.major=1\n22 GNU.sparse.minor=0\n"
				      "23 GNU.sparse.name=big\n34 GNU.sparse.realsize=5368709120\n";
	struct made_tar layer = { 0 };
	struct made_image image;
	struct tree_node *node;
	char data[1024] = "1\n5368708608\n512\n";

	(void)state;
	memset(data + 512, 'e', 512);
	make_entry(&layer, 'x', "pax", "", records, strlen(records));
	make_entry(&layer, '0', "GNUSparseFile.0/big", "", data, sizeof(data));
	make_entry(&layer, '0', "after", "", "x", 1);
	image = build(&layer, 1);
	node = find(&image, "big");
	assert_true(node->size_bytes == 5 * GIB && image.len > 5 * GIB);
	assert_memory_equal(image.bytes + node->block * 4096 + node->size_bytes - 512, data + 512,
			    512);
	assert_int_equal(image.bytes[node->block * 4096], 0);
	assert_int_equal(image.bytes[(uint64_t)find(&image, "after")->block * 4096], 'x');
	release(&image);
}

/* The bytes of an image are part of the interface: the store's names stand for them. */
static void test_golden(void **state)
{
	static const char expected[] = "sha256:d4de5f29fdd8c5e86d0ed6bb1df535c4"
				       "d2f55b23d4cd06bcac10fba86ec636a4";
	struct made_tar layers[2] = { { 0 }, { 0 } };
	struct made_image image;
	char text[DIGEST_TEXT_SIZE];
	struct digest digest;

	(void)state;
	make_entry(&layers[0], '5', "usr/", "", NULL, 0);
	make_entry(&layers[0], '2', "bin", "usr", NULL, 0);
	make_entry(&layers[0], 'x', "pax", "", "25 SCHILY.xattr.user.a=b\n", 25);
	make_entry(&layers[0], '0', "bin/true", "", "#!", 2);
	make_entry(&layers[0], '6', "fifo", "", NULL, 0);
	make_entry(&layers[1], '1', "usr/link", "usr/true", NULL, 0);
	make_entry(&layers[1], '0', ".wh.fifo", "", NULL, 0);
	image = build(layers, 2);
	assert_int_equal(digest_compute(&digest, DIGEST_SHA256, image.bytes, image.len, NULL), 0);
	digest_format(&digest, text);
	assert_string_equal(text, expected);
	release(&image);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_empty),
		cmocka_unit_test(test_directory_sizes),
		cmocka_unit_test(test_inline_places),
		cmocka_unit_test(test_many_names),
		cmocka_unit_test(test_large_file),
		cmocka_unit_test(test_golden),
		cmocka_unit_test(test_data_and_dead_data),
		cmocka_unit_test(test_many_dead_files),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
