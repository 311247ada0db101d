/*
 * Tar archives in memory.
 */
#include "tests/unit/images/make_tar.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static uint8_t *grow(struct made_tar *tar, size_t len)
{
	if (tar->len + len > tar->room) {
		tar->room = (tar->len + len) * 2;
		tar->bytes = realloc(tar->bytes, tar->room);
		if (!tar->bytes)
			abort();
	}
	memset(tar->bytes + tar->len, 0, len);
	tar->len += len;
	return tar->bytes + tar->len - len;
}

void fix_checksum(struct tar_header *header)
{
	const uint8_t *bytes = (const uint8_t *)header;
	unsigned sum = 0;

	memset(header->checksum, ' ', sizeof(header->checksum));
	for (size_t i = 0; i < sizeof(*header); i++)
		sum += bytes[i];
	(void)snprintf(header->checksum, sizeof(header->checksum), "%06o", sum & 0777777);
}

void make_entry(struct made_tar *tar, char type, const char *name, const char *link,
		const void *data, size_t len)
{
	size_t padded = (len + TAR_BLOCK - 1) / TAR_BLOCK * TAR_BLOCK;
	struct tar_header header = { .type = type };
	uint8_t *at = grow(tar, sizeof(header) + padded);

	memcpy(header.name, name, strnlen(name, sizeof(header.name)));
	memcpy(header.link, link, strnlen(link, sizeof(header.link)));
	memcpy(header.magic, "ustar\00000", sizeof(header.magic));
	(void)snprintf(header.mode, sizeof(header.mode), "%07o", 0644);
	(void)snprintf(header.size, sizeof(header.size), "%011zo", len);
	(void)snprintf(header.mtime, sizeof(header.mtime), "%011o", 7);
	fix_checksum(&header);
	memcpy(at, &header, sizeof(header));
	if (len)
		memcpy(at + sizeof(header), data, len);
}

struct tar_header *last_header(struct made_tar *tar)
{
	return (struct tar_header *)(void *)(tar->bytes + tar->len - TAR_BLOCK);
}

void make_end(struct made_tar *tar)
{
	(void)grow(tar, 2 * TAR_BLOCK);
}

static int fill(struct stream *stream, struct error *err)
{
	struct stepping_stream *self = (struct stepping_stream *)stream;
	size_t take = self->rest < self->step ? self->rest : self->step;

	(void)err;
	if (take == 0)
		return 0;
	stream->at = self->next;
	stream->left = take;
	self->next += take;
	self->rest -= take;
	return 1;
}

void stepping_stream_init(struct stepping_stream *stream, const void *data, size_t len, size_t step)
{
	*stream = (struct stepping_stream){
		.stream.fill = fill, .next = data, .rest = len, .step = step
	};
}
