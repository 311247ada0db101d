/*
 * The output of the EROFS writer: one buffer that is written when it is full, file data, dead
 * blocks and the superblock.
 */
#include "images/erofs.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "images/erofs_internal.h"
#include "vmm/base/cleanup.h"
#include "vmm/base/io.h"

enum {
	BUFFER_SIZE = 1024 * 1024,
	DIRECT_MIN = 128 * 1024, /* as much at once is written from where it is */
	HOLE_MIN = 64 * 1024,	 /* fewer zeros are written as bytes */
	DEAD_MAX = 64 * 1024,	 /* replaced files that are remembered */
};

/* Block numbers have 32 bits, and the last is the mark of a hole. */
#define OFFSET_MAX ((uint64_t)UINT32_MAX << EROFS_BLOCK_BITS)

int erofs_open(struct erofs_writer *writer, int fd, struct error *err)
{
	uint8_t *buffer = malloc(BUFFER_SIZE);

	if (!buffer)
		return error_set(err, ENOMEM, "cannot write an image");
	*writer = (struct erofs_writer){ .fd = fd, .buffer = buffer, .offset = EROFS_BLOCK };
	return 0;
}

void erofs_close(struct erofs_writer *writer)
{
	free(writer->buffer);
	free(writer->dead);
	*writer = (struct erofs_writer){ .fd = -1 };
}

static int flush(struct erofs_writer *writer, struct error *err)
{
	if (writer->used &&
	    io_pwrite_all(writer->fd, writer->buffer, writer->used, writer->offset) < 0)
		return error_set(err, errno, "cannot write the image");
	writer->offset += writer->used;
	writer->used = 0;
	return 0;
}

int erofs_append(struct erofs_writer *writer, const void *data, size_t len, struct error *err)
{
	const uint8_t *at = data;

	if (writer->offset + writer->used + len > OFFSET_MAX)
		return error_set(err, EFBIG, "cannot write the image");
	if (len >= DIRECT_MIN) {
		if (flush(writer, err) < 0)
			return -1;
		if (io_pwrite_all(writer->fd, data, len, writer->offset) < 0)
			return error_set(err, errno, "cannot write the image");
		writer->offset += len;
		return 0;
	}
	while (len) {
		size_t take = BUFFER_SIZE - writer->used;

		if (take > len)
			take = len;
		memcpy(writer->buffer + writer->used, at, take);
		writer->used += take;
		at += take;
		len -= take;
		if (writer->used == BUFFER_SIZE && flush(writer, err) < 0)
			return -1;
	}
	return 0;
}

uint32_t erofs_data_begin(const struct erofs_writer *writer)
{
	uint64_t at = writer->offset + writer->used;

	assert(at % EROFS_BLOCK == 0);
	return (uint32_t)(at >> EROFS_BLOCK_BITS);
}

int erofs_data_write(struct erofs_writer *writer, const void *data, size_t len, struct error *err)
{
	return erofs_append(writer, data, len, err);
}

int erofs_data_zero(struct erofs_writer *writer, uint64_t len, struct error *err)
{
	static const uint8_t zeros[EROFS_BLOCK];

	if (len > OFFSET_MAX || writer->offset + writer->used + len > OFFSET_MAX)
		return error_set(err, EFBIG, "cannot write the image");
	if (len >= HOLE_MIN) {
		if (flush(writer, err) < 0)
			return -1;
		writer->offset += len;
		return 0;
	}
	while (len) {
		size_t take = len < sizeof(zeros) ? (size_t)len : sizeof(zeros);

		if (erofs_append(writer, zeros, take, err) < 0)
			return -1;
		len -= take;
	}
	return 0;
}

int erofs_data_end(struct erofs_writer *writer, struct error *err)
{
	return erofs_data_zero(writer, -(writer->offset + writer->used) & (EROFS_BLOCK - 1), err);
}

static int write_zeros(int fd, uint64_t offset, uint64_t len)
{
	static const uint8_t zeros[16 * EROFS_BLOCK];

	while (len) {
		size_t take = len < sizeof(zeros) ? (size_t)len : sizeof(zeros);

		if (io_pwrite_all(fd, zeros, take, offset) < 0)
			return -1;
		offset += take;
		len -= take;
	}
	return 0;
}

static int compare_extents(const void *a, const void *b)
{
	const struct erofs_extent *x = a, *y = b;

	return (x->block > y->block) - (x->block < y->block);
}

/* Dead data reads as zeros in every image, whether the file system can make holes or not. */
static int punch_dead(struct erofs_writer *writer, struct error *err)
{
	if (writer->dead_count == 0)
		return 0;
	qsort(writer->dead, writer->dead_count, sizeof(*writer->dead), compare_extents);
	for (size_t i = 0; i < writer->dead_count;) {
		uint64_t start = writer->dead[i].block;
		uint64_t end = start + writer->dead[i].count;
		off_t offset = (off_t)(start << EROFS_BLOCK_BITS);
		off_t len;

		for (i++; i < writer->dead_count && writer->dead[i].block == end; i++)
			end += writer->dead[i].count;
		len = (off_t)((end - start) << EROFS_BLOCK_BITS);
		if (fallocate(writer->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, offset, len) <
			0 &&
		    (errno != EOPNOTSUPP ||
		     write_zeros(writer->fd, (uint64_t)offset, (uint64_t)len) < 0))
			return error_set(err, errno, "cannot write the image");
	}
	writer->dead_count = 0;
	return 0;
}

int erofs_data_discard(struct erofs_writer *writer, uint32_t block, uint64_t size_bytes,
		       struct error *err)
{
	uint32_t count = (uint32_t)(align_up(size_bytes, EROFS_BLOCK) >> EROFS_BLOCK_BITS);

	if (count == 0)
		return 0;
	if (!writer->dead)
		writer->dead = calloc(DEAD_MAX, sizeof(*writer->dead));
	if (!writer->dead)
		return error_set(err, ENOMEM, "cannot write an image");
	if (writer->dead_count == DEAD_MAX &&
	    (flush(writer, err) < 0 || punch_dead(writer, err) < 0))
		return -1;
	writer->dead[writer->dead_count++] = (struct erofs_extent){ block, count };
	return 0;
}

/* CRC-32C (Castagnoli) from an all-ones start, not inverted at the end, as the kernel computes it.
 */
static uint32_t crc32c(const uint8_t *data, size_t len)
{
	uint32_t crc = UINT32_MAX;

	for (size_t i = 0; i < len; i++) {
		crc ^= data[i];
		for (int bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ (crc & 1 ? UINT32_C(0x82f63b78) : 0);
	}
	return crc;
}

static int write_super(struct erofs_writer *writer, const struct erofs_plan *plan,
		       const uint8_t uuid[16], uint32_t blocks, struct error *err)
{
	uint8_t block[EROFS_BLOCK] = { 0 };
	struct erofs_super super = {
		.magic = le32_make(EROFS_MAGIC),
		.feature_compat = le32_make(EROFS_COMPAT_CHECKSUM | EROFS_COMPAT_MTIME),
		.block_bits = EROFS_BLOCK_BITS,
		.root_nid = le16_make((uint16_t)plan->root_nid),
		.inodes = le64_make(plan->inodes),
		.blocks = le32_make(blocks),
		.meta_block = le32_make(plan->meta_block),
	};

	memcpy(super.uuid, uuid, sizeof(super.uuid));
	memcpy(block + EROFS_SUPER_OFFSET, &super, sizeof(super));
	super.checksum =
	    le32_make(crc32c(block + EROFS_SUPER_OFFSET, sizeof(block) - EROFS_SUPER_OFFSET));
	memcpy(block + EROFS_SUPER_OFFSET, &super, sizeof(super));
	if (io_pwrite_all(writer->fd, block, sizeof(block), 0) < 0)
		return error_set(err, errno, "cannot write the image");
	return 0;
}

int erofs_finish(struct erofs_writer *writer, struct tree *tree, const uint8_t uuid[16],
		 uint64_t *size_bytes, struct error *err)
{
	struct erofs_plan plan;

	if (tree_sort(tree, err) < 0 ||
	    erofs_plan_tree(tree, erofs_data_begin(writer), &plan, err) < 0 ||
	    erofs_write_directories(writer, tree, err) < 0)
		return -1;
	assert(erofs_data_begin(writer) == plan.meta_block);
	if (erofs_write_inodes(writer, tree, &plan, err) < 0 || erofs_data_end(writer, err) < 0 ||
	    flush(writer, err) < 0 || punch_dead(writer, err) < 0)
		return -1;
	*size_bytes = writer->offset;
	return write_super(writer, &plan, uuid, (uint32_t)(*size_bytes >> EROFS_BLOCK_BITS), err);
}
