/*
 * The error object. It trusts nothing that it formats: the finished sentence is cleaned of what
 * could steer a terminal or mislead its reader before anybody may print it on a terminal.
 */
#include "vmm/base/error.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

/* The length of the character at text, and its code; 0 where the bytes are not UTF-8. */
static size_t decode(const unsigned char *text, uint32_t *code)
{
	static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	size_t len = 1;

	if (text[0] >= 0x80)
		len = text[0] >= 0xc0 && text[0] < 0xf8 ? 2U + (text[0] >= 0xe0) + (text[0] >= 0xf0)
							: 0;
	*code = len < 2 ? text[0] : text[0] & (0x7fU >> len);
	for (size_t i = 1; i < len; i++) {
		if ((text[i] & 0xc0) != 0x80)
			return 0;
		*code = *code << 6 | (text[i] & 0x3f);
	}
	if (len && (*code < least[len] || *code > 0x10ffff || (*code >= 0xd800 && *code < 0xe000)))
		return 0;
	return len;
}

/* Controls of both sets, line ends, and what makes a line read in another order. */
static bool is_printable(uint32_t code)
{
	return code >= 0x20 && (code < 0x7f || code >= 0xa0) && code != 0x61c && code != 0x200e &&
	       code != 0x200f && (code < 0x2028 || code > 0x202e) &&
	       (code < 0x2066 || code > 0x2069) && code != 0xfeff;
}

static void clean(char *text)
{
	unsigned char *at = (unsigned char *)text;

	while (*at) {
		uint32_t code;
		size_t len = decode(at, &code);

		if (len && is_printable(code)) {
			at += len;
			continue;
		}
		for (size_t i = 0; i < (len ? len : 1); i++)
			*at++ = '?';
	}
}

int error_set(struct error *err, int code, const char *format, ...)
{
	va_list args;
	size_t used;

	if (!err)
		return -1;
	err->code = code;
	va_start(args, format);
	(void)vsnprintf(err->text, sizeof(err->text), format, args);
	va_end(args);
	used = strlen(err->text);
	if (code)
		(void)snprintf(err->text + used, sizeof(err->text) - used, ": %s", strerror(code));
	clean(err->text);
	return -1;
}

int error_prefix(struct error *err, const char *format, ...)
{
	char old[ERROR_TEXT_MAX];
	va_list args;
	size_t used;

	if (!err)
		return -1;
	memcpy(old, err->text, sizeof(old));
	va_start(args, format);
	(void)vsnprintf(err->text, sizeof(err->text), format, args);
	va_end(args);
	used = strlen(err->text);
	(void)snprintf(err->text + used, sizeof(err->text) - used, ": %s", old);
	clean(err->text);
	return -1;
}
