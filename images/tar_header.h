/*
 * The 512-byte header block of tar, and the numbers in it.
 */
#ifndef NACELLE_IMAGES_TAR_HEADER_H
#define NACELLE_IMAGES_TAR_HEADER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vmm/base/error.h"

enum { TAR_BLOCK = 512 };

struct tar_header {
	char name[100];
	char mode[8];
	char uid[8];
	char gid[8];
	char size[12];
	char mtime[12];
	char checksum[8];
	char type;
	char link[100];
	char magic[8]; /* with the version */
	char user_name[32];
	char group_name[32];
	char dev_major[8];
	char dev_minor[8];
	union {
		char prefix[155];
		struct { /* type 'S' of GNU tar */
			char times[41];
			struct {
				char offset[12];
				char len[12];
			} sparse[4];
			char is_extended;
			char real_size[12];
		} gnu;
	} tail;
	char pad[12];
};
_Static_assert(sizeof(struct tar_header) == TAR_BLOCK, "a header fills a block");
_Static_assert(offsetof(struct tar_header, tail.gnu.sparse) == 386, "GNU tar's place");
_Static_assert(offsetof(struct tar_header, tail.gnu.real_size) == 483, "GNU tar's place");

enum tar_flavour {
	TAR_V7,
	TAR_USTAR,
	TAR_STAR, /* ustar with a shorter prefix */
	TAR_GNU,
};

bool tar_block_is_zero(const void *block);

/* Checks the checksum and tells the flavour. Returns 0, or -1 with err filled. */
int tar_header_check(const struct tar_header *header, enum tar_flavour *flavour, struct error *err);

/*
 * Reads a number: octal digits between spaces and NULs, or base 256 (GNU). Returns 0 with *out set;
 * -1 with err filled if it is malformed, or outside of 0..max. A blank field is 0.
 */
int tar_number(const char *field, size_t len, const char *what, uint64_t max, uint64_t *out,
	       struct error *err);

/* The time of last change, which alone may be negative and is clamped where it makes no sense. */
int64_t tar_time(const char *field, size_t len);

/* Whether the field holds nothing but spaces and NULs. */
bool tar_field_is_blank(const char *field, size_t len);

#endif
