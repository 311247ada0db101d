/*
 * The documents of a layout: the input is documents with a NUL after each, oci-layout, index.json
 * and then whatever is fetched, in that order. Digests are not looked at here, so a document may be
 * anything; it is filled with spaces to the size that its descriptor says.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "images/json.h"
#include "images/oci.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct documents {
	const char *at;
	size_t left;
};

/* The next document; an empty one when there are no more. */
static const char *next(struct documents *documents, size_t *len)
{
	const char *start = documents->at;
	const char *end = documents->left ? memchr(start, '\0', documents->left) : NULL;

	*len = end ? (size_t)(end - start) : documents->left;
	documents->at += *len + (end != NULL);
	documents->left -= *len + (end != NULL);
	return start;
}

static int fetch(void *context, const struct digest *digest, uint64_t size_bytes, char **data,
		 struct error *err)
{
	size_t len;
	const char *text = next(context, &len);

	assert(digest->algorithm);
	if (size_bytes > 65536 || size_bytes < len)
		return error_set(err, 0, "too large");
	*data = malloc(size_bytes + 1);
	if (!*data)
		abort();
	memset(*data, ' ', size_bytes);
	memcpy(*data, text, len);
	return 0;
}

static void check_plan(struct image_plan *plan)
{
	struct image_plan back;
	void *data;
	size_t len;

	for (size_t i = 0; i < plan->config.env.count; i++)
		assert(strchr(plan->config.env.items[i], '=') > plan->config.env.items[i]);
	for (size_t i = 0; i < plan->config.volumes.count; i++)
		assert(plan->config.volumes.items[i][0] == '/');
	for (size_t i = 0; i < plan->layer_count; i++)
		assert(plan->layers[i].blob.algorithm && plan->layers[i].diff_id.algorithm);
	assert(plan->config.stop_signal >= 0 && plan->config.stop_signal <= 64);
	assert(image_plan_encode(plan, &data, &len) == 0);
	assert(image_plan_decode(&back, data, len, NULL) == 0);
	image_config_free(&back.config);
	free(data);
}

/* What other readers of documents ask, of every member of the index. */
static void try_getters(const char *text, size_t len)
{
	const struct cJSON *member;
	struct cJSON *json;
	double number;
	bool truth;

	if (json_parse(&json, text, len, NULL) < 0)
		return;
	if (json_is_object(json)) {
		for (const struct cJSON *m = json_first(json); m; m = json_next(m)) {
			assert(json_member(json, json_key(m), &member, NULL) <= 0 || member == m);
			(void)json_bool(json, json_key(m), &truth, NULL);
			(void)json_number(m, &number);
		}
	}
	assert(!json_is_array(json) || !json_is_object(json));
	json_wipe(json);
	json_free(json);
}

/* A manifest or an index as a registry gives it, of which the descriptor is made up. */
static void try_registry(struct documents documents)
{
	const struct oci_source source = { fetch, &documents };
	const struct oci_document document = {
		.media_type = documents.left % 2 ? "application/vnd.oci.image.manifest.v1+json"
						 : "application/vnd.oci.image.index.v1+json",
		.digest = { .algorithm = DIGEST_SHA256 },
		.size_bytes = 60000
	};
	struct image_plan plan;

	if (oci_resolve_document(&document, &source, &plan, NULL) == 0) {
		check_plan(&plan);
		image_config_free(&plan.config);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct documents documents = { (const char *)data, size };
	const struct oci_source source = { fetch, &documents };
	struct oci_layout layout = { .tag = size % 2 ? "v1" : "" };
	struct image_plan plan;

	layout.marker = next(&documents, &layout.marker_len);
	try_registry(documents);
	layout.index = next(&documents, &layout.index_len);
	try_getters(layout.index, layout.index_len);
	if (oci_resolve(&layout, &source, &plan, NULL) == 0) {
		check_plan(&plan);
		image_config_free(&plan.config);
	}
	return 0;
}
