/*
 * What an app sends to the metadata service: the input is the bytes of a connection. After a 'D' it
 * is what the host has written for the service instead.
 */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "guest-init/metadata/answer.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* In an allocation of just that size. */
static char *copy(const void *data, size_t size)
{
	char *bytes = malloc(size ? size : 1);

	assert(bytes);
	if (size)
		memcpy(bytes, data, size);
	return bytes;
}

static void read_documents(const uint8_t *data, size_t size)
{
	static struct documents documents;
	char *bytes = copy(data, size);

	if (documents_read(&documents, bytes, size) == 0) {
		assert(documents.token_len && documents.token_len <= METADATA_TOKEN_MAX);
		for (size_t i = 0; i < documents.count; i++) {
			const struct document *document = &documents.items[i];

			assert(documents_find(&documents, document->name, document->name_len) ==
			       document);
			assert(document->body >= bytes &&
			       document->body + document->len <= bytes + size);
		}
	}
	free(bytes);
}

static void check(const struct answer *answer)
{
	assert(strlen(answer_reason(answer->status)) > 0);
	assert(answer->status == 200 || strcmp(answer->body, answer_reason(answer->status)) == 0);
	for (size_t i = 0; i < answer->len; i++)
		assert(answer->body[i] >= ' ');
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct documents documents = {
		.items = { { "pod/uuid", 8, "U", 1, false },
			   { "pod/manifest", 12, "{}", 2, true } },
		.count = 2,
		.token = "T",
		.token_len = 1,
		.uuid = &documents.items[0],
	};
	static const uint8_t key[IDENTITY_KEY_LEN];
	static struct identity identity;
	struct request request;
	struct answer answer;
	int status;
	char *bytes;

	if (size && data[0] == 'D') {
		read_documents(data + 1, size - 1);
		return 0;
	}
	identity_set(&identity, key, "U", 1);
	bytes = copy(data, size);
	status = request_read(&request, bytes, size);
	if (status == 200) {
		assert(request.head_len <= size && request.head_len <= REQUEST_HEAD_MAX);
		assert(request.body_len <= REQUEST_SIZE_MAX - request.head_len);
		if (request.body_len <= size - request.head_len) {
			answer_make(&answer, &documents, &identity, &request,
				    bytes + request.head_len);
			check(&answer);
		}
	} else if (status != 0) {
		answer_refuse(&answer, status);
		check(&answer);
	} else {
		assert(size < REQUEST_HEAD_MAX);
	}
	free(bytes);
	return 0;
}
