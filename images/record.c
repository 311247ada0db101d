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

void image_config_put(struct field_writer *w, const struct image_config *config)
{
	fields_put_list(w, FIELD_ENTRYPOINT, &config->entrypoint);
	fields_put_list(w, FIELD_CMD, &config->cmd);
	fields_put_list(w, FIELD_ENV, &config->env);
	fields_put_list(w, FIELD_VOLUME, &config->volumes);
	fields_put_text(w, FIELD_USER, config->user ? config->user : "");
	fields_put_text(w, FIELD_WORKING_DIR, config->working_dir ? config->working_dir : "");
	fields_put_u64(w, FIELD_STOP_SIGNAL, (uint64_t)config->stop_signal);
}

int image_config_take(struct image_config *config, const struct field *field)
{
	uint64_t value;

	switch (field->tag) {
	case FIELD_ENTRYPOINT:
		return field_take_item(field, &config->entrypoint);
	case FIELD_CMD:
		return field_take_item(field, &config->cmd);
	case FIELD_ENV:
		return field_take_item(field, &config->env);
	case FIELD_VOLUME:
		return field_take_item(field, &config->volumes);
	case FIELD_USER:
		return field_take_text(field, &config->user);
	case FIELD_WORKING_DIR:
		return field_take_text(field, &config->working_dir);
	case FIELD_STOP_SIGNAL:
		if (field_take_u64(field, IMAGE_SIGNAL_MAX, &value) < 0)
			return -1;
		config->stop_signal = (int)value;
		return 0;
	default:
		return 0;
	}
}

void image_config_free(struct image_config *config)
{
	string_list_free(&config->entrypoint);
	string_list_free(&config->cmd);
	string_list_free(&config->env);
	string_list_free(&config->volumes);
	free(config->user);
	free(config->working_dir);
	*config = (struct image_config){ 0 };
}

int image_record_encode(const struct image_record *record, void **data, size_t *len)
{
	struct field_writer w;

	fields_begin(&w, image_magic);
	fields_put_digest(&w, FIELD_MANIFEST, &record->manifest);
	fields_put_digest(&w, FIELD_CHAIN, &record->chain);
	fields_put_u64(&w, FIELD_SIZE, record->size_bytes);
	image_config_put(&w, &record->config);
	return fields_finish(&w, data, len);
}

int reference_record_encode(const struct reference_key *key, const struct digest *manifest,
			    void **data, size_t *len)
{
	struct field_writer w;

	fields_begin(&w, reference_magic);
	fields_put_text(&w, FIELD_LAYOUT_PATH, key->layout_path);
	fields_put_text(&w, FIELD_REFERENCE_TAG, key->tag);
	fields_put_digest(&w, FIELD_MANIFEST, manifest);
	fields_put(&w, FIELD_INDEX, key->index, key->index_len);
	return fields_finish(&w, data, len);
}

static int take_field(struct image_record *record, const struct field *field)
{
	switch (field->tag) {
	case FIELD_MANIFEST:
		return field_take_digest(field, &record->manifest);
	case FIELD_CHAIN:
		return field_take_digest(field, &record->chain);
	case FIELD_SIZE:
		return field_take_u64(field, INT64_MAX, &record->size_bytes);
	default:
		return image_config_take(&record->config, field);
	}
}

int image_record_decode(struct image_record *record, const void *data, size_t len,
			struct error *err)
{
	struct image_record decoded = { 0 };
	struct cursor c;
	struct field field;
	int more = fields_open(&c, data, len, image_magic) ? 1 : -1;

	*record = (struct image_record){ 0 };
	while (more > 0) {
		more = fields_next(&c, &field);
		if (more > 0 && take_field(&decoded, &field) < 0)
			more = -1;
	}
	if (more < 0 || !decoded.manifest.algorithm || !decoded.chain.algorithm ||
	    !decoded.size_bytes || decoded.size_bytes % 4096 || !decoded.config.user ||
	    !decoded.config.working_dir) {
		image_record_free(&decoded);
		return error_set(err, 0, "an image record in the store is damaged");
	}
	*record = decoded;
	return 0;
}

void image_record_free(struct image_record *record)
{
	image_config_free(&record->config);
	*record = (struct image_record){ 0 };
}

bool reference_record_match(const struct reference_key *key, const void *data, size_t len,
			    struct digest *manifest)
{
	bool path = false, tag = false, index = false, led = false;
	struct cursor c;
	struct field field;
	int more;

	if (!fields_open(&c, data, len, reference_magic))
		return false;
	while ((more = fields_next(&c, &field)) > 0) {
		if (field.tag == FIELD_LAYOUT_PATH)
			path = field_is(&field, key->layout_path, strlen(key->layout_path));
		else if (field.tag == FIELD_REFERENCE_TAG)
			tag = field_is(&field, key->tag, strlen(key->tag));
		else if (field.tag == FIELD_INDEX)
			index = field_is(&field, key->index, key->index_len);
		else if (field.tag == FIELD_MANIFEST)
			led = field_take_digest(&field, manifest) == 0;
	}
	return more == 0 && path && tag && index && led;
}
