/*
 * From the document that a source names to the plan of what to merge. A confined process parses;
 * this one hands out blobs, of which it checks what was asked for as if a stranger asked.
 */
#include <errno.h>
#include <string.h>

#include "images/import_internal.h"
#include "images/limits.h"
#include "images/message.h"
#include "images/parser.h"
#include "images/worker.h"
#include "vmm/base/cleanup.h"

int import_serve(struct import *import, int control, const char *request, size_t len,
		 struct image_blob *out, struct error *err)
{
	_cleanup_free_ char *data = NULL;
	struct image_blob blob;
	struct message_want want;

	if (len != sizeof(want))
		return error_set(err, 0, "the image parser asked for too much");
	memcpy(&want, request, sizeof(want));
	blob.size_bytes = le64_get(want.size_bytes);
	if (blob.size_bytes > IMAGE_DOCUMENT_MAX ||
	    digest_parse(&blob.digest, want.digest, strnlen(want.digest, sizeof(want.digest)),
			 err) < 0)
		return error_set(err, 0, "the image parser asked for too much");
	if (import->source->ops->fetch(import->source, &blob, 1, &import->sink, err) < 0 ||
	    blob_store_read(import->store, &blob, &data, err) < 0)
		return -1;
	if (message_send(control, MESSAGE_DOCUMENT, data, (size_t)blob.size_bytes) < 0)
		return error_set(err, errno, "the image parser has gone");
	*out = blob;
	return 0;
}

static int serve(struct import *import, int control, const char *request, size_t len,
		 struct error *err)
{
	if (import->wanted_count == WANTED_MAX)
		return error_set(err, 0, "the image parser asked for too much");
	if (import_serve(import, control, request, len, &import->wanted[import->wanted_count],
			 err) < 0)
		return -1;
	import->wanted_count++;
	return 0;
}

/* A document that the parser reports must be one that it was given. */
static int add_document(struct import *import, const struct digest *digest, struct error *err)
{
	for (size_t i = 0; i < import->wanted_count; i++) {
		if (digest_equal(&import->wanted[i].digest, digest)) {
			import->blobs[import->blob_count++] = import->wanted[i];
			return 0;
		}
	}
	return error_set(err, 0, "the image parser reported a document that it never saw");
}

static int take_plan(struct import *import, const void *data, size_t len, struct error *err)
{
	uint64_t total_bytes = 0;

	if (image_plan_decode(&import->plan, data, len, err) < 0 ||
	    add_document(import, &import->plan.manifest, err) < 0 ||
	    add_document(import, &import->plan.config_blob, err) < 0)
		return -1;
	for (size_t i = 0; i < import->plan.layer_count; i++) {
		const struct image_layer *layer = &import->plan.layers[i];

		if (layer->size_bytes > IMAGE_LAYERS_BYTES_MAX - total_bytes)
			return error_set(err, 0, "the image's layers have more than %ju bytes",
					 (uintmax_t)IMAGE_LAYERS_BYTES_MAX);
		total_bytes += layer->size_bytes;
		import->blobs[import->blob_count++] =
		    (struct image_blob){ layer->blob, layer->size_bytes };
	}
	return 0;
}

static int talk(struct import *import, struct worker *worker, struct error *err)
{
	for (;;) {
		_cleanup_free_ char *data = NULL;
		size_t len;
		int kind = worker_receive(worker, &data, &len, err);

		if (kind < 0)
			return -1;
		if (kind == MESSAGE_RESULT) {
			worker_kill(worker);
			return take_plan(import, data, len, err);
		}
		if (serve(import, worker->control, data, len, err) < 0) {
			worker_kill(worker);
			return -1;
		}
	}
}

static int parse(struct import *import, const struct source_document *document, struct error *err)
{
	struct parser_document job = { .document = document, .tag = import->reference.tag };
	const struct worker_job worker_job = { .load = digest_load,
					       .run = parser_documents,
					       .context = &job };
	struct worker worker;

	if (worker_start(&worker, &worker_job, err) < 0)
		return -1;
	return talk(import, &worker, err);
}

/*
 * Reads the manifest again, in a process that has seen no index. A manifest may be signed by
 * somebody else than who wrote the index that led to it, and an index that takes its reader over
 * must not say what that manifest consists of.
 */
static int parse_manifest_alone(struct import *import, struct error *err)
{
	struct source_document manifest = { .kind = DOCUMENT_MANIFEST_OR_INDEX,
					    .media_type =
						"application/vnd.oci.image.manifest.v1+json",
					    .blob = import->blobs[0] };

	image_config_free(&import->plan.config);
	import->plan = (struct image_plan){ .layer_count = 0 };
	import->blob_count = 0;
	if (parse(import, &manifest, err) < 0)
		return -1;
	if (!digest_equal(&import->plan.manifest, &manifest.blob.digest))
		return error_set(err, 0, "the image parser reported another manifest");
	return 0;
}

int import_read_documents(struct import *import, struct error *err)
{
	struct source_document *document = &import->document;

	if (import->source->ops->top(import->source, document, err) < 0)
		return -1;
	if (document->kind == DOCUMENT_ACI)
		return import_read_aci(import, err);
	if (document->kind == DOCUMENT_MANIFEST_OR_INDEX) {
		document->blob.size_bytes = document->len;
		if (blob_sink_put(&import->sink, &document->blob, document->data, err) < 0)
			return -1;
	}
	if (parse(import, document, err) < 0)
		return -1;
	if (document->kind == DOCUMENT_MANIFEST_OR_INDEX &&
	    digest_equal(&import->plan.manifest, &document->blob.digest))
		return 0;
	return parse_manifest_alone(import, err);
}
