/*
 * Image references and digests, the two strings that become parts of names in the store.
 */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "images/digest.h"
#include "images/reference.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void try_digest(const char *text, size_t len)
{
	char back[DIGEST_TEXT_SIZE];
	struct digest digest;

	if (digest_parse(&digest, text, len, NULL) < 0)
		return;
	digest_format(&digest, back);
	assert(strlen(back) == len && !memcmp(back, text, len));
}

/*
 * What a registry's reference is normalized to is a reference, and normal. Its name is that without
 * the port 443 (image_reference_name()), and as a reference has the same name.
 */
static void try_canonical(const struct image_reference *reference)
{
	char text[IMAGE_NAME_SIZE], name[IMAGE_NAME_SIZE], again[IMAGE_NAME_SIZE];
	struct image_reference parsed;

	assert(reference->host[0] && (reference->tag[0] == '\0') != (reference->digest[0] == '\0'));
	assert(!strstr(reference->path, "..") && !strstr(reference->path, "//"));
	assert(image_reference_canonical(reference, text, NULL) == 0);
	assert(image_reference_parse(&parsed, text, NULL) == 0);
	assert(image_reference_canonical(&parsed, again, NULL) == 0);
	assert(!strcmp(text, again));
	image_reference_name(text, name);
	assert(strlen(name) < sizeof(again) - strlen("docker://"));
	(void)snprintf(again, sizeof(again), "docker://%.*s", IMAGE_NAME_SIZE - 16, name);
	assert(image_reference_parse(&parsed, again, NULL) == 0);
	assert(image_reference_canonical(&parsed, text, NULL) == 0);
	image_reference_name(text, again);
	assert(!strcmp(name, again));
}

static void try_reference(const char *text)
{
	struct image_reference reference;
	struct error err = ERROR_NONE;

	if (image_reference_parse(&reference, text, &err) < 0) {
		assert(err.text[0]);
		return;
	}
	assert(reference.path[0]);
	if (reference.transport == IMAGE_DOCKER)
		try_canonical(&reference);
	if (reference.transport != IMAGE_OCI)
		return;
	assert(!strstr(reference.tag, "..") && !strstr(reference.tag, "//"));
	assert(reference.tag[0] != '/' && strspn(reference.tag, "\n\033 \\") == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1);

	if (!text)
		abort();
	if (size)
		memcpy(text, data, size);
	text[size] = '\0';
	try_digest(text, size);
	try_reference(text);
	free(text);
	return 0;
}
