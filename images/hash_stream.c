/*
 * Hashing while reading.
 */
#include "images/hash_stream.h"

static int hash_stream_fill(struct stream *stream, struct error *err)
{
	struct hash_stream *self = (struct hash_stream *)stream;
	int more = stream_fill(self->source, err);

	if (more <= 0)
		return more;
	if (hasher_update(&self->hasher, self->source->at, self->source->left, err) < 0)
		return -1;
	stream->at = self->source->at;
	stream->left = self->source->left;
	stream_consume(self->source, self->source->left);
	return 1;
}

int hash_stream_init(struct hash_stream *self, struct stream *source,
		     enum digest_algorithm algorithm, struct error *err)
{
	*self = (struct hash_stream){ .stream.fill = hash_stream_fill, .source = source };
	return hasher_init(&self->hasher, algorithm, err);
}
