/*
 * The parts of an OCI image layout (image-spec 1.1, image-layout.md). The image's own documents and
 * layers are blobs of the store; oci-layout, index.json and the manifest of signatures (cosign,
 * specs/SIGNATURE_SPEC.md) are made here.
 */
#include "images/export_layout.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vmm/base/cleanup.h"
#include "vmm/base/json_writer.h"

#define INDEX_TYPE	     "application/vnd.oci.image.index.v1+json"
#define MANIFEST_TYPE	     "application/vnd.oci.image.manifest.v1+json"
#define CONFIG_TYPE	     "application/vnd.oci.image.config.v1+json"
#define PAYLOAD_TYPE	     "application/vnd.dev.cosign.simplesigning.v1+json"
#define REF_NAME	     "org.opencontainers.image.ref.name"
#define SIGNATURE_ANNOTATION "dev.cosignproject.cosign/signature"

/* A document that is made in memory. */
struct document {
	char *data;
	size_t len;
	FILE *out;
	struct json_writer json;
};

enum { BLOB_NAME_SIZE = sizeof("blobs/") + DIGEST_TEXT_SIZE };

static int document_begin(struct document *document, struct error *err)
{
	*document = (struct document){ 0 };
	document->out = open_memstream(&document->data, &document->len);
	if (!document->out)
		return error_set(err, errno, "cannot write a document");
	json_begin(&document->json, document->out);
	json_open(&document->json, NULL, '{');
	json_put_number(&document->json, "schemaVersion", 2);
	return 0;
}

static int document_end(struct document *document, struct error *err)
{
	json_close(&document->json, '}');
	json_end(&document->json);
	return fclose(document->out) ? error_set(err, errno, "cannot write a document") : 0;
}

static void put_descriptor(struct json_writer *json, const char *media_type,
			   const struct image_blob *blob)
{
	char digest[DIGEST_TEXT_SIZE];

	digest_format(&blob->digest, digest);
	json_put_text(json, "mediaType", media_type);
	json_put_text(json, "digest", digest);
	json_put_number(json, "size", blob->size_bytes);
}

static void put_annotation(struct json_writer *json, const char *key, const char *value)
{
	json_open(json, "annotations", '{');
	json_put_text(json, key, value);
	json_close(json, '}');
}

static void blob_name(char name[BLOB_NAME_SIZE], const struct digest *digest)
{
	char text[DIGEST_TEXT_SIZE];

	digest_format_with(digest, '/', text);
	(void)snprintf(name, BLOB_NAME_SIZE, "blobs/%s", text);
}

/* Writes bytes as a blob and says which it is. */
static int put_bytes(struct export_target *target, const void *data, size_t len,
		     struct image_blob *out, struct error *err)
{
	char name[BLOB_NAME_SIZE];

	out->size_bytes = len;
	if (digest_compute(&out->digest, DIGEST_SHA256, data, len, err) < 0)
		return -1;
	blob_name(name, &out->digest);
	return target->bytes(target, name, data, len, err);
}

/* An image has a layer twice now and then. */
static bool is_first(const struct image_record *record, size_t index)
{
	for (size_t i = 0; i < index; i++) {
		if (digest_equal(&record->blobs[i].digest, &record->blobs[index].digest))
			return false;
	}
	return true;
}

static bool has_sha512(const struct image_record *record)
{
	for (size_t i = 0; i < record->blob_count; i++) {
		if (record->blobs[i].digest.algorithm == DIGEST_SHA512)
			return true;
	}
	return false;
}

static int put_blobs(const struct export *export, struct export_target *target, struct error *err)
{
	const struct image_record *record = export->record;
	char name[BLOB_NAME_SIZE];

	if (target->directory(target, "blobs", err) < 0 ||
	    target->directory(target, "blobs/sha256", err) < 0 ||
	    (has_sha512(record) && target->directory(target, "blobs/sha512", err) < 0))
		return -1;
	for (size_t i = 0; i < record->blob_count; i++) {
		blob_name(name, &record->blobs[i].digest);
		if (is_first(record, i) && target->blob(target, name, &record->blobs[i], err) < 0)
			return -1;
	}
	return 0;
}

static bool is_cosign(const struct image_signature *signature)
{
	return signature->kind == SIGNATURE_COSIGN && signature->payload;
}

static size_t count_cosign(const struct signature_list *list)
{
	size_t count = 0;

	for (size_t i = 0; i < list->count; i++)
		count += is_cosign(&list->items[i]);
	return count;
}

bool export_loses_signatures(const struct export *export)
{
	return export->signatures->index_len && count_cosign(export->signatures);
}

/* Several signatures may be of one payload. */
static bool is_first_payload(const struct signature_list *list, size_t index)
{
	const struct image_signature *signature = &list->items[index];

	for (size_t i = 0; i < index; i++) {
		const struct image_signature *other = &list->items[i];

		if (is_cosign(other) && other->payload_len == signature->payload_len &&
		    !memcmp(other->payload, signature->payload, signature->payload_len))
			return false;
	}
	return true;
}

static int put_signature(struct json_writer *json, const struct signature_list *list, size_t i,
			 struct export_target *target, struct error *err)
{
	const struct image_signature *signature = &list->items[i];
	_cleanup_free_ char *text = strndup(signature->data, signature->len);
	struct image_blob blob = { .size_bytes = signature->payload_len };

	if (!text)
		return error_set(err, ENOMEM, "cannot write a signature");
	if (is_first_payload(list, i)) {
		if (put_bytes(target, signature->payload, signature->payload_len, &blob, err) < 0)
			return -1;
	} else if (digest_compute(&blob.digest, DIGEST_SHA256, signature->payload,
				  signature->payload_len, err) < 0) {
		return -1;
	}
	json_open(json, NULL, '{');
	put_descriptor(json, PAYLOAD_TYPE, &blob);
	put_annotation(json, SIGNATURE_ANNOTATION, text);
	json_close(json, '}');
	return 0;
}

/* The manifest of signatures, with payloads as layers and an empty configuration. */
static int put_signatures(const struct export *export, struct export_target *target,
			  struct image_blob *out, struct error *err)
{
	static const char config[] = "{}";
	struct image_blob config_blob;
	struct document document;
	int result = 0;

	if (put_bytes(target, config, strlen(config), &config_blob, err) < 0 ||
	    document_begin(&document, err) < 0)
		return -1;
	json_put_text(&document.json, "mediaType", MANIFEST_TYPE);
	json_open(&document.json, "config", '{');
	put_descriptor(&document.json, CONFIG_TYPE, &config_blob);
	json_close(&document.json, '}');
	json_open(&document.json, "layers", '[');
	for (size_t i = 0; i < export->signatures->count && result == 0; i++) {
		if (is_cosign(&export->signatures->items[i]))
			result = put_signature(&document.json, export->signatures, i, target, err);
	}
	json_close(&document.json, ']');
	if (document_end(&document, err) < 0)
		result = -1;
	if (result == 0)
		result = put_bytes(target, document.data, document.len, out, err);
	free(document.data);
	return result;
}

static void put_index_entry(struct json_writer *json, const char *media_type,
			    const struct image_blob *blob, const char *tag)
{
	json_open(json, NULL, '{');
	put_descriptor(json, media_type, blob);
	put_annotation(json, REF_NAME, tag);
	json_close(json, '}');
}

static int put_index(const struct export *export, const struct image_blob *signatures,
		     struct export_target *target, struct error *err)
{
	char digest[DIGEST_TEXT_SIZE], tag[DIGEST_TEXT_SIZE + 4];
	struct document document;
	int result;

	if (document_begin(&document, err) < 0)
		return -1;
	json_put_text(&document.json, "mediaType", INDEX_TYPE);
	json_open(&document.json, "manifests", '[');
	put_index_entry(&document.json, export->media_type, &export->record->blobs[0], export->tag);
	if (signatures->size_bytes) {
		digest_format_with(&export->record->manifest, '-', digest);
		(void)snprintf(tag, sizeof(tag), "%s.sig", digest);
		put_index_entry(&document.json, MANIFEST_TYPE, signatures, tag);
	}
	json_close(&document.json, ']');
	result = document_end(&document, err);
	if (result == 0)
		result = target->bytes(target, "index.json", document.data, document.len, err);
	free(document.data);
	return result;
}

int export_layout(const struct export *export, struct export_target *target, struct error *err)
{
	static const char marker[] = "{\"imageLayoutVersion\": \"1.0.0\"}\n";
	struct image_blob signatures = { 0 };

	if (put_blobs(export, target, err) < 0)
		return -1;
	if (count_cosign(export->signatures) && !export_loses_signatures(export) &&
	    put_signatures(export, target, &signatures, err) < 0)
		return -1;
	if (put_index(export, &signatures, target, err) < 0)
		return -1;
	return target->bytes(target, "oci-layout", marker, strlen(marker), err);
}
