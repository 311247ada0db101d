/*
 * Inflating gzip: fixed buffers around zlib's raw loop, member by member.
 */
#include "images/decompress.h"

#include <stdlib.h>
#include <string.h>

#define ZLIB_CONST
#include <zlib.h>

static int refuse(const char *why, struct error *err)
{
	return error_set(err, 0, "the gzip data is damaged: %s", why);
}

/* At a member boundary: 1 when another member begins, 0 when only NULs came until the end. */
static int next_member(struct gzip_stream *self, struct error *err)
{
	for (;;) {
		int more = stream_fill(self->source, err);

		if (more <= 0)
			return more < 0 ? -1 : self->in_bytes ? 0 : refuse("it is empty", err);
		if (*self->source->at == 0 && self->in_bytes) {
			self->ended = true;
			stream_consume(self->source, 1);
			continue;
		}
		if (self->ended)
			return refuse("something follows its end", err);
		if (inflateReset(self->inflater) != Z_OK)
			return refuse("zlib cannot start a member", err);
		self->in_member = true;
		self->member_out_bytes = 0;
		return 1;
	}
}

static int end_member(struct gzip_stream *self, struct error *err)
{
	self->in_member = false;
	if (self->member_out_bytes == 0 && ++self->empty_members > GZIP_EMPTY_MEMBERS_MAX)
		return refuse("it has too many empty members", err);
	return 0;
}

static int check_ratio(const struct gzip_stream *self, struct error *err)
{
	if (self->out_bytes > GZIP_RATIO_FREE_BYTES &&
	    self->out_bytes / GZIP_RATIO_MAX > self->in_bytes)
		return error_set(err, 0, "the gzip data grows more than %d-fold: refused as a bomb",
				 GZIP_RATIO_MAX);
	return 0;
}

/* One call of inflate() on what the source lends; *made is what it put into the buffer. */
static int inflate_some(struct gzip_stream *self, size_t *made, struct error *err)
{
	z_stream *z = self->inflater;
	size_t given;
	int result;
	int more = stream_fill(self->source, err);

	if (more <= 0)
		return more < 0 ? -1 : refuse("it is truncated", err);
	given = self->source->left > STREAM_WINDOW_MAX ? STREAM_WINDOW_MAX : self->source->left;
	z->next_in = self->source->at;
	z->avail_in = (uInt)given;
	z->next_out = self->buffer;
	z->avail_out = STREAM_WINDOW_MAX;
	result = inflate(z, Z_NO_FLUSH);
	stream_consume(self->source, given - z->avail_in);
	*made = STREAM_WINDOW_MAX - z->avail_out;
	self->in_bytes += given - z->avail_in;
	self->out_bytes += *made;
	self->member_out_bytes += *made;
	if (result == Z_STREAM_END)
		return end_member(self, err);
	if (result != Z_OK)
		return refuse(z->msg ? z->msg : "zlib cannot go on", err);
	return check_ratio(self, err);
}

static int gzip_stream_fill(struct stream *stream, struct error *err)
{
	struct gzip_stream *self = (struct gzip_stream *)stream;
	size_t made = 0;

	while (made == 0) {
		int more = self->in_member ? 1 : next_member(self, err);

		if (more <= 0)
			return more;
		if (inflate_some(self, &made, err) < 0)
			return -1;
	}
	stream->at = self->buffer;
	stream->left = made;
	return 1;
}

int gzip_stream_init(struct gzip_stream *stream, struct stream *source, struct error *err)
{
	z_stream *z = calloc(1, sizeof(*z));
	uint8_t *buffer = malloc(STREAM_WINDOW_MAX);

	/* 15 + 16: the largest window, and nothing but a gzip header. */
	if (!z || !buffer || inflateInit2(z, 15 + 16) != Z_OK) {
		free(z);
		free(buffer);
		return error_set(err, 0, "no memory to inflate a layer");
	}
	*stream = (struct gzip_stream){
		.stream.fill = gzip_stream_fill, .source = source, .inflater = z, .buffer = buffer
	};
	return 0;
}

void gzip_stream_free(struct gzip_stream *stream)
{
	if (stream->inflater)
		(void)inflateEnd(stream->inflater);
	free(stream->inflater);
	free(stream->buffer);
	*stream = (struct gzip_stream){ 0 };
}
