/*
 * WWW-Authenticate: lines are headers of one answer.
 */
#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "images/challenge.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const struct challenge *challenge, size_t size)
{
	assert(challenge->scheme != CHALLENGE_BEARER || challenge->realm[0]);
	assert(strlen(challenge->realm) + strlen(challenge->scope) <= size);
	for (const char *at = challenge->realm; *at; at++)
		assert((unsigned char)*at >= 0x20);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct challenge challenge = { 0 };
	const char *at = (const char *)data, *end = at + size;

	while (at && at < end) {
		const char *line_end = memchr(at, '\n', (size_t)(end - at));
		enum challenge_scheme before = challenge.scheme;
		struct error err = ERROR_NONE;
		size_t len = (size_t)((line_end ? line_end : end) - at);

		if (challenge_read(&challenge, at, len, &err) < 0)
			assert(err.text[0] && challenge.scheme == before);
		check(&challenge, size);
		at = line_end ? line_end + 1 : NULL;
	}
	return 0;
}
