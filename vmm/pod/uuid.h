/*
 * What pods are called: random UUIDs (RFC 9562, version 4) in their canonical text, of which people
 * type the first digits.
 */
#ifndef NACELLE_POD_UUID_H
#define NACELLE_POD_UUID_H

#include <stdbool.h>

#include "vmm/base/error.h"

enum {
	UUID_TEXT_SIZE = 37,
	UUID_PREFIX_MIN = 4, /* digits that must be typed at least */
};

int uuid_make(char text[UUID_TEXT_SIZE], struct error *err);

/* Whether the text is a UUID in the form that uuid_make() gives it, of any version. */
bool uuid_is_canonical(const char *text);

/* Whether the text may begin a UUID: UUID_PREFIX_MIN to 32 digits, of either case; dashes count for
 * nothing. */
bool uuid_is_prefix(const char *text);

/* Whether the UUID begins with such a prefix. */
bool uuid_begins(const char *uuid, const char *prefix);

#endif
