#include "tests/unit/images/test.h"

#include <sys/mman.h>
#include <unistd.h>

#include "images/layer.h"
#include "images/limits.h"
#include "tests/unit/images/make_tar.h"
#include "vmm/base/bytes.h"

struct fixture {
	struct image_builder builder;
	int fd;
};

static void open_builder(struct fixture *fixture)
{
	fixture->fd = memfd_create("image", MFD_CLOEXEC);
	assert_int_equal(image_builder_open(&fixture->builder, fixture->fd, NULL), 0);
}

static void close_builder(struct fixture *fixture)
{
	image_builder_close(&fixture->builder);
	close(fixture->fd);
}

/* Applies a layer, which must work, or fail with a sentence that has this in it. */
static void apply(struct fixture *fixture, struct stream *stream, const char *why)
{
	struct error err = ERROR_NONE;
	int result = image_builder_apply(&fixture->builder, stream, &err);

	assert_int_equal(result, why ? -1 : 0);
	if (why && !strstr(err.text, why))
		fail_msg("\"%s\" does not say \"%s\"", err.text, why);
}

static void apply_tar(struct fixture *fixture, struct made_tar *tar, const char *why)
{
	struct memory_stream stream;

	make_end(tar);
	memory_stream_init(&stream, tar->bytes, tar->len);
	apply(fixture, &stream.stream, why);
	free(tar->bytes);
	*tar = (struct made_tar){ 0 };
}

static void test_data(void **state)
{
	struct fixture fixture;
	struct made_tar tar = { 0 };

	(void)state;
	open_builder(&fixture);
	fixture.builder.data_bytes = IMAGE_DATA_MAX - 2;
	make_entry(&tar, '0', "a", "", "xy", 2);
	apply_tar(&fixture, &tar, NULL);
	make_entry(&tar, '0', "b", "", "x", 1);
	apply_tar(&fixture, &tar, "files have more than 21474836480 bytes");
	close_builder(&fixture);
}

static void test_names(void **state)
{
	struct fixture fixture;
	struct made_tar tar = { 0 };

	(void)state;
	open_builder(&fixture);
	fixture.builder.tree.entries = IMAGE_ENTRIES_MAX - 1;
	make_entry(&tar, '0', "a", "", "", 0);
	make_entry(&tar, '0', "a", "", "", 0);
	apply_tar(&fixture, &tar, NULL);
	make_entry(&tar, '0', "b", "", "", 0);
	apply_tar(&fixture, &tar, "more than 1000000 entries");
	fixture.builder.tree.entries = 1;
	close_builder(&fixture);
}

/* Lends the same blocks for ever. */
static int lend_again(struct stream *stream, struct error *err)
{
	static struct tar_header header;

	(void)err;
	if (header.name[0] == '\0') {
		struct made_tar tar = { 0 };

		make_entry(&tar, '5', "d/", "", NULL, 0);
		memcpy(&header, tar.bytes, sizeof(header));
		free(tar.bytes);
	}
	stream->at = (const uint8_t *)&header;
	stream->left = sizeof(header);
	return 1;
}

static void test_entries_of_a_layer(void **state)
{
	struct fixture fixture;
	struct stream endless = { .fill = lend_again };

	(void)state;
	open_builder(&fixture);
	apply(&fixture, &endless, "a layer has more than 2000000 entries");
	close_builder(&fixture);
}

static void test_memory(void **state)
{
	struct fixture fixture;
	struct made_tar tar = { 0 };
	size_t before;

	(void)state;
	open_builder(&fixture);
	make_entry(&tar, '0', "kept", "", "", 0);
	apply_tar(&fixture, &tar, NULL);
	before = fixture.builder.tree.memory_bytes;
	make_entry(&tar, '5', "d/", "", NULL, 0);
	make_entry(&tar, '2', "d/link", "to somewhere", NULL, 0);
	make_entry(&tar, '1', "d/hard", "kept", NULL, 0);
	make_entry(&tar, '0', "d", "", "", 0);
	make_entry(&tar, '5', "d/", "", NULL, 0);
	apply_tar(&fixture, &tar, NULL);
	assert_true(fixture.builder.tree.memory_bytes > before);
	make_entry(&tar, '0', ".wh.d", "", "", 0);
	apply_tar(&fixture, &tar, NULL);
	assert_int_equal(fixture.builder.tree.memory_bytes, before);

	fixture.builder.xattrs.memory_bytes = IMAGE_MEMORY_BASE;
	apply_tar(&fixture, &tar, NULL);
	make_entry(&tar, '0', "more", "", "", 0);
	apply_tar(&fixture, &tar, NULL);
	fixture.builder.xattrs.memory_bytes = IMAGE_MEMORY_BASE + 3 * IMAGE_MEMORY_ENTRY;
	make_entry(&tar, '0', "more", "", "", 0);
	apply_tar(&fixture, &tar, "need more memory than 6 MiB and 256 bytes an entry");
	close_builder(&fixture);
}

static void check_name(const char *name, const char *why)
{
	char out[IMAGE_PATH_MAX + 1];
	struct error err = ERROR_NONE;

	assert_int_equal(layer_clean_name(out, name, &err), why ? -1 : 0);
	if (why && !strstr(err.text, why))
		fail_msg("\"%s\" does not say \"%s\"", err.text, why);
}

static void test_lengths_of_names(void **state)
{
	char name[IMAGE_PATH_MAX + 2];

	(void)state;
	memset(name, 'n', sizeof(name));
	name[IMAGE_NAME_MAX] = '\0';
	check_name(name, NULL);
	name[IMAGE_NAME_MAX] = 'n';
	name[IMAGE_NAME_MAX + 1] = '\0';
	check_name(name, "longer than 255 bytes");

	for (size_t i = 0; i < IMAGE_PATH_MAX; i++)
		name[i] = i % 200 == 199 ? '/' : 'n';
	name[IMAGE_PATH_MAX] = '\0';
	check_name(name, NULL);
	name[IMAGE_PATH_MAX] = 'n';
	name[IMAGE_PATH_MAX + 1] = '\0';
	check_name(name, "longer than 4095 bytes");

	for (size_t i = 0; i < 2 * IMAGE_DEPTH_MAX + 2; i++)
		name[i] = i % 2 ? '/' : 'n';
	name[2 * IMAGE_DEPTH_MAX] = '\0';
	check_name(name, NULL);
	name[2 * IMAGE_DEPTH_MAX] = 'n';
	name[2 * IMAGE_DEPTH_MAX + 1] = '\0';
	check_name(name, "more than 256 directories deep");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_data),
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_entries_of_a_layer),
		cmocka_unit_test(test_memory),
		cmocka_unit_test(test_lengths_of_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
