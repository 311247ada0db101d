/*
 * Headers of a registry's answer: each line of the input is one.
 */
#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "images/registry_headers.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const struct http_exchange *exchange)
{
	assert(strlen(exchange->content_type) < sizeof(exchange->content_type));
	assert(strlen(exchange->content_digest) < sizeof(exchange->content_digest));
	assert(strpbrk(exchange->content_type, "; \tABC") == NULL);
	assert(exchange->location[0] == '\0');
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct http_exchange exchange;
	const char *at = (const char *)data, *end = at + size;

	exchange.why = (struct error)ERROR_NONE;
	http_forget_headers(&exchange);
	while (at && at < end) {
		const char *line_end = memchr(at, '\n', (size_t)(end - at));
		size_t len = (size_t)((line_end ? line_end + 1 : end) - at);

		if (!http_read_header(&exchange, at, len))
			assert(exchange.why.text[0]);
		check(&exchange);
		at = line_end ? line_end + 1 : NULL;
	}
	return 0;
}
