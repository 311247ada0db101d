/*
 * Describing an image of the store: its documents go into a confined process with the fork, flat
 * fields come out.
 */
#include "images/describe.h"

#include <errno.h>
#include <stdlib.h>

#include "images/blob_store.h"
#include "images/limits.h"
#include "images/message.h"
#include "images/worker.h"
#include "vmm/base/cleanup.h"

/* The confined process's work. */
static int describe(void *context, int control, struct error *err)
{
	_cleanup_free_ void *data = NULL;
	size_t len;

	if (image_description_encode(context, &data, &len, err) < 0)
		return -1;
	if (message_send(control, MESSAGE_RESULT, data, len) < 0)
		return error_set(err, errno, "cannot report what the image says");
	return 0;
}

static int read_documents(const struct store *store, const struct image_record *record,
			  struct image_documents *out, struct error *err)
{
	if (record->kind != IMAGE_KIND_OCI || record->blob_count < 2 ||
	    record->blobs[0].size_bytes > IMAGE_DOCUMENT_MAX ||
	    record->blobs[1].size_bytes > IMAGE_DOCUMENT_MAX)
		return error_set(err, 0, "the image has no documents");
	out->manifest_len = (size_t)record->blobs[0].size_bytes;
	out->config_len = (size_t)record->blobs[1].size_bytes;
	if (blob_store_read(store, &record->blobs[0], &out->manifest, err) < 0)
		return -1;
	return blob_store_read(store, &record->blobs[1], &out->config, err);
}

static int run_worker(const struct image_record *record, struct image_documents *documents,
		      struct image_description *out, struct error *err)
{
	const struct worker_job job = { .load = digest_load,
					.run = describe,
					.context = documents };
	_cleanup_free_ char *data = NULL;
	struct worker worker;
	size_t len;
	int kind;

	if (worker_start(&worker, &job, err) < 0)
		return -1;
	kind = worker_receive(&worker, &data, &len, err);
	if (kind < 0)
		return -1;
	worker_kill(&worker);
	if (kind != MESSAGE_RESULT)
		return error_set(err, 0, "the image parser reported nonsense");
	return image_description_decode(out, record->blob_count - 2, data, len, err);
}

int image_describe(const struct store *store, const struct image_record *record,
		   struct image_description *out, struct error *err)
{
	struct image_documents documents = { 0 };
	int result;

	*out = (struct image_description){ 0 };
	result = read_documents(store, record, &documents, err);
	if (result == 0)
		result = run_worker(record, &documents, out, err);
	free(documents.manifest);
	free(documents.config);
	return result;
}
