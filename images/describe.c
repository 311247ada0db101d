/*
 * Describing an image: the documents go into a confined process with the fork, flat fields come
 * out.
 */
#include "images/describe.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "images/blob_store.h"
#include "images/fields.h"
#include "images/json.h"
#include "images/limits.h"
#include "images/message.h"
#include "images/worker.h"
#include "vmm/base/cleanup.h"

#define OCI_MANIFEST_TYPE "application/vnd.oci.image.manifest.v1+json"

static const char description_magic[FIELDS_MAGIC_LEN + 1] = "nacelle about 1\n";

struct documents {
	char *manifest;
	size_t manifest_len;
	char *config;
	size_t config_len;
};

static void put_string(struct field_writer *w, enum field_tag tag, const struct cJSON *object,
		       const char *key)
{
	const char *text;

	if (json_string(object, key, &text, NULL) == 1)
		fields_put_text(w, tag, text);
}

/* The members of an object whose values are texts, as pairs. */
static void put_pairs(struct field_writer *w, enum field_tag tag, const struct cJSON *object,
		      const char *key)
{
	const struct cJSON *member;

	if (json_object(object, key, &member, NULL) != 1)
		return;
	for (const struct cJSON *m = json_first(member); m; m = json_next(m)) {
		if (!json_text(m))
			continue;
		fields_put_text(w, tag, json_key(m));
		fields_put_text(w, tag, json_text(m));
	}
}

static void put_layers(struct field_writer *w, const struct cJSON *manifest)
{
	const struct cJSON *layers;

	if (json_array(manifest, "layers", &layers, NULL) != 1)
		return;
	for (const struct cJSON *l = json_first(layers); l; l = json_next(l)) {
		const char *type = "";

		(void)json_string(l, "mediaType", &type, NULL);
		fields_put_text(w, FIELD_LAYER_MEDIA_TYPE, type ? type : "");
	}
}

static int put_manifest(struct field_writer *w, const struct documents *documents,
			struct error *err)
{
	const struct cJSON *config;
	struct cJSON *manifest;

	if (json_parse(&manifest, documents->manifest, documents->manifest_len, err) < 0)
		return -1;
	put_string(w, FIELD_MEDIA_TYPE, manifest, "mediaType");
	if (json_object(manifest, "config", &config, NULL) == 1)
		put_string(w, FIELD_CONFIG_MEDIA_TYPE, config, "mediaType");
	put_pairs(w, FIELD_ANNOTATION, manifest, "annotations");
	put_layers(w, manifest);
	json_free(manifest);
	return 0;
}

static int put_config(struct field_writer *w, const struct documents *documents, struct error *err)
{
	const struct cJSON *inner, *ports;
	struct cJSON *config;

	if (json_parse(&config, documents->config, documents->config_len, err) < 0)
		return -1;
	put_string(w, FIELD_CREATED, config, "created");
	put_string(w, FIELD_AUTHOR, config, "author");
	put_string(w, FIELD_ARCHITECTURE, config, "architecture");
	put_string(w, FIELD_OS, config, "os");
	if (json_object(config, "config", &inner, NULL) == 1) {
		put_pairs(w, FIELD_LABEL, inner, "Labels");
		if (json_object(inner, "ExposedPorts", &ports, NULL) == 1) {
			for (const struct cJSON *p = json_first(ports); p; p = json_next(p))
				fields_put_text(w, FIELD_PORT, json_key(p));
		}
	}
	json_free(config);
	return 0;
}

/* The confined process's work. */
static int describe(void *context, int control, struct error *err)
{
	const struct documents *documents = context;
	_cleanup_free_ void *data = NULL;
	struct field_writer w;
	size_t len;

	fields_begin(&w, description_magic);
	if (put_manifest(&w, documents, err) < 0 || put_config(&w, documents, err) < 0)
		return -1;
	if (fields_finish(&w, &data, &len) < 0 ||
	    message_send(control, MESSAGE_RESULT, data, len) < 0)
		return error_set(err, errno, "cannot report what the image says");
	return 0;
}

static int take_field(struct image_description *out, const struct field *field)
{
	switch (field->tag) {
	case FIELD_MEDIA_TYPE:
		return field_take_text(field, &out->media_type);
	case FIELD_CONFIG_MEDIA_TYPE:
		return field_take_text(field, &out->config_media_type);
	case FIELD_CREATED:
		return field_take_text(field, &out->created);
	case FIELD_AUTHOR:
		return field_take_text(field, &out->author);
	case FIELD_ARCHITECTURE:
		return field_take_text(field, &out->architecture);
	case FIELD_OS:
		return field_take_text(field, &out->os);
	case FIELD_LAYER_MEDIA_TYPE:
		return field_take_item(field, &out->layer_media_types);
	case FIELD_LABEL:
		return field_take_item(field, &out->labels);
	case FIELD_ANNOTATION:
		return field_take_item(field, &out->annotations);
	case FIELD_PORT:
		return field_take_item(field, &out->ports);
	default:
		return -1;
	}
}

static int decode(const struct image_record *record, const void *data, size_t len,
		  struct image_description *out, struct error *err)
{
	struct cursor c;
	struct field field;
	int more = fields_open(&c, data, len, description_magic) ? 1 : -1;

	while (more > 0) {
		more = fields_next(&c, &field);
		if (more > 0 && take_field(out, &field) < 0)
			more = -1;
	}
	if (more == 0 && !out->media_type)
		out->media_type = strdup(OCI_MANIFEST_TYPE);
	if (more < 0 || !out->media_type || out->labels.count % 2 || out->annotations.count % 2 ||
	    out->layer_media_types.count + 2 != record->blob_count)
		return error_set(err, 0, "the image parser reported nonsense");
	return 0;
}

static int read_documents(const struct store *store, const struct image_record *record,
			  struct documents *out, struct error *err)
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

static int run_worker(const struct image_record *record, struct documents *documents,
		      struct image_description *out, struct error *err)
{
	const struct worker_job job = { .run = describe, .context = documents };
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
	return decode(record, data, len, out, err);
}

int image_describe(const struct store *store, const struct image_record *record,
		   struct image_description *out, struct error *err)
{
	struct documents documents = { 0 };
	int result;

	*out = (struct image_description){ 0 };
	result = read_documents(store, record, &documents, err);
	if (result == 0)
		result = run_worker(record, &documents, out, err);
	free(documents.manifest);
	free(documents.config);
	if (result < 0)
		image_description_free(out);
	return result;
}

void image_description_free(struct image_description *description)
{
	free(description->media_type);
	free(description->config_media_type);
	free(description->created);
	free(description->author);
	free(description->architecture);
	free(description->os);
	string_list_free(&description->layer_media_types);
	string_list_free(&description->labels);
	string_list_free(&description->annotations);
	string_list_free(&description->ports);
	*description = (struct image_description){ 0 };
}
