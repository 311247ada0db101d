/*
 * auth.json: a line with host and repository, then the file.
 */
#include <assert.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "images/authfile.h"
#include "images/base64.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void round_trip(const char *text, size_t len)
{
	char *bytes = malloc(len + 1), *again = malloc(BASE64_SIZE(len));
	ssize_t n;

	if (!bytes || !again)
		abort();
	n = base64_decode(bytes, len, text, len);
	if (n >= 0) {
		base64_encode(again, bytes, (size_t)n);
		assert(strlen(again) == len && !memcmp(again, text, len));
	}
	free(bytes);
	free(again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct credential credential;
	const char *text = (const char *)data;
	const char *line_end = size ? memchr(text, '\n', size) : NULL;
	struct error err = ERROR_NONE;
	char host[256], *repository;
	size_t head;

	if (!line_end || line_end - text >= (ptrdiff_t)sizeof(host))
		return 0;
	head = (size_t)(line_end - text);
	memcpy(host, text, head);
	host[head] = '\0';
	round_trip(host, strlen(host));
	repository = strchr(host, ' ');
	if (!repository)
		return 0;
	*repository++ = '\0';
	if (authfile_match(&credential, line_end + 1, size - head - 1, host, repository, &err) < 0)
		assert(err.text[0] && !credential.found);
	assert(!credential.found || credential.helper[0] == '\0');
	return 0;
}
