/*
 * Fields of a form.
 */
#include "guest-init/metadata/form.h"

#include <string.h>

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* In place: what comes out is never longer. */
static int decode(char *text, size_t len, size_t *out_len)
{
	size_t used = 0;

	for (size_t i = 0; i < len; i++) {
		int high, low;

		if (text[i] != '%') {
			text[used++] = text[i] == '+' ? ' ' : text[i];
			continue;
		}
		if (len - i < 3)
			return -1;
		high = hex_digit(text[i + 1]);
		low = hex_digit(text[i + 2]);
		if (high < 0 || low < 0)
			return -1;
		text[used++] = (char)(high << 4 | low);
		i += 2;
	}
	*out_len = used;
	return 0;
}

static int take(char *pair, size_t len, struct form_field *fields, size_t count)
{
	char *equals = memchr(pair, '=', len);
	size_t name_len = equals ? (size_t)(equals - pair) : len;

	for (size_t i = 0; i < count; i++) {
		struct form_field *field = &fields[i];

		if (strlen(field->name) != name_len || memcmp(field->name, pair, name_len) != 0)
			continue;
		if (field->value)
			return -1;
		field->value = pair + name_len + (equals ? 1 : 0);
		return decode(field->value, len - (size_t)(field->value - pair), &field->len);
	}
	return 0;
}

int form_read(char *body, size_t len, struct form_field *fields, size_t count)
{
	for (size_t i = 0; i < count; i++)
		fields[i].value = NULL;
	for (size_t at = 0; at < len;) {
		char *end = memchr(body + at, '&', len - at);
		size_t pair_len = end ? (size_t)(end - body) - at : len - at;

		if (take(body + at, pair_len, fields, count) < 0)
			return -1;
		at += pair_len + 1;
	}
	return 0;
}
