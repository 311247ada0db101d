/*
 * Reading the header block of tar, and the numbers in it.
 */
#ifndef NACELLE_IMAGES_TAR_HEADER_H
#define NACELLE_IMAGES_TAR_HEADER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vmm/base/error.h"
#include "vmm/base/tar_format.h"

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
