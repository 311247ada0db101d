/*
 * Tar archives in memory, for tests and fuzz targets. Every block that is added is sound.
 */
#ifndef NACELLE_TESTS_UNIT_IMAGES_MAKE_TAR_H
#define NACELLE_TESTS_UNIT_IMAGES_MAKE_TAR_H

#include <stddef.h>
#include <stdint.h>

#include "images/stream.h"
#include "images/tar_header.h"

struct made_tar {
	uint8_t *bytes; /* free() it */
	size_t len;
	size_t room;
};

/* Adds a header and its data, and fills the last block. */
void make_entry(struct made_tar *tar, char type, const char *name, const char *link,
		const void *data, size_t len);

/* Changes the last header that was added without data, and computes its checksum again. */
struct tar_header *last_header(struct made_tar *tar);
void fix_checksum(struct tar_header *header);

/* Two blocks of zeros. */
void make_end(struct made_tar *tar);

/* A stream over bytes that lends windows of at most step bytes. */
struct stepping_stream {
	struct stream stream;
	const uint8_t *next;
	size_t rest;
	size_t step;
};

void stepping_stream_init(struct stepping_stream *stream, const void *data, size_t len,
			  size_t step);

#endif
