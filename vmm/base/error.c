/*
 * The error object. It trusts nothing that it formats: the finished sentence is cleaned of what
 * could steer a terminal or mislead its reader before anybody may print it on a terminal.
 */
#include "vmm/base/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "vmm/base/text.h"

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
	text_clean(err->text);
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
	text_clean(err->text);
	return -1;
}
