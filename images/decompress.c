/*
 * Decompressing: what all decoders share, the windows and the limits.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "images/decompress_internal.h"
#include "vmm/base/bytes.h"

int decoder_refuse(const struct decoder *decoder, const char *why, struct error *err)
{
	return error_set(err, 0, "the %s data is damaged: %s", decoder->name, why);
}

static int end_member(struct decompressor *self, struct error *err)
{
	if (self->out_bytes == self->member_start &&
	    ++self->empty_members > DECOMPRESS_EMPTY_MEMBERS_MAX)
		return decoder_refuse(self->decoder, "it has too many empty members", err);
	self->member_start = self->out_bytes;
	return 0;
}

static int check_ratio(const struct decompressor *self, struct error *err)
{
	if (self->out_bytes > DECOMPRESS_RATIO_FREE_BYTES &&
	    self->out_bytes / DECOMPRESS_RATIO_MAX > self->in_bytes)
		return error_set(err, 0, "the %s data grows more than %d-fold: refused as a bomb",
				 self->decoder->name, DECOMPRESS_RATIO_MAX);
	return 0;
}

/* One call of the decoder on what the source lends: as decompress_fill(). */
static int decode_some(struct decompressor *self, size_t *made, struct error *err)
{
	struct decoder_step step = { .out = self->buffer, .out_len = STREAM_WINDOW_MAX };
	int more = stream_fill(self->source, err);

	if (more < 0)
		return -1;
	if (more == 0 && self->in_bytes == 0)
		return decoder_refuse(self->decoder, "it is empty", err);
	step.in = self->source->at;
	step.in_len = more == 0				       ? 0
		      : self->source->left > STREAM_WINDOW_MAX ? STREAM_WINDOW_MAX
							       : self->source->left;
	more = self->decoder->decode(self->state, &step, err);
	if (more < 0)
		return -1;
	stream_consume(self->source, step.used);
	self->in_bytes += step.used;
	self->out_bytes += step.made;
	*made = step.made;
	if (step.member_ends && end_member(self, err) < 0)
		return -1;
	return check_ratio(self, err) < 0 ? -1 : more;
}

static int decompress_fill(struct stream *stream, struct error *err)
{
	struct decompressor *self = (struct decompressor *)stream;
	size_t made = 0;

	while (made == 0) {
		int more = decode_some(self, &made, err);

		if (more < 0 || (more == 0 && made == 0))
			return more;
	}
	stream->at = self->buffer;
	stream->left = made;
	return 1;
}

static int plain_fill(struct stream *stream, struct error *err)
{
	struct decompressor *self = (struct decompressor *)stream;
	int more = stream_fill(self->source, err);

	if (more <= 0)
		return more;
	stream->at = self->source->at;
	stream->left = self->source->left;
	stream_consume(self->source, self->source->left);
	return 1;
}

static const struct decoder *decoder_of(enum layer_compression compression)
{
	switch (compression) {
	case LAYER_GZIP:
		return &decoder_gzip;
	case LAYER_ZSTD:
		return &decoder_zstd;
	case LAYER_XZ:
		return &decoder_xz;
	case LAYER_PLAIN:
	default:
		return NULL;
	}
}

int decompress_open(struct decompressor *self, enum layer_compression compression,
		    struct stream *source, struct error *err)
{
	const struct decoder *decoder = decoder_of(compression);

	*self = (struct decompressor){ .stream.fill = decoder ? decompress_fill : plain_fill,
				       .source = source,
				       .decoder = decoder };
	if (!decoder)
		return 0;
	self->state = decoder->open();
	self->buffer = malloc(STREAM_WINDOW_MAX);
	if (self->state && self->buffer)
		return 0;
	decompress_close(self);
	return error_set(err, ENOMEM, "cannot decompress %s data", decoder->name);
}

void decompress_close(struct decompressor *self)
{
	if (self->state)
		self->decoder->close(self->state);
	free(self->buffer);
	*self = (struct decompressor){ 0 };
}

enum layer_compression decompress_sniff(const void *data, size_t len)
{
	static const struct {
		enum layer_compression compression;
		uint8_t len;
		uint8_t magic[DECOMPRESS_MAGIC_LEN];
	} magics[] = {
		{ LAYER_GZIP, 3, { 0x1f, 0x8b, 8 } },
		{ LAYER_ZSTD, 4, { 0x28, 0xb5, 0x2f, 0xfd } },
		{ LAYER_XZ, 6, { 0xfd, '7', 'z', 'X', 'Z', 0 } },
	};

	for (size_t i = 0; i < ARRAY_SIZE(magics); i++) {
		if (len >= magics[i].len && !memcmp(data, magics[i].magic, magics[i].len))
			return magics[i].compression;
	}
	return LAYER_PLAIN;
}

const char *decompress_name(enum layer_compression compression)
{
	const struct decoder *decoder = decoder_of(compression);

	return decoder ? decoder->name : "plain";
}
