#include "tests/unit/images/test.h"

#include "images/tar.h"
#include "tests/unit/images/make_tar.h"
#include "vmm/base/bytes.h"

static int number(const char *text, size_t len, uint64_t max, uint64_t *out)
{
	return tar_number(text, len, "test", max, out, NULL);
}

static void test_numbers(void **state)
{
	uint64_t value;

	(void)state;
	assert_int_equal(number("0000644\0", 8, UINT64_MAX, &value), 0);
	assert_int_equal(value, 0644);
	assert_int_equal(number(" 644   \0", 8, UINT64_MAX, &value), 0);
	assert_int_equal(value, 0644);
	assert_int_equal(number("77777777", 8, UINT64_MAX, &value), 0);
	assert_int_equal(value, 077777777);
	assert_int_equal(number("        ", 8, UINT64_MAX, &value), 0);
	assert_int_equal(value, 0);
	assert_int_equal(number("64 4   \0", 8, UINT64_MAX, &value), -1);
	assert_int_equal(number("0000008\0", 8, UINT64_MAX, &value), -1);
	assert_int_equal(number("-000001\0", 8, UINT64_MAX, &value), -1);
	assert_int_equal(number("0000644\0", 8, 0643, &value), -1);
	assert_int_equal(number("777777777777777777777777", 24, UINT64_MAX, &value), -1);
	assert_int_equal(number("\x80\0\0\0\0\0\x01\x02", 8, UINT64_MAX, &value), 0);
	assert_int_equal(value, 0x102);
	assert_int_equal(
	    number("\x80\0\0\0\x7f\xff\xff\xff\xff\xff\xff\xff", 12, UINT64_MAX, &value), 0);
	assert_int_equal(value, INT64_MAX);
	assert_int_equal(number("\x80\0\0\0\x80\0\0\0\0\0\0\0", 12, UINT64_MAX, &value), -1);
	assert_int_equal(number("\x80\0\0\1\0\0\0\0\0\0\0\0", 12, UINT64_MAX, &value), -1);
	assert_int_equal(number("\xff\xff\xff\xff\xff\xff\xff\xff", 8, UINT64_MAX, &value), -1);
}

static void test_times(void **state)
{
	(void)state;
	assert_int_equal(tar_time("00000000007\0", 12), 7);
	assert_int_equal(tar_time("\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xfe", 12), -2);
	assert_int_equal(tar_time("\xff\xff\xff\xff\x80\0\0\0\0\0\0\0", 12), INT64_MIN);
	assert_int_equal(tar_time("\xff\xff\xff\xff\x7f\0\0\0\0\0\0\0", 12), 0);
	assert_int_equal(tar_time("nonsense\0\0\0\0", 12), 0);
}

static struct made_tar sample(void)
{
	struct made_tar tar = { 0 };
	char data[1500];

	memset(data, 'd', sizeof(data));
	make_entry(&tar, '5', "dir/", "", NULL, 0);
	make_entry(&tar, 'x', "pax", "", "25 SCHILY.xattr.user.a=b\n15 mtime=-5.25\n", 40);
	make_entry(&tar, '0', "dir/file", "", data, sizeof(data));
	make_entry(&tar, 'L', "././@LongLink", "", "a-long-name", 12);
	make_entry(&tar, 'K', "././@LongLink", "", "a-long-target", 13);
	make_entry(&tar, '2', "short", "short", NULL, 0);
	make_entry(&tar, '1', "hard", "dir/file", NULL, 0);
	make_entry(&tar, '3', "dev", "", NULL, 0);
	memcpy(last_header(&tar)->dev_major, "0000005", 8);
	fix_checksum(last_header(&tar));
	make_end(&tar);
	return tar;
}

/* Whatever the windows that the source lends, the entries are the same. */
static void test_any_window(void **state)
{
	static const size_t steps[] = { 1, 7, 511, 512, 513, 100000 };
	struct made_tar made = sample();

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(steps); i++) {
		struct stepping_stream stream;
		struct error err = ERROR_NONE;
		struct tar_entry entry;
		const uint8_t *data;
		size_t len, total = 0;
		uint64_t offset;
		struct tar *tar;

		stepping_stream_init(&stream, made.bytes, made.len, steps[i]);
		assert_int_equal(tar_open(&tar, &stream.stream, &err), 0);
		assert_int_equal(tar_next(tar, &entry, &err), 1);
		assert_string_equal(entry.name, "dir/");
		assert_int_equal(entry.type, TAR_DIRECTORY);
		assert_int_equal(tar_next(tar, &entry, &err), 1);
		assert_string_equal(entry.name, "dir/file");
		assert_int_equal(entry.size_bytes, 1500);
		assert_int_equal(entry.mtime_s, -6);
		assert_int_equal(entry.mtime_ns, 750000000);
		assert_int_equal(entry.xattr_count, 1);
		assert_int_equal(entry.xattrs[0].value_len, 1);
		while (tar_data(tar, &data, &len, &offset, &err) > 0) {
			assert_int_equal(offset, total);
			assert_int_equal(data[len - 1], 'd');
			total += len;
		}
		assert_int_equal(total, 1500);
		assert_int_equal(tar_next(tar, &entry, &err), 1);
		assert_string_equal(entry.name, "a-long-name");
		assert_string_equal(entry.link, "a-long-target");
		assert_int_equal(entry.type, TAR_SYMLINK);
		assert_int_equal(tar_next(tar, &entry, &err), 1);
		assert_int_equal(entry.type, TAR_HARDLINK);
		assert_int_equal(tar_next(tar, &entry, &err), 1);
		assert_int_equal(entry.type, TAR_CHAR_DEVICE);
		assert_int_equal(entry.dev_major, 5);
		assert_int_equal(tar_next(tar, &entry, &err), 0);
		assert_int_equal(tar_next(tar, &entry, &err), 0);
		tar_close(tar);
	}
	free(made.bytes);
}

static int read_all(const void *bytes, size_t len)
{
	struct memory_stream stream;
	struct tar_entry entry;
	struct tar *tar;
	int more;

	memory_stream_init(&stream, bytes, len);
	assert_int_equal(tar_open(&tar, &stream.stream, NULL), 0);
	while ((more = tar_next(tar, &entry, NULL)) > 0)
		;
	tar_close(tar);
	return more;
}

/*
 * Cut anywhere but between entries, right behind the data of a file and in the zeros at its end, an
 * archive is refused.
 */
static void test_every_prefix(void **state)
{
	static const size_t data_end = 4 * TAR_BLOCK + 1500; /* of dir/file, in the sample */
	struct made_tar made = sample();

	(void)state;
	for (size_t len = 0; len < made.len; len++) {
		uint8_t *copy = malloc(len ? len : 1);

		memcpy(copy, made.bytes, len);
		if (read_all(copy, len) == 0)
			assert_true(len % TAR_BLOCK == 0 || len == data_end ||
				    len > made.len - TAR_BLOCK);
		free(copy);
	}
	free(made.bytes);
}

/* Every byte of a header is covered by its checksum. */
static void test_every_header_byte(void **state)
{
	struct made_tar made = { 0 };

	(void)state;
	make_entry(&made, '0', "file", "", "x", 1);
	make_end(&made);
	assert_int_equal(read_all(made.bytes, made.len), 0);
	for (size_t i = 0; i < TAR_BLOCK; i++) {
		if (i == 155) /* after the checksum's NUL: a space or anything */
			continue;
		made.bytes[i] ^= 1;
		assert_int_equal(read_all(made.bytes, made.len), -1);
		made.bytes[i] ^= 1;
	}
	free(made.bytes);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_numbers),		  cmocka_unit_test(test_times),
		cmocka_unit_test(test_any_window),	  cmocka_unit_test(test_every_prefix),
		cmocka_unit_test(test_every_header_byte),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
