/*
 * Writing an EROFS image: file data first, as it arrives; then, when the tree is complete, the
 * directories and the inodes; the superblock last.
 *
 *	block 0      superblock (written last, so that a half-written image is none)
 *	blocks 1..   data of files, each from a block boundary, uncompressed
 *	...          directories of more than a part of a block
 *	meta_block.. inodes of 64 bytes, their extended attributes, small directories, link targets
 *
 * The bytes depend on nothing but the calls: no clock, no random number, no address.
 */
#ifndef NACELLE_IMAGES_EROFS_H
#define NACELLE_IMAGES_EROFS_H

#include <stddef.h>
#include <stdint.h>

#include "images/tree.h"
#include "vmm/base/error.h"

struct erofs_extent {
	uint32_t block;
	uint32_t count;
};

struct erofs_writer {
	int fd;		 /* borrowed */
	uint8_t *buffer; /* what stands at offset and is not written yet */
	size_t used;	 /* bytes of it */
	uint64_t offset;
	struct erofs_extent *dead; /* data of files that a later layer replaced */
	size_t dead_count;
};

/* Starts an image in fd, an empty file. Returns 0, or -1 with err filled; erofs_close() frees. */
int erofs_open(struct erofs_writer *writer, int fd, struct error *err);
void erofs_close(struct erofs_writer *writer);

/* The block where the next file's data begins. */
uint32_t erofs_data_begin(const struct erofs_writer *writer);

/* Appends file data, or zero bytes (which cost no disk where they are many). */
int erofs_data_write(struct erofs_writer *writer, const void *data, size_t len, struct error *err);
int erofs_data_zero(struct erofs_writer *writer, uint64_t len, struct error *err);

/* Ends the file: fills its last block. */
int erofs_data_end(struct erofs_writer *writer, struct error *err);

/*
 * Remembers that a file's blocks are not needed after all: they become holes, when there are many
 * of them or at the end. Call between files. Returns 0, or -1 with err filled (the bytes would then
 * differ from another import's).
 */
int erofs_data_discard(struct erofs_writer *writer, uint32_t block, uint64_t size_bytes,
		       struct error *err);

/*
 * Writes the tree, which is sorted and numbered in place, and the superblock. The uuid becomes the
 * volume's. *size_bytes is the size of the image. Does not fsync.
 */
int erofs_finish(struct erofs_writer *writer, struct tree *tree, const uint8_t uuid[16],
		 uint64_t *size_bytes, struct error *err);

#endif
