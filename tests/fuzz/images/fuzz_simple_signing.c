/*
 * Cosign's documents: a payload, and what leads to one. The first byte says which.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "images/simple_signing.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Every document that is asked for is a manifest of one signature. */
static int fetch(void *context, const struct digest *digest, uint64_t size_bytes, char **data,
		 struct error *err)
{
	static const char manifest[] =
	    "{\"schemaVersion\":2,\"config\":{},\"layers\":[{\"mediaType\":"
	    "\"application/vnd.dev.cosign.simplesigning.v1+json\",\"size\":1,\"digest\":"
	    "\"sha256:0102030000000000000000000000000000000000000000000000000000000000\","
	    "\"annotations\":{\"dev.cosignproject.cosign/signature\":\"AAAA\"}}]}";

	(void)context;
	(void)digest;
	if (size_bytes != strlen(manifest))
		return error_set(err, 0, "no such document");
	*data = strdup(manifest);
	return *data ? 0 : -1;
}

static void try_list(const char *text, size_t size, bool is_index, const struct digest *image)
{
	const struct oci_source source = { .fetch = fetch };
	const struct signature_search search = { text, size, is_index, image, 1 };
	struct signature_entries entries, back;
	void *encoded;
	size_t len;

	if (simple_signing_list(&search, &source, &entries, NULL) < 0)
		return;
	assert(entries.count <= SIGNATURE_ENTRIES_MAX);
	assert(signature_entries_encode(&entries, &encoded, &len) == 0);
	assert(signature_entries_decode(&back, encoded, len, NULL) == 0);
	assert(back.count == entries.count);
	free(encoded);
	signature_entries_free(&back);
	signature_entries_free(&entries);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char index[] =
	    "{\"schemaVersion\":2,\"manifests\":[{\"mediaType\":"
	    "\"application/vnd.oci.image.manifest.v1+json\",\"size\":2,\"digest\":"
	    "\"sha256:0102030000000000000000000000000000000000000000000000000000000000\"}]}";
	const struct digest manifest = { .algorithm = DIGEST_SHA256, .bytes = { 1, 2, 3 } };
	struct simple_signing_claim claim = { .name = "example.com/app:1",
					      .manifest = &manifest,
					      .index = index,
					      .index_len = strlen(index) };
	struct signature_entries entries;
	const char *text;

	if (size == 0)
		return 0;
	text = (const char *)data + 1;
	switch (data[0]) {
	case 'p':
		(void)simple_signing_check(text, size - 1, &claim, NULL);
		claim.name = "oci:/x";
		claim.index = NULL;
		(void)simple_signing_check(text, size - 1, &claim, NULL);
		break;
	case 'i':
		try_list(text, size - 1, true, &manifest);
		break;
	case 'm':
		try_list(text, size - 1, false, &manifest);
		break;
	default:
		if (signature_entries_decode(&entries, text, size - 1, NULL) == 0)
			signature_entries_free(&entries);
	}
	return 0;
}
