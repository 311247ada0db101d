/*
 * The store's records of verdicts and signatures: what decodes encodes to something that decodes to
 * the same.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "images/signature.h"
#include "images/verdict.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* More files than it has room for make a verdict one that is not kept. */
static void fill(struct verdict *verdict)
{
	const struct policy_place place = { .directory = "/etc/nacelle" };

	for (size_t i = 0; i <= VERDICT_FILES_MAX; i++) {
		struct policy_file file = { .data = strdup("{}"), .len = 2 };

		assert(file.data && verdict_add(verdict, &place, "policy.json", &file) == 0);
	}
	assert(verdict->is_incomplete && verdict_has(verdict, &place, "policy.json"));
	assert(!verdict_has(verdict, &place, "policy"));
}

static void try_verdict(const uint8_t *data, size_t size)
{
	struct verdict verdict, back;
	void *encoded;
	size_t len;

	if (verdict_decode(&verdict, data, size) < 0)
		return;
	assert(verdict_encode(&verdict, &encoded, &len) == 0);
	assert(verdict_decode(&back, encoded, len) == 0);
	assert(back.file_count == verdict.file_count && !strcmp(back.name, verdict.name));
	for (size_t i = 0; i < back.file_count; i++)
		assert(policy_file_equal(&back.files[i].file, &verdict.files[i].file));
	free(encoded);
	fill(&back);
	verdict_free(&back);
	verdict_free(&verdict);
}

static void try_signatures(const uint8_t *data, size_t size)
{
	struct signature_list list, back;
	void *encoded;
	size_t len;

	if (signature_list_decode(&list, data, size, NULL) < 0)
		return;
	assert(signature_list_encode(&list, &encoded, &len) == 0);
	assert(signature_list_decode(&back, encoded, len, NULL) == 0);
	assert(back.count == list.count);
	free(encoded);
	signature_list_free(&back);
	signature_list_free(&list);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	try_verdict(data, size);
	try_signatures(data, size);
	return 0;
}
