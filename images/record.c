/*
 * Encoding and decoding of the store's records. They were written by an import, that is by a
 * process that had parsed hostile bytes, so decoding checks every length, string and number.
 */
#include "images/record.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "vmm/base/bytes.h"
#include "vmm/base/cleanup.h"

enum { MAGIC_LEN = 16 };
static const char image_magic[MAGIC_LEN + 1] = "nacelle image 1\n";
static const char reference_magic[MAGIC_LEN + 1] = "nacelle ref   1\n";

enum field_tag {
	FIELD_END = 0,
	FIELD_MANIFEST = 1,
	FIELD_CHAIN = 2,
	FIELD_SIZE = 3,
	FIELD_ENTRYPOINT = 10,
	FIELD_CMD = 11,
	FIELD_ENV = 12,
	FIELD_VOLUME = 13,
	FIELD_USER = 14,
	FIELD_WORKING_DIR = 15,
	FIELD_STOP_SIGNAL = 16,
	FIELD_LAYOUT_PATH = 30,
	FIELD_REFERENCE_TAG = 31,
	FIELD_INDEX = 32,
};

struct writer {
	uint8_t *data;
	size_t len;
	size_t capacity;
	bool failed; /* sticky: no memory, or a field too large */
};

static void put_bytes(struct writer *w, const void *data, size_t len)
{
	if (w->failed || len > RECORD_SIZE_MAX - w->len) {
		w->failed = true;
		return;
	}
	if (w->len + len > w->capacity) {
		size_t capacity = (w->len + len) * 2;
		uint8_t *grown = realloc(w->data, capacity);

		if (!grown) {
			w->failed = true;
			return;
		}
		w->data = grown;
		w->capacity = capacity;
	}
	if (len)
		memcpy(w->data + w->len, data, len);
	w->len += len;
}

static void put_field(struct writer *w, enum field_tag tag, const void *data, size_t len)
{
	struct {
		le32 tag;
		le32 len;
	} head = { le32_make((uint32_t)tag), le32_make((uint32_t)len) };

	if (len > RECORD_SIZE_MAX)
		w->failed = true;
	put_bytes(w, &head, sizeof(head));
	put_bytes(w, data, len);
}

static void put_text(struct writer *w, enum field_tag tag, const char *text)
{
	put_field(w, tag, text, strlen(text));
}

static void put_list(struct writer *w, enum field_tag tag, const struct string_list *list)
{
	for (size_t i = 0; i < list->count; i++)
		put_text(w, tag, list->items[i]);
}

static void put_digest(struct writer *w, enum field_tag tag, const struct digest *digest)
{
	char text[DIGEST_TEXT_SIZE];

	digest_format(digest, text);
	put_text(w, tag, text);
}

static int finish(struct writer *w, void **data, size_t *len)
{
	put_field(w, FIELD_END, NULL, 0);
	if (w->failed) {
		free(w->data);
		return -1;
	}
	*data = w->data;
	*len = w->len;
	return 0;
}

int image_record_encode(const struct image_record *record, void **data, size_t *len)
{
	const struct image_config *config = &record->config;
	le64 size = le64_make(record->size_bytes);
	le32 stop_signal = le32_make((uint32_t)config->stop_signal);
	struct writer w = { 0 };

	put_bytes(&w, image_magic, MAGIC_LEN);
	put_digest(&w, FIELD_MANIFEST, &record->manifest);
	put_digest(&w, FIELD_CHAIN, &record->chain);
	put_field(&w, FIELD_SIZE, &size, sizeof(size));
	put_list(&w, FIELD_ENTRYPOINT, &config->entrypoint);
	put_list(&w, FIELD_CMD, &config->cmd);
	put_list(&w, FIELD_ENV, &config->env);
	put_list(&w, FIELD_VOLUME, &config->volumes);
	put_text(&w, FIELD_USER, config->user ? config->user : "");
	put_text(&w, FIELD_WORKING_DIR, config->working_dir ? config->working_dir : "");
	put_field(&w, FIELD_STOP_SIGNAL, &stop_signal, sizeof(stop_signal));
	return finish(&w, data, len);
}

int reference_record_encode(const struct reference_key *key, const struct digest *manifest,
			    void **data, size_t *len)
{
	struct writer w = { 0 };

	put_bytes(&w, reference_magic, MAGIC_LEN);
	put_text(&w, FIELD_LAYOUT_PATH, key->layout_path);
	put_text(&w, FIELD_REFERENCE_TAG, key->tag);
	put_digest(&w, FIELD_MANIFEST, manifest);
	put_field(&w, FIELD_INDEX, key->index, key->index_len);
	return finish(&w, data, len);
}

struct field {
	uint32_t tag;
	size_t len;
	const uint8_t *data;
};

/* The next field: 1, 0 at the end field, -1 if the record is damaged. */
static int next_field(struct cursor *c, struct field *out)
{
	out->tag = cursor_le32(c);
	out->len = cursor_le32(c);
	out->data = cursor_take(c, out->len);
	if (c->bad)
		return -1;
	if (out->tag == FIELD_END)
		return out->len == 0 && cursor_left(c) == 0 ? 0 : -1;
	return 1;
}

static bool begins_with_magic(struct cursor *c, const char *magic)
{
	const void *start = cursor_take(c, MAGIC_LEN);

	return start && !memcmp(start, magic, MAGIC_LEN);
}

static int take_text(const struct field *field, char **out)
{
	if (memchr(field->data, '\0', field->len) || *out)
		return -1;
	*out = strndup((const char *)field->data, field->len);
	return *out ? 0 : -1;
}

static int take_item(const struct field *field, struct string_list *list)
{
	if (memchr(field->data, '\0', field->len))
		return -1;
	return string_list_add(list, (const char *)field->data, field->len);
}

static int take_size(const struct field *field, uint64_t *out)
{
	struct cursor c = cursor_make(field->data, field->len);

	*out = cursor_le64(&c);
	return c.bad || cursor_left(&c) || *out == 0 || *out % 4096 ? -1 : 0;
}

static int take_signal(const struct field *field, int *out)
{
	struct cursor c = cursor_make(field->data, field->len);
	uint32_t value = cursor_le32(&c);

	if (c.bad || cursor_left(&c) || value > 64)
		return -1;
	*out = (int)value;
	return 0;
}

static int take_field(struct image_record *record, const struct field *field)
{
	struct image_config *config = &record->config;

	switch (field->tag) {
	case FIELD_MANIFEST:
		return digest_parse(&record->manifest, (const char *)field->data, field->len, NULL);
	case FIELD_CHAIN:
		return digest_parse(&record->chain, (const char *)field->data, field->len, NULL);
	case FIELD_SIZE:
		return take_size(field, &record->size_bytes);
	case FIELD_ENTRYPOINT:
		return take_item(field, &config->entrypoint);
	case FIELD_CMD:
		return take_item(field, &config->cmd);
	case FIELD_ENV:
		return take_item(field, &config->env);
	case FIELD_VOLUME:
		return take_item(field, &config->volumes);
	case FIELD_USER:
		return take_text(field, &config->user);
	case FIELD_WORKING_DIR:
		return take_text(field, &config->working_dir);
	case FIELD_STOP_SIGNAL:
		return take_signal(field, &config->stop_signal);
	default:
		return 0;
	}
}

int image_record_decode(struct image_record *record, const void *data, size_t len,
			struct error *err)
{
	struct cursor c = cursor_make(data, len);
	struct image_record decoded = { 0 };
	struct field field;
	int more = begins_with_magic(&c, image_magic) ? 1 : -1;

	*record = (struct image_record){ 0 };
	while (more > 0) {
		more = next_field(&c, &field);
		if (more > 0 && take_field(&decoded, &field) < 0)
			more = -1;
	}
	if (more < 0 || !decoded.manifest.algorithm || !decoded.chain.algorithm ||
	    !decoded.size_bytes || !decoded.config.user || !decoded.config.working_dir) {
		image_record_free(&decoded);
		return error_set(err, 0, "an image record in the store is damaged");
	}
	*record = decoded;
	return 0;
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

void image_record_free(struct image_record *record)
{
	image_config_free(&record->config);
	*record = (struct image_record){ 0 };
}

static bool field_is(const struct field *field, const void *data, size_t len)
{
	return field->len == len && (len == 0 || !memcmp(field->data, data, len));
}

bool reference_record_match(const struct reference_key *key, const void *data, size_t len,
			    struct digest *manifest)
{
	struct cursor c = cursor_make(data, len);
	bool path = false, tag = false, index = false, led = false;
	struct field field;
	int more;

	if (!begins_with_magic(&c, reference_magic))
		return false;
	while ((more = next_field(&c, &field)) > 0) {
		if (field.tag == FIELD_LAYOUT_PATH)
			path = field_is(&field, key->layout_path, strlen(key->layout_path));
		else if (field.tag == FIELD_REFERENCE_TAG)
			tag = field_is(&field, key->tag, strlen(key->tag));
		else if (field.tag == FIELD_INDEX)
			index = field_is(&field, key->index, key->index_len);
		else if (field.tag == FIELD_MANIFEST)
			led =
			    digest_parse(manifest, (const char *)field.data, field.len, NULL) == 0;
	}
	return more == 0 && path && tag && index && led;
}
