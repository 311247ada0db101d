/*
 * WWW-Authenticate, read strictly: what is malformed is refused as a whole.
 */
#include "images/challenge.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <strings.h>

struct text {
	const char *at;
	const char *end;
};

static bool is_one_of(char c, const char *set)
{
	return c && strchr(set, c);
}

static bool is_token_char(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	       is_one_of(c, "!#$%&'*+-.^_`|~");
}

static void skip_blanks(struct text *text)
{
	while (text->at < text->end && (*text->at == ' ' || *text->at == '\t'))
		text->at++;
}

static bool at_char(const struct text *text, char c)
{
	return text->at < text->end && *text->at == c;
}

/* A token; its length, 0 if there is none. */
static size_t read_token(struct text *text, const char **token)
{
	*token = text->at;
	while (text->at < text->end && is_token_char(*text->at))
		text->at++;
	return (size_t)(text->at - *token);
}

static bool put(char *out, size_t size, size_t *len, char c)
{
	if ((unsigned char)c < 0x20 || c == 0x7f || *len + 1 >= size)
		return false;
	out[(*len)++] = c;
	return true;
}

/* A quoted string or a token, into out. */
static bool read_value(struct text *text, char *out, size_t size)
{
	size_t len = 0;

	if (!at_char(text, '"')) {
		while (text->at < text->end && is_token_char(*text->at)) {
			if (!put(out, size, &len, *text->at++))
				return false;
		}
		out[len] = '\0';
		return len > 0;
	}
	for (text->at++; text->at < text->end; text->at++) {
		if (*text->at == '"') {
			text->at++;
			out[len] = '\0';
			return true;
		}
		if (*text->at == '\\' && ++text->at == text->end)
			return false;
		if (!put(out, size, &len, *text->at))
			return false;
	}
	return false;
}

static bool is_name(const char *token, size_t len, const char *name)
{
	return len == strlen(name) && strncasecmp(token, name, len) == 0;
}

/* One parameter, if there is one here: 1, 0 when there is none (nothing is consumed), -1. */
static int read_parameter(struct text *text, struct challenge *into)
{
	char ignored[CHALLENGE_REALM_SIZE];
	struct text ahead = *text;
	const char *token;
	size_t len = read_token(&ahead, &token);
	char *out = ignored;
	size_t size = sizeof(ignored);

	skip_blanks(&ahead);
	if (len == 0 || !at_char(&ahead, '='))
		return 0;
	ahead.at++;
	skip_blanks(&ahead);
	/* A lone "=" ends the other form of credentials, token68. */
	if (ahead.at == ahead.end || at_char(&ahead, ',') || at_char(&ahead, '='))
		return 0;
	if (is_name(token, len, "realm")) {
		out = into->realm;
		size = sizeof(into->realm);
	} else if (is_name(token, len, "service")) {
		out = into->service;
		size = sizeof(into->service);
	} else if (is_name(token, len, "scope")) {
		out = into->scope;
		size = sizeof(into->scope);
	}
	if ((out != ignored && out[0]) || !read_value(&ahead, out, size))
		return -1;
	*text = ahead;
	return 1;
}

static void skip_token68(struct text *text)
{
	while (text->at < text->end && (is_token_char(*text->at) || is_one_of(*text->at, "/=")))
		text->at++;
}

/* What follows a scheme, until the next one or the end. */
static bool read_parameters(struct text *text, struct challenge *into)
{
	int found;

	skip_blanks(text);
	found = read_parameter(text, into);
	if (found < 0)
		return false;
	if (found == 0)
		skip_token68(text);
	for (;;) {
		struct text ahead;

		skip_blanks(text);
		if (text->at == text->end)
			return true;
		if (!at_char(text, ','))
			return false;
		ahead = *text;
		while (at_char(&ahead, ',')) {
			ahead.at++;
			skip_blanks(&ahead);
		}
		found = read_parameter(&ahead, into);
		if (found < 0)
			return false;
		*text = ahead;
		if (found == 0)
			return true; /* a scheme, or the end */
	}
}

static void keep(struct challenge *kept, const struct challenge *one)
{
	if (one->scheme == CHALLENGE_BEARER && !one->realm[0])
		return;
	if (one->scheme > kept->scheme)
		*kept = *one;
}

int challenge_read(struct challenge *out, const char *value, size_t len, struct error *err)
{
	struct text text = { value, value + len };
	struct challenge kept = *out;

	if (len > CHALLENGE_HEADER_MAX)
		return error_set(err, 0, "the header WWW-Authenticate is too long");
	skip_blanks(&text);
	while (text.at < text.end) {
		struct challenge one = { 0 };
		const char *scheme;
		size_t scheme_len = read_token(&text, &scheme);

		if (is_name(scheme, scheme_len, "basic"))
			one.scheme = CHALLENGE_BASIC;
		else if (is_name(scheme, scheme_len, "bearer"))
			one.scheme = CHALLENGE_BEARER;
		if (scheme_len == 0 || (text.at < text.end && !is_one_of(*text.at, " \t,")) ||
		    !read_parameters(&text, &one))
			return error_set(err, 0, "the header WWW-Authenticate is malformed");
		keep(&kept, &one);
	}
	*out = kept;
	return 0;
}
