/*
 * The decompressors, chosen by the magic at the front, with two sizes of windows; gzip also against
 * zlib's own reading of the first member.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include <zlib.h>

#include "images/decompress.h"
#include "tests/unit/images/make_tar.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { OUT_MAX = 1 << 20 };

static uint8_t first[OUT_MAX], second[OUT_MAX];

/* Returns whether the end was reached; *len is how much came, cut at OUT_MAX. */
static int decompress_all(enum layer_compression compression, const uint8_t *data, size_t size,
			  size_t step, uint8_t *out, size_t *len)
{
	struct stepping_stream source;
	struct decompressor back;
	int more;

	*len = 0;
	stepping_stream_init(&source, data, size, step);
	if (decompress_open(&back, compression, &source.stream, NULL) < 0)
		abort();
	while ((more = stream_fill(&back.stream, NULL)) > 0 && *len < OUT_MAX) {
		size_t take = back.stream.left < OUT_MAX - *len ? back.stream.left : OUT_MAX - *len;

		memcpy(out + *len, back.stream.at, take);
		*len += take;
		stream_consume(&back.stream, back.stream.left);
	}
	decompress_close(&back);
	return more == 0;
}

static void compare_with_zlib(const uint8_t *data, size_t size, const uint8_t *out, size_t len)
{
	z_stream z = { 0 };
	uint8_t *member = malloc(OUT_MAX);

	if (!member || inflateInit2(&z, 15 + 16) != Z_OK)
		abort();
	z.next_in = (Bytef *)(uintptr_t)data;
	z.avail_in = (uInt)size;
	z.next_out = member;
	z.avail_out = OUT_MAX;
	assert(inflate(&z, Z_FINISH) == Z_STREAM_END || z.avail_out == 0);
	assert(len >= z.total_out && !memcmp(member, out, z.total_out));
	inflateEnd(&z);
	free(member);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	enum layer_compression compression = decompress_sniff(data, size);
	size_t first_len, second_len;
	int whole, parts;

	if (compression == LAYER_PLAIN)
		compression = (enum layer_compression)(LAYER_PLAIN + size % 4);
	whole = decompress_all(compression, data, size, size + 1, first, &first_len);
	parts = decompress_all(compression, data, size, 1 + size % 97, second, &second_len);
	assert(whole == parts);
	if (whole) {
		assert(first_len == second_len && !memcmp(first, second, first_len));
		if (compression == LAYER_GZIP)
			compare_with_zlib(data, size, first, first_len);
	}
	return 0;
}
