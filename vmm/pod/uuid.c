/*
 * What pods are called.
 */
#include "vmm/pod/uuid.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

enum { UUID_BYTES = 16, UUID_DIGITS = 32 };

int uuid_make(char text[UUID_TEXT_SIZE], struct error *err)
{
	uint8_t b[UUID_BYTES];

	if (getrandom(b, sizeof(b), 0) != (ssize_t)sizeof(b))
		return error_set(err, errno, "no random bytes for a UUID");
	b[6] = (uint8_t)((b[6] & 0x0f) | 0x40);
	b[8] = (uint8_t)((b[8] & 0x3f) | 0x80);
	(void)snprintf(text, UUID_TEXT_SIZE,
		       "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", b[0],
		       b[1], b[2], b[3], b[4], b[5], b[6], b[7], b[8], b[9], b[10], b[11], b[12],
		       b[13], b[14], b[15]);
	return 0;
}

static bool is_dash_place(size_t at)
{
	return at == 8 || at == 13 || at == 18 || at == 23;
}

bool uuid_is_canonical(const char *text)
{
	size_t at = 0;

	for (; text[at]; at++) {
		if (at == UUID_TEXT_SIZE - 1)
			return false;
		if (is_dash_place(at) ? text[at] != '-' : !strchr("0123456789abcdef", text[at]))
			return false;
	}
	return at == UUID_TEXT_SIZE - 1;
}

/* The digit at *text as a lower-case one, behind any dashes; 0 at the end, '?' if it is none. */
static char next_digit(const char **text)
{
	char c;

	while (**text == '-')
		(*text)++;
	c = **text;
	if (!c)
		return 0;
	(*text)++;
	if (c >= 'A' && c <= 'F')
		c = (char)(c - 'A' + 'a');
	return strchr("0123456789abcdef", c) ? c : '?';
}

bool uuid_is_prefix(const char *text)
{
	unsigned digits = 0;
	char c;

	if (*text == '-')
		return false;
	while ((c = next_digit(&text))) {
		if (c == '?' || digits == UUID_DIGITS)
			return false;
		digits++;
	}
	return digits >= UUID_PREFIX_MIN;
}

bool uuid_begins(const char *uuid, const char *prefix)
{
	char c;

	while ((c = next_digit(&prefix)))
		if (c != next_digit(&uuid))
			return false;
	return true;
}
