/*
 * Encoding and decoding of the store's records. They were written by an import, that is by a
 * process that had parsed hostile bytes, so decoding checks every length, string and number.
 */
#include "images/record.h"

#include <stdlib.h>
#include <string.h>

#include "images/fields.h"

static const char image_magic[FIELDS_MAGIC_LEN + 1] = "nacelle image 1\n";
static const char reference_magic[FIELDS_MAGIC_LEN + 1] = "nacelle ref   1\n";

int image_record_encode(const struct image_record *record, void **data, size_t *len)
{
	struct field_writer w;

	fields_begin(&w, image_magic);
	fields_put_digest(&w, FIELD_MANIFEST, &record->manifest);
	fields_put_u64(&w, FIELD_KIND, (uint64_t)record->kind);
	fields_put_digest(&w, FIELD_CHAIN, &record->chain);
	fields_put_u64(&w, FIELD_SIZE, record->size_bytes);
	if (record->verity.algorithm)
		fields_put_digest(&w, FIELD_VERITY, &record->verity);
	fields_put_u64(&w, FIELD_CONFIG_VERSION, IMAGE_CONFIG_VERSION);
	image_config_put(&w, &record->config);
	if (record->aci_name)
		fields_put_text(&w, FIELD_ACI_NAME, record->aci_name);
	fields_put_list(&w, FIELD_ACI_LABEL, &record->aci_labels);
	for (size_t i = 0; i < record->blob_count; i++) {
		fields_put_digest(&w, FIELD_BLOB, &record->blobs[i].digest);
		fields_put_u64(&w, FIELD_BLOB_SIZE, record->blobs[i].size_bytes);
	}
	return fields_finish(&w, data, len);
}

static int take_kind(struct image_record *record, const struct field *field)
{
	uint64_t value;

	if (field_take_u64(field, IMAGE_KIND_ACI, &value) < 0 || value < IMAGE_KIND_OCI)
		return -1;
	record->kind = (enum image_kind)value;
	return 0;
}

static int take_config_version(struct image_record *record, const struct field *field)
{
	uint64_t value;

	if (field_take_u64(field, UINT32_MAX, &value) < 0)
		return -1;
	record->config_version = (uint32_t)value;
	return 0;
}

/* Begins a blob, whose size follows. */
static int take_blob(struct image_record *record, const struct field *field)
{
	struct image_blob *grown;

	if (record->blob_count == IMAGE_BLOBS_MAX)
		return -1;
	grown = reallocarray(record->blobs, record->blob_count + 1, sizeof(*grown));
	if (!grown)
		return -1;
	record->blobs = grown;
	grown[record->blob_count] = (struct image_blob){ .size_bytes = UINT64_MAX };
	return field_take_digest(field, &grown[record->blob_count++].digest);
}

static int take_blob_size(struct image_record *record, const struct field *field)
{
	if (record->blob_count == 0)
		return -1;
	return field_take_u64(field, INT64_MAX, &record->blobs[record->blob_count - 1].size_bytes);
}

static int take_field(struct image_record *record, const struct field *field)
{
	switch (field->tag) {
	case FIELD_MANIFEST:
		return field_take_digest(field, &record->manifest);
	case FIELD_KIND:
		return take_kind(record, field);
	case FIELD_CHAIN:
		return field_take_digest(field, &record->chain);
	case FIELD_SIZE:
		return field_take_u64(field, INT64_MAX, &record->size_bytes);
	case FIELD_VERITY:
		return field_take_digest(field, &record->verity);
	case FIELD_CONFIG_VERSION:
		return take_config_version(record, field);
	case FIELD_ACI_NAME:
		return field_take_text(field, &record->aci_name);
	case FIELD_ACI_LABEL:
		return field_take_item(field, &record->aci_labels);
	case FIELD_BLOB:
		return take_blob(record, field);
	case FIELD_BLOB_SIZE:
		return take_blob_size(record, field);
	default:
		return image_config_take(&record->config, field);
	}
}

static bool is_whole(const struct image_record *record)
{
	if (!record->manifest.algorithm || !record->kind || !record->chain.algorithm ||
	    !record->size_bytes || record->size_bytes % 4096 ||
	    !image_config_is_sound(&record->config) || !record->blob_count ||
	    (record->kind == IMAGE_KIND_ACI) != (record->aci_name != NULL))
		return false;
	for (size_t i = 0; i < record->blob_count; i++) {
		if (record->blobs[i].size_bytes == UINT64_MAX)
			return false;
	}
	return true;
}

int image_record_decode(struct image_record *record, const void *data, size_t len,
			struct error *err)
{
	struct image_record decoded = { .config_version = 1 };
	struct cursor c;
	struct field field;
	int more = fields_open(&c, data, len, image_magic) ? 1 : -1;

	*record = (struct image_record){ 0 };
	while (more > 0) {
		more = fields_next(&c, &field);
		if (more > 0 && take_field(&decoded, &field) < 0)
			more = -1;
	}
	if (more < 0 || !is_whole(&decoded)) {
		image_record_free(&decoded);
		return error_set(err, 0, "an image record in the store is damaged");
	}
	*record = decoded;
	return 0;
}

void image_record_free(struct image_record *record)
{
	image_config_free(&record->config);
	string_list_free(&record->aci_labels);
	free(record->aci_name);
	free(record->blobs);
	*record = (struct image_record){ 0 };
}

int reference_record_encode(const struct reference_record *record, void **data, size_t *len)
{
	struct field_writer w;

	fields_begin(&w, reference_magic);
	fields_put_text(&w, FIELD_CANONICAL, record->canonical);
	fields_put_text(&w, FIELD_NAME, record->name);
	fields_put_digest(&w, FIELD_MANIFEST, &record->manifest);
	if (record->has_witness)
		fields_put(&w, FIELD_WITNESS, record->witness, record->witness_len);
	return fields_finish(&w, data, len);
}

static int take_reference_field(struct reference_record *record, const struct field *field)
{
	switch (field->tag) {
	case FIELD_CANONICAL:
		return field_take_text(field, &record->canonical);
	case FIELD_NAME:
		return field_take_text(field, &record->name);
	case FIELD_MANIFEST:
		return field_take_digest(field, &record->manifest);
	case FIELD_WITNESS:
		record->has_witness = true;
		return field_take_bytes(field, &record->witness, &record->witness_len);
	default:
		return 0;
	}
}

int reference_record_decode(struct reference_record *record, const void *data, size_t len,
			    struct error *err)
{
	struct reference_record decoded = { 0 };
	struct cursor c;
	struct field field;
	int more = fields_open(&c, data, len, reference_magic) ? 1 : -1;

	*record = (struct reference_record){ 0 };
	while (more > 0) {
		more = fields_next(&c, &field);
		if (more > 0 && take_reference_field(&decoded, &field) < 0)
			more = -1;
	}
	if (more < 0 || !decoded.canonical || !decoded.name || !decoded.manifest.algorithm) {
		reference_record_free(&decoded);
		return error_set(err, 0, "a reference record in the store is damaged");
	}
	*record = decoded;
	return 0;
}

void reference_record_free(struct reference_record *record)
{
	free(record->canonical);
	free(record->name);
	free(record->witness);
	*record = (struct reference_record){ 0 };
}
