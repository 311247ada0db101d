/*
 * The importer. It opens, sizes, hashes and names; every byte whose meaning an image author chose
 * is parsed by a confined process instead: one for what leads to the manifest, one for the manifest
 * and its configuration, and, after those have gone, one for the layers. So a layer that takes its
 * parser over can change the image of these very layers and nothing else: their digests, computed
 * here, are the image's name.
 */
#include "images/import.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "images/import_internal.h"
#include "images/layout.h"
#include "images/publish.h"
#include "images/record.h"
#include "vmm/base/bytes.h"
#include "vmm/base/cleanup.h"

/* Brings the layers that the store does not have. */
static int fetch_layers(struct import *import, struct error *err)
{
	struct image_blob missing[ARRAY_SIZE(import->blobs)];
	size_t count = 0;

	for (size_t i = 0; i < import->blob_count; i++) {
		const struct image_blob *blob = &import->blobs[i];
		bool is_twice = false;

		for (size_t j = 0; j < count; j++)
			is_twice = is_twice || digest_equal(&missing[j].digest, &blob->digest);
		if (!is_twice && !blob_store_has(import->store, blob))
			missing[count++] = *blob;
	}
	return import->source->ops->fetch(import->source, missing, count, &import->sink, err);
}

static int publish_reference(struct import *import, struct error *err)
{
	const struct reference_record record = { .canonical = import->source->canonical,
						 .name = import->name,
						 .manifest = import->plan.manifest,
						 .witness = import->source->witness,
						 .witness_len = import->source->witness_len,
						 .has_witness = import->source->has_witness };
	_cleanup_free_ void *data = NULL;
	char name[STORE_NAME_MAX];
	size_t len;

	if (reference_record_encode(&record, &data, &len) < 0)
		return error_set(err, ENOMEM, "cannot write a reference record");
	store_reference_name(name, record.canonical);
	return store_publish(import->store, name, data, len, err);
}

/* Everything happens under the shared lock: what has its name already is not yet needed by any. */
static int run(struct import *import, struct error *err)
{
	if (store_lock(import->store, STORE_LOCK_SHARED, true, &import->lock_fd, err) < 0)
		return -1;
	store_sweep(import->store, STORE_PARTIAL_AGE_MAX_S);
	if (source_open(&import->source, &import->reference, import->options, &import->sink, err) <
	    0)
		return -1;
	if (import_read_documents(import, err) < 0)
		return -1;
	if (import->document.kind != DOCUMENT_ACI) /* it has its name from its manifest */
		image_reference_name(import->source->canonical, import->name);
	if (import_decide(import, err) < 0 || fetch_layers(import, err) < 0 ||
	    import_make_record(import, err) < 0 || import_keep_decision(import, err) < 0)
		return -1;
	return publish_reference(import, err);
}

static void release(struct import *import)
{
	source_close(import->source);
	source_document_free(&import->document);
	import_aci_free(import->aci);
	blob_sink_free(&import->sink);
	cleanup_fd(&import->lock_fd);
	store_close(import->store);
	image_config_free(&import->plan.config);
	signature_list_free(&import->signatures);
	trust_decision_free(&import->decision);
	free(import);
}

int import_image(const struct import_options *options, const char *reference,
		 struct import_result *out, struct error *err)
{
	struct import *import = calloc(1, sizeof(*import));
	int result;

	if (!import)
		return error_set(err, ENOMEM, "cannot import an image");
	import->options = options;
	import->lock_fd = -1;
	result = image_reference_parse(&import->reference, reference, err);
	if (result == 0)
		result = store_open(&import->store, options->root, err);
	if (result == 0) {
		import->sink = (struct blob_sink){
			.store = import->store,
			.keep_partial = import->reference.transport == IMAGE_DOCKER,
		};
		result = run(import, err);
	}
	if (result == 0) {
		*out = (struct import_result){ .manifest = import->plan.manifest,
					       .size_bytes = import->size_bytes,
					       .dropped_xattrs = import->dropped_xattrs,
					       .built = import->built };
		import_aci_list_unapplied(import, out->unapplied);
	} else if (import->store) {
		cleanup_fd(&import->lock_fd);
		import->lock_fd = -1;
		blob_sink_forget(&import->sink);
	}
	release(import);
	return result;
}
