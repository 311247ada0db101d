/*
 * What an image says of itself, and its configuration with a layer more: the input is a manifest, a
 * NUL and a configuration, or, after a first byte of 1, what a confined process that was taken over
 * reports.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "images/append.h"
#include "images/describe.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void decode(const void *data, size_t len, size_t layers)
{
	struct image_description description;

	if (image_description_decode(&description, layers, data, len, NULL) < 0)
		return;
	assert(description.media_type && description.labels.count % 2 == 0 &&
	       description.annotations.count % 2 == 0 &&
	       description.layer_media_types.count == layers);
	image_description_free(&description);
}

/* What is made can be read, and be added to again. */
static void append(const struct image_documents *documents)
{
	const struct append_entry entry = { "sha256:00", "2026-11-22T10:00:00Z" };
	char *once, *twice;

	if (append_config(documents->config, documents->config_len, &entry, &once, NULL) < 0)
		return;
	/* Far from the limits of a document's size and of how many values it has. */
	if (documents->config_len < 65536) {
		assert(append_config(once, strlen(once), &entry, &twice, NULL) == 0);
		free(twice);
	}
	free(once);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1);
	struct image_documents documents = { .manifest = text };
	void *encoded;
	size_t len;

	assert(text);
	memcpy(text, data, size);
	text[size] = '\0';
	if (size && data[0] == 1) {
		decode(text + 1, size - 1, 1);
		free(text);
		return 0;
	}
	documents.manifest_len = strnlen(text, size);
	documents.config = text + documents.manifest_len + (documents.manifest_len < size);
	documents.config_len = size - (size_t)(documents.config - text);
	if (image_description_encode(&documents, &encoded, &len, NULL) == 0) {
		for (size_t layers = 0; layers < 3; layers++)
			decode(encoded, len, layers);
		free(encoded);
	}
	append(&documents);
	free(text);
	return 0;
}
