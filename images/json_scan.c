/*
 * The grammar of JSON (RFC 8259), checked before cJSON sees a byte, because cJSON is lenient: it
 * takes invalid UTF-8, control characters and odd numbers, and cuts strings at an escaped NUL.
 * One loop over a stack of bits; no recursion.
 */
#include <string.h>

#include "images/json.h"
#include "images/limits.h"

enum { DEPTH_MAX = 64, VALUES_MAX = 100000 };

struct scan {
	const uint8_t *at;
	const uint8_t *end;
	const char *why;  /* what is wrong, once something is */
	uint64_t objects; /* one bit for each level: it is an object, not an array */
	unsigned depth;
	unsigned values;
};

static bool fail(struct scan *s, const char *why)
{
	if (!s->why)
		s->why = why;
	return false;
}

static int peek(const struct scan *s)
{
	return s->at < s->end ? *s->at : -1;
}

static bool take(struct scan *s, char c)
{
	if (peek(s) != c)
		return false;
	s->at++;
	return true;
}

static void skip_space(struct scan *s)
{
	while (peek(s) == ' ' || peek(s) == '\t' || peek(s) == '\n' || peek(s) == '\r')
		s->at++;
}

static bool scan_digits(struct scan *s)
{
	if (peek(s) < '0' || peek(s) > '9')
		return fail(s, "a number is malformed");
	while (peek(s) >= '0' && peek(s) <= '9')
		s->at++;
	return true;
}

static bool scan_number(struct scan *s)
{
	(void)take(s, '-');
	if (!take(s, '0') && !scan_digits(s))
		return false;
	if (take(s, '.') && !scan_digits(s))
		return false;
	if (take(s, 'e') || take(s, 'E')) {
		if (!take(s, '+'))
			(void)take(s, '-');
		return scan_digits(s);
	}
	return true;
}

static bool scan_word(struct scan *s, const char *word)
{
	size_t len = strlen(word);

	if ((size_t)(s->end - s->at) < len || memcmp(s->at, word, len))
		return fail(s, "a value is malformed");
	s->at += len;
	return true;
}

static int hex_digit(int c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* Four hexadecimal digits, or -1. */
static int scan_unit(struct scan *s)
{
	int unit = 0;

	for (int i = 0; i < 4; i++) {
		int digit = hex_digit(peek(s));

		if (digit < 0)
			return -1;
		unit = unit << 4 | digit;
		s->at++;
	}
	return unit;
}

static bool scan_escape(struct scan *s)
{
	int unit;

	if (peek(s) > 0 && strchr("\"\\/bfnrt", peek(s))) {
		s->at++;
		return true;
	}
	if (!take(s, 'u'))
		return fail(s, "a string has a bad escape");
	unit = scan_unit(s);
	if (unit == 0)
		return fail(s, "a string has a NUL in it");
	if (unit >= 0xd800 && unit < 0xdc00) {
		if (!take(s, '\\') || !take(s, 'u'))
			return fail(s, "a string has half a surrogate pair");
		unit = scan_unit(s);
		return (unit >= 0xdc00 && unit < 0xe000) ||
		       fail(s, "a string has half a surrogate pair");
	}
	return (unit >= 0 && (unit < 0xdc00 || unit >= 0xe000)) ||
	       fail(s, "a string has a bad escape");
}

/* One character beyond ASCII: no overlong forms, no surrogates, nothing above U+10FFFF. */
static bool scan_utf8(struct scan *s)
{
	uint8_t first = *s->at++;
	unsigned more = first >= 0xf0 ? 3 : first >= 0xe0 ? 2 : 1;
	uint32_t point = first & (0x3fu >> more);
	static const uint32_t least[] = { 0, 0x80, 0x800, 0x10000 };

	if (first < 0xc2 || first > 0xf4)
		return fail(s, "a string is not UTF-8");
	for (unsigned i = 0; i < more; i++) {
		int c = peek(s);

		if (c < 0x80 || c > 0xbf)
			return fail(s, "a string is not UTF-8");
		point = point << 6 | ((uint32_t)c & 0x3f);
		s->at++;
	}
	return (point >= least[more] && point <= 0x10ffff && (point < 0xd800 || point > 0xdfff)) ||
	       fail(s, "a string is not UTF-8");
}

static bool scan_string(struct scan *s)
{
	if (!take(s, '"'))
		return fail(s, "a string is missing");
	for (;;) {
		int c = peek(s);

		if (c < 0)
			return fail(s, "it is cut off");
		if (c < 0x20)
			return fail(s, "a string has a control character in it");
		if (c >= 0x80) {
			if (!scan_utf8(s))
				return false;
			continue;
		}
		s->at++;
		if (c == '"')
			return true;
		if (c == '\\' && !scan_escape(s))
			return false;
	}
}

static bool in_object(const struct scan *s)
{
	return s->depth && (s->objects >> (s->depth - 1) & 1);
}

static bool scan_key(struct scan *s)
{
	skip_space(s);
	if (!scan_string(s))
		return false;
	skip_space(s);
	return take(s, ':') || fail(s, "a colon is missing");
}

static bool enter(struct scan *s, bool is_object)
{
	if (s->depth == DEPTH_MAX)
		return fail(s, "it is more than 64 levels deep");
	s->at++;
	if (is_object)
		s->objects |= (uint64_t)1 << s->depth;
	else
		s->objects &= ~((uint64_t)1 << s->depth);
	s->depth++;
	return true;
}

static bool scan_scalar(struct scan *s)
{
	switch (peek(s)) {
	case '"':
		return scan_string(s);
	case 't':
		return scan_word(s, "true");
	case 'f':
		return scan_word(s, "false");
	case 'n':
		return scan_word(s, "null");
	case -1:
		return fail(s, "it is cut off");
	default:
		return scan_number(s);
	}
}

/* After a value: closes levels; true when another value of an open level must follow. */
static bool scan_after(struct scan *s)
{
	while (s->depth) {
		bool is_object = in_object(s);

		skip_space(s);
		if (take(s, ','))
			return !is_object || scan_key(s);
		if (!take(s, is_object ? '}' : ']'))
			return fail(s, peek(s) < 0 ? "it is cut off" : "a comma is missing");
		s->depth--;
	}
	return false;
}

/* Enters levels as long as they begin, and scans the value inside; false once one is wrong. */
static bool scan_value(struct scan *s)
{
	for (;;) {
		int c;

		skip_space(s);
		c = peek(s);
		if (++s->values > VALUES_MAX)
			return fail(s, "it has more than 100000 values");
		if (c != '{' && c != '[')
			return scan_scalar(s);
		if (!enter(s, c == '{'))
			return false;
		skip_space(s);
		if (peek(s) == (c == '{' ? '}' : ']'))
			return true;
		if (c == '{' && !scan_key(s))
			return false;
	}
}

int json_scan(const char *text, size_t len, struct error *err)
{
	struct scan s = { .at = (const uint8_t *)text, .end = (const uint8_t *)text + len };

	if (len > IMAGE_DOCUMENT_MAX)
		return error_set(err, 0, "a document is larger than %d bytes", IMAGE_DOCUMENT_MAX);
	while (scan_value(&s) && scan_after(&s))
		;
	skip_space(&s);
	if (!s.why && s.at != s.end)
		fail(&s, "something follows its end");
	if (s.why)
		return error_set(err, 0, "a document is not JSON: %s, at byte %zu", s.why,
				 (size_t)(s.at - (const uint8_t *)text));
	return 0;
}
