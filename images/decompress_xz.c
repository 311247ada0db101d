/*
 * xz by liblzma, stream by stream with their padding. The only file that includes liblzma.
 *
 * A stream whose kind of check the library cannot verify is refused; one without a check is not:
 * the digest of the layer covers it.
 */
#include <stdlib.h>

#include <lzma.h>

#include "images/decompress_internal.h"

static void *xz_open(void)
{
	lzma_stream *z = calloc(1, sizeof(*z));

	if (!z || lzma_stream_decoder(z, DECOMPRESS_XZ_MEMORY_MAX,
				      LZMA_CONCATENATED | LZMA_TELL_UNSUPPORTED_CHECK) != LZMA_OK) {
		free(z);
		return NULL;
	}
	return z;
}

static void xz_close(void *state)
{
	lzma_end(state);
	free(state);
}

static int refuse_code(lzma_ret code, bool at_end, struct error *err)
{
	if (code == LZMA_MEMLIMIT_ERROR)
		return error_set(err, 0,
				 "the xz data needs more than %d MiB to decompress, which is "
				 "the limit (xz -6 stays below it, -7 does not)",
				 DECOMPRESS_XZ_MEMORY_MAX >> 20);
	if (code == LZMA_MEM_ERROR)
		return error_set(err, 0, "no memory to decompress xz data");
	if (code == LZMA_FORMAT_ERROR)
		return decoder_refuse(&decoder_xz, "something else stands where a stream begins",
				      err);
	if (code == LZMA_OPTIONS_ERROR)
		return decoder_refuse(&decoder_xz, "it has options that liblzma does not know",
				      err);
	if (code == LZMA_UNSUPPORTED_CHECK)
		return decoder_refuse(&decoder_xz, "its kind of check cannot be verified", err);
	return decoder_refuse(&decoder_xz, at_end ? "it is truncated" : "liblzma cannot go on",
			      err);
}

static int xz_decode(void *state, struct decoder_step *step, struct error *err)
{
	lzma_stream *z = state;
	bool at_end = step->in_len == 0;
	lzma_ret code;

	z->next_in = step->in;
	z->avail_in = step->in_len;
	z->next_out = step->out;
	z->avail_out = step->out_len;
	code = lzma_code(z, at_end ? LZMA_FINISH : LZMA_RUN);
	step->used = step->in_len - z->avail_in;
	step->made = step->out_len - z->avail_out;
	if (code == LZMA_STREAM_END)
		return 0;
	if (code != LZMA_OK)
		return refuse_code(code, at_end, err);
	return 1;
}

const struct decoder decoder_xz = {
	.name = "xz", .open = xz_open, .close = xz_close, .decode = xz_decode
};
