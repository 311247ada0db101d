/*
 * Headers of a registry's answers, one line at a time. Strangers' bytes; what does not fit or
 * cannot be read counts as not there, but for WWW-Authenticate, where that would hide what was
 * wrong.
 */
#include "images/registry_headers.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* "name:value" of a header line: copies the value, without blanks around it. */
static bool header_value(const char *line, size_t len, const char *name, char *value, size_t size)
{
	size_t name_len = strlen(name);

	if (len <= name_len || strncasecmp(line, name, name_len) != 0 || line[name_len] != ':')
		return false;
	line += name_len + 1;
	len -= name_len + 1;
	while (len && isspace((unsigned char)*line)) {
		line++;
		len--;
	}
	while (len && isspace((unsigned char)line[len - 1]))
		len--;
	if (len >= size || memchr(line, '\0', len))
		return false;
	memcpy(value, line, len);
	value[len] = '\0';
	return true;
}

static void read_type(struct http_exchange *exchange, const char *value)
{
	size_t len = strcspn(value, "; \t");

	if (len >= sizeof(exchange->content_type))
		return;
	for (size_t i = 0; i < len; i++)
		exchange->content_type[i] = (char)tolower((unsigned char)value[i]);
	exchange->content_type[len] = '\0';
}

/* A number without a sign; false if there is none or it is too large. */
static bool read_number(const char *text, uint64_t *out)
{
	char *end;

	if (!isdigit((unsigned char)*text))
		return false;
	errno = 0;
	*out = strtoull(text, &end, 10);
	return errno == 0;
}

void http_forget_headers(struct http_exchange *exchange)
{
	exchange->content_type[0] = exchange->content_digest[0] = exchange->location[0] = '\0';
	exchange->challenge = (struct challenge){ 0 };
	exchange->retry_after_s = 0;
	exchange->content_from = UINT64_MAX;
}

bool http_read_header(struct http_exchange *exchange, const char *line, size_t len)
{
	char value[CHALLENGE_HEADER_MAX + 1];

	if (len >= 5 && memcmp(line, "HTTP/", 5) == 0)
		http_forget_headers(exchange); /* those before belonged to an interim answer */
	else if (header_value(line, len, "Content-Type", value, sizeof(value)))
		read_type(exchange, value);
	else if (header_value(line, len, "Docker-Content-Digest", value, sizeof(value)))
		/* One that does not fit is none, which stays to be seen. */
		(void)snprintf(exchange->content_digest, sizeof(exchange->content_digest), "%.*s",
			       DIGEST_TEXT_SIZE - 1, value);
	else if (header_value(line, len, "Retry-After", value, sizeof(value)))
		(void)read_number(value, &exchange->retry_after_s);
	else if (header_value(line, len, "Content-Range", value, sizeof(value)) &&
		 strncasecmp(value, "bytes ", 6) == 0)
		(void)read_number(value + 6, &exchange->content_from);
	else if (header_value(line, len, "WWW-Authenticate", value, sizeof(value)))
		return challenge_read(&exchange->challenge, value, strlen(value), &exchange->why) ==
		       0;
	return true;
}
