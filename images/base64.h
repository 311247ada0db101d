/*
 * Base64 (RFC 4648, section 4), strict: no blanks, padded, no bits beyond the last byte.
 */
#ifndef NACELLE_IMAGES_BASE64_H
#define NACELLE_IMAGES_BASE64_H

#include <stddef.h>
#include <sys/types.h>

#define BASE64_SIZE(bytes) (((bytes) + 2) / 3 * 4 + 1)

/* Writes len bytes as text with its NUL: BASE64_SIZE(len) bytes. */
void base64_encode(char *text, const void *data, size_t len);

/* Reads len bytes of text into at most size bytes. Returns their number, or -1. */
ssize_t base64_decode(void *data, size_t size, const char *text, size_t len);

#endif
