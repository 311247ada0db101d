#include "tests/unit/images/test.h"

#include <zlib.h>

#include "images/decompress.h"
#include "tests/unit/images/make_tar.h"
#include "vmm/base/bytes.h"

/* Appends one gzip member to out and returns its length. */
static size_t pack(uint8_t *out, size_t room, const void *data, size_t len)
{
	z_stream z = { 0 };

	assert_int_equal(deflateInit2(&z, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
	z.next_in = (Bytef *)(uintptr_t)data;
	z.avail_in = (uInt)len;
	z.next_out = out;
	z.avail_out = (uInt)room;
	assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
	len = room - z.avail_out;
	deflateEnd(&z);
	return len;
}

/* Inflates all of it. Returns the length, or -1; the text of the error goes to *err. */
static ssize_t unpack(const void *data, size_t len, size_t step, uint8_t *out, size_t room,
		      struct error *err)
{
	struct stepping_stream source;
	struct gzip_stream gzip;
	size_t total = 0;
	int more;

	stepping_stream_init(&source, data, len, step);
	assert_int_equal(gzip_stream_init(&gzip, &source.stream, NULL), 0);
	while ((more = stream_fill(&gzip.stream, err)) > 0) {
		size_t take = gzip.stream.left;

		if (out && total + take <= room)
			memcpy(out + total, gzip.stream.at, take);
		total += take;
		stream_consume(&gzip.stream, take);
	}
	gzip_stream_free(&gzip);
	return more < 0 ? -1 : (ssize_t)total;
}

static uint8_t text[300000];
static uint8_t packed[400000];
static uint8_t back[300000];

static void fill_text(void)
{
	uint32_t x = 1;

	for (size_t i = 0; i < sizeof(text); i++) {
		x = x * 1664525 + 1013904223;
		text[i] = (uint8_t)(x >> 28);
	}
}

static void test_members_and_windows(void **state)
{
	static const size_t steps[] = { 1, 100, 4096, 1000000 };
	size_t len = 0;

	(void)state;
	fill_text();
	for (size_t at = 0; at < sizeof(text); at += 30000)
		len += pack(packed + len, sizeof(packed) - len, text + at, 30000);
	memset(packed + len, 0, 700);
	for (size_t i = 0; i < ARRAY_SIZE(steps); i++) {
		assert_int_equal(unpack(packed, len + 700, steps[i], back, sizeof(back), NULL),
				 sizeof(text));
		assert_memory_equal(back, text, sizeof(text));
	}
	packed[len + 699] = 1;
	assert_int_equal(unpack(packed, len + 700, 4096, NULL, 0, NULL), -1);
}

static void test_every_prefix_and_bit(void **state)
{
	struct error err = ERROR_NONE;
	size_t len;

	(void)state;
	fill_text();
	len = pack(packed, sizeof(packed), text, 500);
	for (size_t i = 0; i < len; i++)
		assert_int_equal(unpack(packed, i, 4096, NULL, 0, &err), -1);
	for (size_t i = 10; i < len; i++) {
		packed[i] ^= 4;
		assert_int_equal(unpack(packed, len, 4096, NULL, 0, &err), -1);
		packed[i] ^= 4;
	}
	assert_non_null(strstr(err.text, "damaged"));
	assert_int_equal(unpack(packed, 0, 1, NULL, 0, NULL), -1);
}

static void test_limits(void **state)
{
	static uint8_t zeros[1 << 20];
	struct error err = ERROR_NONE;
	size_t one, len = 0;

	(void)state;
	one = pack(packed, sizeof(packed), "", 0);
	for (len = one; len < GZIP_EMPTY_MEMBERS_MAX * one; len += one)
		memcpy(packed + len, packed, one);
	assert_int_equal(unpack(packed, len, 4096, NULL, 0, NULL), 0);
	memcpy(packed + len, packed, one);
	assert_int_equal(unpack(packed, len + one, 4096, NULL, 0, &err), -1);
	assert_non_null(strstr(err.text, "empty members"));

	one = pack(packed, sizeof(packed), zeros, sizeof(zeros));
	for (len = one; len < 64 * one; len += one)
		memcpy(packed + len, packed, one);
	assert_int_equal(unpack(packed, len, 4096, NULL, 0, NULL), 64 * sizeof(zeros));
	memcpy(packed + len, packed, one);
	assert_int_equal(unpack(packed, len + one, 4096, NULL, 0, &err), -1);
	assert_non_null(strstr(err.text, "bomb"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_members_and_windows),
		cmocka_unit_test(test_every_prefix_and_bit),
		cmocka_unit_test(test_limits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
