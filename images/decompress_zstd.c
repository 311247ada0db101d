/*
 * Zstandard by libzstd, frame by frame. The only file that includes libzstd.
 *
 * The magic of each frame is checked here, because the library may also know the formats that came
 * before the standard. Skippable frames are skipped; frames that need a dictionary are refused.
 */
#include <stdlib.h>
#include <string.h>

#include <zstd.h>
#include <zstd_errors.h>

#include "images/decompress_internal.h"
#include "vmm/base/bytes.h"

struct zstd {
	ZSTD_DStream *z;
	uint8_t magic[4];
	size_t magic_len; /* bytes of the frame's magic that came; 0 between frames */
	bool magic_fed;
};

static void *zstd_open(void)
{
	struct zstd *self = calloc(1, sizeof(*self));

	if (!self)
		return NULL;
	self->z = ZSTD_createDStream();
	if (!self->z || ZSTD_isError(ZSTD_DCtx_setParameter(self->z, ZSTD_d_windowLogMax,
							    DECOMPRESS_ZSTD_WINDOW_LOG_MAX))) {
		ZSTD_freeDStream(self->z);
		free(self);
		return NULL;
	}
	return self;
}

static void zstd_close(void *state)
{
	struct zstd *self = state;

	ZSTD_freeDStream(self->z);
	free(self);
}

static int refuse_code(size_t code, struct error *err)
{
	ZSTD_ErrorCode error = ZSTD_getErrorCode(code);

	if (error == ZSTD_error_frameParameter_windowTooLarge)
		return error_set(err, 0,
				 "the zstd data needs a window of more than %d MiB, "
				 "which is the limit (zstd -19 stays below it, --ultra and "
				 "--long do not)",
				 1 << (DECOMPRESS_ZSTD_WINDOW_LOG_MAX - 20));
	if (error == ZSTD_error_dictionary_wrong)
		return error_set(err, 0, "the zstd data needs a dictionary, which no layer has");
	return decoder_refuse(&decoder_zstd, ZSTD_getErrorName(code), err);
}

/* Takes what there is of the four bytes that begin a frame; feeds them when they are complete. */
static int begin_frame(struct zstd *self, struct decoder_step *step, struct error *err)
{
	ZSTD_inBuffer in = { .src = self->magic, .size = sizeof(self->magic) };
	ZSTD_outBuffer out = { .dst = step->out, .size = 0 };
	uint32_t magic;
	le32 raw;
	size_t code;

	while (step->used < step->in_len && self->magic_len < sizeof(self->magic))
		self->magic[self->magic_len++] = step->in[step->used++];
	if (self->magic_len < sizeof(self->magic))
		return 1;
	memcpy(&raw, self->magic, sizeof(raw));
	magic = le32_get(raw);
	if (magic != ZSTD_MAGICNUMBER &&
	    (magic & ZSTD_MAGIC_SKIPPABLE_MASK) != ZSTD_MAGIC_SKIPPABLE_START)
		return decoder_refuse(&decoder_zstd, "something else stands where a frame begins",
				      err);
	code = ZSTD_decompressStream(self->z, &out, &in);
	if (ZSTD_isError(code))
		return refuse_code(code, err);
	self->magic_fed = true;
	return in.pos == in.size ? 1 : decoder_refuse(&decoder_zstd, "a frame has no header", err);
}

static int zstd_decode(void *state, struct decoder_step *step, struct error *err)
{
	struct zstd *self = state;
	ZSTD_inBuffer in = { .src = step->in, .size = step->in_len };
	ZSTD_outBuffer out = { .dst = step->out, .size = step->out_len };
	size_t code;

	if (step->in_len == 0 && self->magic_len == 0)
		return 0;
	if (!self->magic_fed && step->in_len)
		return begin_frame(self, step, err);
	if (!self->magic_fed)
		return decoder_refuse(&decoder_zstd, "it is truncated", err);
	code = ZSTD_decompressStream(self->z, &out, &in);
	if (ZSTD_isError(code))
		return refuse_code(code, err);
	step->used = in.pos;
	step->made = out.pos;
	if (code == 0) {
		step->member_ends = true;
		self->magic_len = 0;
		self->magic_fed = false;
	} else if (step->in_len == 0 && step->made == 0) {
		return decoder_refuse(&decoder_zstd, "it is truncated", err);
	}
	return 1;
}

const struct decoder decoder_zstd = {
	.name = "zstd", .open = zstd_open, .close = zstd_close, .decode = zstd_decode
};
