/*
 * An image with one layer more. Its documents and the layer go into the store for as long as it is
 * written out, so that it is exported as any image is; the image's own documents are read by
 * confined processes.
 */
#include "images/append.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "images/blob_store.h"
#include "images/describe.h"
#include "images/export.h"
#include "images/limits.h"
#include "images/message.h"
#include "images/oci_internal.h"
#include "images/store_lock.h"
#include "images/worker.h"
#include "vmm/base/bytes.h"
#include "vmm/base/cleanup.h"
#include "vmm/base/json_writer.h"

#define MANIFEST_TYPE "application/vnd.oci.image.manifest.v1+json"
#define CONFIG_TYPE   "application/vnd.oci.image.config.v1+json"
#define LAYER_TYPE    "application/vnd.oci.image.layer.v1.tar"

enum { BLOB_MANIFEST, BLOB_CONFIG, BLOB_LAYERS };

struct job {
	char *config;
	size_t config_len;
	struct append_entry entry;
};

/* The confined process's work. */
static int make_config(void *context, int control, struct error *err)
{
	const struct job *job = context;
	_cleanup_free_ char *made = NULL;

	if (append_config(job->config, job->config_len, &job->entry, &made, err) < 0)
		return -1;
	if (message_send(control, MESSAGE_RESULT, made, strlen(made)) < 0)
		return error_set(err, errno, "cannot report a configuration");
	return 0;
}

static int run_worker(struct job *job, char **made, size_t *len, struct error *err)
{
	const struct worker_job work = { .load = digest_load, .run = make_config, .context = job };
	struct worker worker;
	int kind;

	if (worker_start(&worker, &work, err) < 0)
		return -1;
	kind = worker_receive(&worker, made, len, err);
	if (kind < 0)
		return -1;
	worker_kill(&worker);
	return kind == MESSAGE_RESULT
		   ? 0
		   : error_set(err, 0, "the parser of configurations reported nonsense");
}

/* Puts the new configuration; layer has its digest, which is that of its content. */
static int put_config(struct blob_sink *sink, const struct append *append,
		      const struct image_blob *layer, struct image_blob *out, struct error *err)
{
	const struct image_blob *old = &append->base->blobs[BLOB_CONFIG];
	char diff_id[DIGEST_TEXT_SIZE];
	struct job job = { .config_len = (size_t)old->size_bytes,
			   .entry = { diff_id, append->created } };
	_cleanup_free_ char *made = NULL;
	size_t len = 0;
	int result;

	digest_format(&layer->digest, diff_id);
	if (blob_store_read(sink->store, old, &job.config, err) < 0)
		return -1;
	result = run_worker(&job, &made, &len, err);
	free(job.config);
	if (result < 0)
		return -1;
	if (len > IMAGE_DOCUMENT_MAX)
		return error_set(err, 0, "the configuration is larger than %d bytes",
				 IMAGE_DOCUMENT_MAX);
	*out = (struct image_blob){ .size_bytes = len };
	return blob_sink_put(sink, out, made, err);
}

/* As OCI calls what Docker may call otherwise; NULL: it is no layer. */
static const char *layer_type(const char *found)
{
	static const char *const types[] = {
		[MEDIA_LAYER_PLAIN] = LAYER_TYPE,
		[MEDIA_LAYER_GZIP] = LAYER_TYPE "+gzip",
		[MEDIA_LAYER_ZSTD] = LAYER_TYPE "+zstd",
		[MEDIA_LAYER_XZ] = LAYER_TYPE "+xz",
	};
	enum media_kind kind = oci_media_kind(found);

	return kind < ARRAY_SIZE(types) ? types[kind] : NULL;
}

static void put_descriptor(struct json_writer *json, const char *key, const char *type,
			   const struct image_blob *blob)
{
	char digest[DIGEST_TEXT_SIZE];

	digest_format(&blob->digest, digest);
	json_open(json, key, '{');
	json_put_text(json, "mediaType", type);
	json_put_text(json, "digest", digest);
	json_put_number(json, "size", blob->size_bytes);
	json_close(json, '}');
}

static int put_layers(struct json_writer *json, const struct image_blob *blobs, size_t count,
		      const struct string_list *types, struct error *err)
{
	json_open(json, "layers", '[');
	for (size_t i = 0; i < types->count; i++) {
		const char *type = layer_type(types->items[i]);

		if (!type)
			return error_set(err, 0, "a layer of the image has the media type %.100s",
					 types->items[i]);
		put_descriptor(json, NULL, type, &blobs[BLOB_LAYERS + i]);
	}
	put_descriptor(json, NULL, LAYER_TYPE, &blobs[count - 1]);
	json_close(json, ']');
	return 0;
}

static int write_manifest(FILE *out, const struct image_blob *blobs, size_t count,
			  const struct image_description *base, struct error *err)
{
	struct json_writer json;

	json_begin(&json, out);
	json_open(&json, NULL, '{');
	json_put_number(&json, "schemaVersion", 2);
	json_put_text(&json, "mediaType", MANIFEST_TYPE);
	put_descriptor(&json, "config", CONFIG_TYPE, &blobs[BLOB_CONFIG]);
	if (put_layers(&json, blobs, count, &base->layer_media_types, err) < 0)
		return -1;
	if (base->annotations.count) {
		json_open(&json, "annotations", '{');
		for (size_t i = 0; i + 1 < base->annotations.count; i += 2)
			json_put_text(&json, base->annotations.items[i],
				      base->annotations.items[i + 1]);
		json_close(&json, '}');
	}
	json_close(&json, '}');
	json_end(&json);
	return 0;
}

static int put_manifest(struct blob_sink *sink, const struct append *append,
			struct image_blob *blobs, size_t count, struct error *err)
{
	struct image_description base;
	_cleanup_free_ char *text = NULL;
	size_t len = 0;
	FILE *out;
	int result;

	if (image_describe(sink->store, append->base, &base, err) < 0)
		return -1;
	out = open_memstream(&text, &len);
	result = out ? write_manifest(out, blobs, count, &base, err)
		     : error_set(err, errno, "cannot write a manifest");
	image_description_free(&base);
	if (out && fclose(out) != 0 && result == 0)
		result = error_set(err, errno, "cannot write a manifest");
	if (result < 0)
		return -1;
	blobs[BLOB_MANIFEST] = (struct image_blob){ .size_bytes = len };
	return blob_sink_put(sink, &blobs[BLOB_MANIFEST], text, err);
}

/* All blobs of the new image, as a record has them. */
static int put_all(struct blob_sink *sink, const struct append *append, struct image_blob *blobs,
		   size_t count, struct error *err)
{
	struct image_blob *layer = &blobs[count - 1];
	struct stat st;

	if (fstat(append->layer_fd, &st) < 0 || !S_ISREG(st.st_mode))
		return error_set(err, 0, "the layer is not a regular file");
	memcpy(blobs, append->base->blobs, (count - 1) * sizeof(*blobs));
	*layer = (struct image_blob){ .size_bytes = (uint64_t)st.st_size };
	if (blob_sink_copy(sink, layer, append->layer_fd, 0, err) < 0 ||
	    put_config(sink, append, layer, &blobs[BLOB_CONFIG], err) < 0)
		return -1;
	return put_manifest(sink, append, blobs, count, err);
}

static int write_layout(struct blob_sink *sink, const struct append *append,
			const struct image_reference *target, struct error *err)
{
	static const struct signature_list none;
	size_t count = append->base->blob_count + 1;
	_cleanup_free_ struct image_blob *blobs = calloc(count, sizeof(*blobs));
	const struct image_record record = { .kind = IMAGE_KIND_OCI,
					     .blobs = blobs,
					     .blob_count = count };
	const struct export export = { .store = sink->store,
				       .record = &record,
				       .signatures = &none,
				       .media_type = MANIFEST_TYPE,
				       .tag = append->tag };

	if (!blobs)
		return error_set(err, ENOMEM, "cannot make an image");
	if (put_all(sink, append, blobs, count, err) < 0)
		return -1;
	return target->transport == IMAGE_OCI ? export_directory(&export, target->path, err)
					      : export_archive(&export, target->path, err);
}

int append_export(struct store *store, const struct append *append,
		  const struct image_reference *target, struct error *err)
{
	struct blob_sink sink = { .store = store };
	int lock_fd = -1, result;

	if (append->base->kind != IMAGE_KIND_OCI || append->base->blob_count < BLOB_LAYERS)
		return error_set(err, 0, "the image is an ACI, to which no OCI layer can be added");
	if (append->base->blob_count - BLOB_LAYERS == IMAGE_LAYERS_MAX)
		return error_set(err, 0, "the image has %d layers, and no image may have more",
				 IMAGE_LAYERS_MAX);
	if (target->transport != IMAGE_OCI && target->transport != IMAGE_OCI_ARCHIVE)
		return error_set(err, 0, "an image is exported to oci:DIR or oci-archive:FILE");
	if (store_lock(store, STORE_LOCK_SHARED, true, &lock_fd, err) < 0)
		return -1;
	result = write_layout(&sink, append, target, err);
	cleanup_fd(&lock_fd);
	blob_sink_forget(&sink);
	blob_sink_free(&sink);
	return result;
}
