#include "tests/unit/images/test.h"

#include <lzma.h>
#include <zlib.h>
#include <zstd.h>

#include "images/decompress.h"
#include "tests/unit/images/make_tar.h"
#include "vmm/base/bytes.h"

static size_t pack_gzip(uint8_t *out, size_t room, const void *data, size_t len)
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

static size_t pack_zstd(uint8_t *out, size_t room, const void *data, size_t len)
{
	ZSTD_CCtx *context = ZSTD_createCCtx();

	assert_non_null(context);
	ZSTD_CCtx_setParameter(context, ZSTD_c_checksumFlag, 1);
	len = ZSTD_compress2(context, out, room, data, len);
	assert_false(ZSTD_isError(len));
	ZSTD_freeCCtx(context);
	return len;
}

static size_t pack_xz(uint8_t *out, size_t room, const void *data, size_t len)
{
	size_t at = 0;

	assert_int_equal(
	    lzma_easy_buffer_encode(1, LZMA_CHECK_CRC64, NULL, data, len, out, &at, room), LZMA_OK);
	return at;
}

static const struct format {
	enum layer_compression compression;
	/* Appends one member, frame or stream to out and returns its length. */
	size_t (*pack)(uint8_t *out, size_t room, const void *data, size_t len);
	size_t padding; /* NULs that may follow */
} formats[] = {
	{ LAYER_GZIP, pack_gzip, 700 },
	{ LAYER_ZSTD, pack_zstd, 0 },
	{ LAYER_XZ, pack_xz, 700 },
};

/* Decompresses all of it. Returns the length, or -1; the text of the error goes to *err. */
static ssize_t unpack(enum layer_compression compression, const void *data, size_t len, size_t step,
		      uint8_t *out, size_t room, struct error *err)
{
	struct stepping_stream source;
	struct decompressor self;
	size_t total = 0;
	int more;

	stepping_stream_init(&source, data, len, step);
	assert_int_equal(decompress_open(&self, compression, &source.stream, NULL), 0);
	while ((more = stream_fill(&self.stream, err)) > 0) {
		size_t take = self.stream.left;

		if (out && total + take <= room)
			memcpy(out + total, self.stream.at, take);
		total += take;
		stream_consume(&self.stream, take);
	}
	decompress_close(&self);
	return more < 0 ? -1 : (ssize_t)total;
}

static void refused(enum layer_compression compression, const void *data, size_t len,
		    const char *why)
{
	struct error err = ERROR_NONE;

	assert_int_equal(unpack(compression, data, len, 4096, NULL, 0, &err), -1);
	if (!strstr(err.text, why))
		fail_msg("\"%s\" does not say \"%s\"", err.text, why);
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

	(void)state;
	fill_text();
	for (const struct format *f = formats; f < formats + ARRAY_SIZE(formats); f++) {
		size_t len = 0;

		for (size_t at = 0; at < sizeof(text); at += 30000)
			len += f->pack(packed + len, sizeof(packed) - len, text + at, 30000);
		memset(packed + len, 0, f->padding);
		assert_int_equal(decompress_sniff(packed, len), f->compression);
		for (size_t i = 0; i < ARRAY_SIZE(steps); i++) {
			memset(back, 0, sizeof(back));
			assert_int_equal(unpack(f->compression, packed, len + f->padding, steps[i],
						back, sizeof(back), NULL),
					 sizeof(text));
			assert_memory_equal(back, text, sizeof(text));
		}
		packed[len + f->padding] = 1;
		refused(f->compression, packed, len + f->padding + 1, "damaged");
		memset(packed + len, 0, f->padding + 1);
		if (f->compression != LAYER_GZIP) /* xz: not a multiple of four */
			refused(f->compression, packed, len + f->padding + 1, "damaged");
	}
}

static void test_every_prefix_and_bit(void **state)
{
	(void)state;
	fill_text();
	for (const struct format *f = formats; f < formats + ARRAY_SIZE(formats); f++) {
		size_t len = f->pack(packed, sizeof(packed), text, 500);

		for (size_t i = 0; i < len; i++)
			refused(f->compression, packed, i, "damaged");
		for (size_t i = 10; i < len; i++) {
			packed[i] ^= 4;
			if (unpack(f->compression, packed, len, 4096, back, sizeof(back), NULL) >=
			    0)
				assert_memory_equal(back, text, 500); /* a bit without meaning */
			packed[i] ^= 4;
		}
	}
}

static void test_limits(void **state)
{
	static uint8_t zeros[1 << 20];
	char name[64];

	(void)state;
	for (const struct format *f = formats; f < formats + ARRAY_SIZE(formats); f++) {
		size_t one = f->pack(packed, sizeof(packed), zeros, sizeof(zeros));
		size_t len;

		for (len = one; len < 64 * one; len += one)
			memcpy(packed + len, packed, one);
		assert_int_equal(unpack(f->compression, packed, len, 4096, NULL, 0, NULL),
				 64 * sizeof(zeros));
		memcpy(packed + len, packed, one);
		(void)snprintf(name, sizeof(name), "the %s data grows more than 200-fold",
			       decompress_name(f->compression));
		refused(f->compression, packed, len + one, name);
		if (f->compression == LAYER_XZ)
			continue;
		one = f->pack(packed, sizeof(packed), "", 0);
		for (len = one; len < DECOMPRESS_EMPTY_MEMBERS_MAX * one; len += one)
			memcpy(packed + len, packed, one);
		assert_int_equal(unpack(f->compression, packed, len, 4096, NULL, 0, NULL), 0);
		memcpy(packed + len, packed, one);
		refused(f->compression, packed, len + one, "empty members");
	}
}

/* What needs more memory than an import may use is refused, however little data it is. */
static void test_memory(void **state)
{
	ZSTD_CCtx *context = ZSTD_createCCtx();
	lzma_options_lzma options;
	const lzma_filter filters[] = { { LZMA_FILTER_LZMA2, &options },
					{ LZMA_VLI_UNKNOWN, NULL } };

	(void)state;
	for (int log = 23; log <= 24; log++) {
		ZSTD_inBuffer in = { text, sizeof(text), 0 };
		ZSTD_outBuffer out = { packed, sizeof(packed), 0 };

		ZSTD_CCtx_reset(context, ZSTD_reset_session_and_parameters);
		ZSTD_CCtx_setParameter(context, ZSTD_c_windowLog, log);
		assert_int_equal(ZSTD_compressStream2(context, &out, &in, ZSTD_e_flush), 0);
		assert_int_equal(ZSTD_compressStream2(context, &out, &in, ZSTD_e_end), 0);
		if (log > 23)
			refused(LAYER_ZSTD, packed, out.pos, "needs a window of more than 8 MiB");
		else
			assert_int_equal(unpack(LAYER_ZSTD, packed, out.pos, 4096, NULL, 0, NULL),
					 sizeof(text));
	}
	ZSTD_freeCCtx(context);
	for (uint32_t preset = 6; preset <= 7; preset++) {
		size_t len = 0;

		lzma_lzma_preset(&options, preset);
		assert_int_equal(lzma_stream_buffer_encode((lzma_filter *)(uintptr_t)filters,
							   LZMA_CHECK_CRC32, NULL, text, 1000,
							   packed, &len, sizeof(packed)),
				 LZMA_OK);
		if (preset > 6)
			refused(LAYER_XZ, packed, len, "needs more than 9 MiB");
		else
			assert_int_equal(unpack(LAYER_XZ, packed, len, 4096, NULL, 0, NULL), 1000);
	}
}

static void test_zstd_frames(void **state)
{
	static const uint8_t skippable[] = { 0x5a, 0x2a, 0x4d, 0x18, 5, 0, 0, 0, 1, 2, 3, 4, 5 };
	static const uint8_t dictionary[] = { 0x28, 0xb5, 0x2f, 0xfd, 0x21, 7, 1, 1, 0, 0, 'x' };
	static const uint8_t before_the_standard[] = { 0x27, 0xb5, 0x2f, 0xfd, 0, 0, 0, 0, 0, 0 };
	size_t len;

	(void)state;
	fill_text();
	memcpy(packed, skippable, sizeof(skippable));
	len = sizeof(skippable);
	len += pack_zstd(packed + len, sizeof(packed) - len, text, 1000);
	memcpy(packed + len, skippable, sizeof(skippable));
	len += sizeof(skippable);
	assert_int_equal(unpack(LAYER_ZSTD, packed, len, 1, back, sizeof(back), NULL), 1000);
	assert_memory_equal(back, text, 1000);
	refused(LAYER_ZSTD, packed, len - 1, "truncated");
	refused(LAYER_ZSTD, dictionary, sizeof(dictionary), "needs a dictionary");
	refused(LAYER_ZSTD, before_the_standard, sizeof(before_the_standard), "a frame begins");
}

/* The last block's output may be larger than a window, with all input taken. */
static void test_output_after_the_input(void **state)
{
	static uint8_t zeros[3 * STREAM_WINDOW_MAX];

	(void)state;
	for (const struct format *f = formats; f < formats + ARRAY_SIZE(formats); f++) {
		size_t len = f->pack(packed, sizeof(packed), zeros, sizeof(zeros));

		assert_int_equal(unpack(f->compression, packed, len, len, NULL, 0, NULL),
				 sizeof(zeros));
	}
}

static void test_plain(void **state)
{
	(void)state;
	fill_text();
	assert_int_equal(unpack(LAYER_PLAIN, text, sizeof(text), 1000, back, sizeof(back), NULL),
			 sizeof(text));
	assert_memory_equal(back, text, sizeof(text));
	assert_int_equal(decompress_sniff(text, sizeof(text)), LAYER_PLAIN);
	assert_int_equal(decompress_sniff("\x1f\x8b", 2), LAYER_PLAIN);
	assert_string_equal(decompress_name(LAYER_PLAIN), "plain");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_members_and_windows),
		cmocka_unit_test(test_every_prefix_and_bit),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_memory),
		cmocka_unit_test(test_zstd_frames),
		cmocka_unit_test(test_output_after_the_input),
		cmocka_unit_test(test_plain),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
