/*
 * gzip by zlib, member by member. The only file that includes zlib.
 */
#include <stdlib.h>

#define ZLIB_CONST
#include <zlib.h>

#include "images/decompress_internal.h"

struct gzip {
	z_stream z;
	bool in_member;
	bool ended; /* only NULs may still come */
	bool begun; /* a member has come */
};

static void *gzip_open(void)
{
	struct gzip *self = calloc(1, sizeof(*self));

	/* 15 + 16: the largest window, and nothing but a gzip header. */
	if (!self || inflateInit2(&self->z, 15 + 16) != Z_OK) {
		free(self);
		return NULL;
	}
	return self;
}

static void gzip_close(void *state)
{
	struct gzip *self = state;

	(void)inflateEnd(&self->z);
	free(self);
}

/* Between members: skips NULs, or begins a member. */
static int next_member(struct gzip *self, struct decoder_step *step, struct error *err)
{
	if (step->in_len == 0)
		return 0;
	while (self->begun && step->used < step->in_len && step->in[step->used] == 0) {
		self->ended = true;
		step->used++;
	}
	if (step->used == step->in_len)
		return 1;
	if (self->ended)
		return decoder_refuse(&decoder_gzip, "something follows its end", err);
	if (inflateReset(&self->z) != Z_OK)
		return decoder_refuse(&decoder_gzip, "zlib cannot start a member", err);
	self->begun = true;
	self->in_member = true;
	return 1;
}

static int gzip_decode(void *state, struct decoder_step *step, struct error *err)
{
	struct gzip *self = state;
	z_stream *z = &self->z;
	int result;

	if (!self->in_member)
		return next_member(self, step, err);
	if (step->in_len == 0)
		return decoder_refuse(&decoder_gzip, "it is truncated", err);
	z->next_in = step->in;
	z->avail_in = (uInt)step->in_len;
	z->next_out = step->out;
	z->avail_out = (uInt)step->out_len;
	result = inflate(z, Z_NO_FLUSH);
	step->used = step->in_len - z->avail_in;
	step->made = step->out_len - z->avail_out;
	step->member_ends = result == Z_STREAM_END;
	self->in_member = !step->member_ends;
	if (result != Z_STREAM_END && result != Z_OK)
		return decoder_refuse(&decoder_gzip, z->msg ? z->msg : "zlib cannot go on", err);
	return 1;
}

const struct decoder decoder_gzip = {
	.name = "gzip", .open = gzip_open, .close = gzip_close, .decode = gzip_decode
};
