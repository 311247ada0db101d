/*
 * The flat encoding of records.
 */
#include "images/fields.h"

#include <stdlib.h>
#include <string.h>

static void put_bytes(struct field_writer *w, const void *data, size_t len)
{
	if (w->failed || len > FIELDS_SIZE_MAX - w->len) {
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

void fields_begin(struct field_writer *w, const char magic[FIELDS_MAGIC_LEN + 1])
{
	*w = (struct field_writer){ 0 };
	put_bytes(w, magic, FIELDS_MAGIC_LEN);
}

void fields_put(struct field_writer *w, enum field_tag tag, const void *data, size_t len)
{
	struct {
		le32 tag;
		le32 len;
	} head = { le32_make((uint32_t)tag), le32_make((uint32_t)len) };

	put_bytes(w, &head, sizeof(head));
	put_bytes(w, data, len);
}

void fields_put_text(struct field_writer *w, enum field_tag tag, const char *text)
{
	fields_put(w, tag, text, strlen(text));
}

void fields_put_list(struct field_writer *w, enum field_tag tag, const struct string_list *list)
{
	for (size_t i = 0; i < list->count; i++)
		fields_put_text(w, tag, list->items[i]);
}

void fields_put_digest(struct field_writer *w, enum field_tag tag, const struct digest *digest)
{
	char text[DIGEST_TEXT_SIZE];

	digest_format(digest, text);
	fields_put_text(w, tag, text);
}

void fields_put_u64(struct field_writer *w, enum field_tag tag, uint64_t value)
{
	le64 wire = le64_make(value);

	fields_put(w, tag, &wire, sizeof(wire));
}

int fields_finish(struct field_writer *w, void **data, size_t *len)
{
	fields_put(w, FIELD_END, NULL, 0);
	if (w->failed) {
		free(w->data);
		return -1;
	}
	*data = w->data;
	*len = w->len;
	return 0;
}

bool fields_open(struct cursor *c, const void *data, size_t len,
		 const char magic[FIELDS_MAGIC_LEN + 1])
{
	const void *start;

	*c = cursor_make(data, len);
	start = cursor_take(c, FIELDS_MAGIC_LEN);
	return start && !memcmp(start, magic, FIELDS_MAGIC_LEN);
}

int fields_next(struct cursor *c, struct field *out)
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

int field_take_text(const struct field *field, char **out)
{
	if (memchr(field->data, '\0', field->len) || *out)
		return -1;
	*out = strndup((const char *)field->data, field->len);
	return *out ? 0 : -1;
}

int field_take_bytes(const struct field *field, uint8_t **out, size_t *len)
{
	if (*out)
		return -1;
	*out = malloc(field->len + 1);
	if (!*out)
		return -1;
	memcpy(*out, field->data, field->len);
	*len = field->len;
	return 0;
}

int field_take_item(const struct field *field, struct string_list *list)
{
	if (memchr(field->data, '\0', field->len))
		return -1;
	return string_list_add(list, (const char *)field->data, field->len);
}

int field_take_digest(const struct field *field, struct digest *out)
{
	return digest_parse(out, (const char *)field->data, field->len, NULL);
}

int field_take_u64(const struct field *field, uint64_t max, uint64_t *out)
{
	struct cursor c = cursor_make(field->data, field->len);
	uint64_t value = cursor_le64(&c);

	if (c.bad || cursor_left(&c) || value > max)
		return -1;
	*out = value;
	return 0;
}
