/*
 * The guest kernel: an uncompressed x86-64 ELF executable (System V gABI, chapters 4 and 5). Its
 * text and read-only data are mapped from the file into guest memory, so that all pods share them;
 * what it writes to is copied, since each page would be one fault to read and one more to own, and
 * so is the first block of its text.
 *
 * Trust: the file is the administrator's, but a wrong or damaged one must end in a sentence, so
 * every number in it is checked before anything is mapped.
 */
#ifndef NACELLE_MACHINE_KERNEL_IMAGE_H
#define NACELLE_MACHINE_KERNEL_IMAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "virtio/memory.h"
#include "vmm/base/error.h"

enum {
	KERNEL_SEGMENTS_MAX = 16,
	KERNEL_HEADER_BYTES = 4096, /* ELF header and program headers lie within */
};

struct kernel_segment {
	uint64_t gpa;
	uint64_t file_offset;
	uint64_t file_bytes;
	uint64_t memory_bytes; /* at least file_bytes; the rest is zero */
	bool writable;	       /* for the guest, by its own header */
};

struct kernel_image {
	uint64_t entry; /* physical address of the 64-bit entry */
	uint64_t start; /* the lowest byte of a segment */
	uint64_t end;	/* one past the highest byte of a segment */
	unsigned segment_count;
	struct kernel_segment segments[KERNEL_SEGMENTS_MAX];
};

/*
 * Reads the headers from the first len_bytes (at most KERNEL_HEADER_BYTES count) of a file of
 * file_bytes. Pure. Every segment in the result lies inside the file, inside [1 MiB, memory_end),
 * and overlaps no other; the entry lies in a segment's file part.
 */
int kernel_image_parse(struct kernel_image *image, const void *header, size_t len_bytes,
		       uint64_t file_bytes, uint64_t memory_end, struct error *err);

/*
 * Parses the file and maps (privately) or copies it over the guest memory's first region. Guest
 * memory must be fresh: what lies behind a segment's file part is expected to read zero. loaded,
 * unless NULL, is told of each segment, by its index, when it is there.
 */
int kernel_image_load(struct kernel_image *image, int fd, const struct gmem *memory,
		      void (*loaded)(void *context, unsigned segment), void *context,
		      struct error *err);

#endif
