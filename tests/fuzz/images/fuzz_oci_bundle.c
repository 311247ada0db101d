/*
 * Bundles: the input is documents with a NUL after each, or flat fields if it begins as they do.
 * What is read must come back from its fields as it was; what is decoded must have the form that
 * the rest of the program counts on.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "images/oci_bundle.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char fields_start[] = "nacelle bundle";

static void check(const struct oci_bundle *bundle)
{
	assert(bundle->texts[OCI_ROOT_PATH] && bundle->texts[OCI_USER]);
	assert(bundle->texts[OCI_CWD][0] == '/' && bundle->lists[OCI_ARGS].count);
	assert(bundle->lists[OCI_ANNOTATIONS].count % 2 == 0);
	for (size_t i = 0; i < bundle->lists[OCI_ENV].count; i++)
		assert(strchr(bundle->lists[OCI_ENV].items[i], '=') >
		       bundle->lists[OCI_ENV].items[i]);
	for (size_t i = 0; i < bundle->mount_count; i++)
		assert(bundle->mounts[i].target[0] == '/' &&
		       (bundle->mounts[i].source != NULL) ==
			   ((bundle->mounts[i].flags & OCI_MOUNT_BIND) != 0));
	for (size_t i = 0; i < bundle->hook_count; i++)
		assert(bundle->hooks[i].path[0] == '/' && oci_hook_name(bundle->hooks[i].kind));
	(void)oci_bundle_annotation(bundle, "a");
}

/* Decodes, and encodes again: must be the same if it was encoded here. */
static void decode(const void *data, size_t len, bool must)
{
	struct error err = ERROR_NONE;
	struct oci_bundle bundle;
	size_t again_len;
	void *again;

	if (oci_bundle_decode(&bundle, data, len, &err) < 0) {
		assert(!must && err.text[0]);
		return;
	}
	check(&bundle);
	assert(oci_bundle_encode(&bundle, &again, &again_len) == 0);
	assert(!must || (again_len == len && !memcmp(again, data, len)));
	free(again);
	oci_bundle_free(&bundle);
}

static void read_one(const char *text, size_t len)
{
	struct error err = ERROR_NONE;
	struct oci_bundle bundle;
	size_t data_len;
	void *data;

	if (oci_bundle_read(&bundle, text, len, &err) < 0) {
		assert(err.text[0]);
		return;
	}
	check(&bundle);
	assert(oci_bundle_encode(&bundle, &data, &data_len) == 0);
	decode(data, data_len, true);
	free(data);
	oci_bundle_free(&bundle);
}

/* The same as a part that stands alone. */
static void read_part(int (*read)(struct oci_bundle *, const char *, size_t, struct error *),
		      int (*decode_part)(struct oci_bundle *, const void *, size_t, struct error *),
		      const char *text, size_t len)
{
	struct error err = ERROR_NONE;
	struct oci_bundle part, back;
	size_t data_len;
	void *data;

	if (read(&part, text, len, &err) < 0) {
		assert(err.text[0]);
		return;
	}
	assert(oci_bundle_encode(&part, &data, &data_len) == 0);
	assert(decode_part(&back, data, data_len, &err) == 0);
	free(data);
	oci_bundle_free(&part);
	oci_bundle_free(&back);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size > strlen(fields_start) && !memcmp(data, fields_start, strlen(fields_start))) {
		decode(data, size, false);
		return 0;
	}
	while (size) {
		const uint8_t *end = memchr(data, '\0', size);
		size_t len = end ? (size_t)(end - data) : size;

		read_one((const char *)data, len);
		read_part(oci_process_read, oci_process_decode, (const char *)data, len);
		read_part(oci_resources_read, oci_resources_decode, (const char *)data, len);
		data += len + (end != NULL);
		size -= len + (end != NULL);
	}
	return 0;
}
