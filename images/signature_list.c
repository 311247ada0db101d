/*
 * The signatures known for an image, and their record in the store. What is in the record came from
 * strangers; the record itself is checked in form alone.
 */
#include "images/signature.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "images/fields.h"
#include "vmm/base/cleanup.h"

static const char magic[FIELDS_MAGIC_LEN + 1] = "nacelle sigs  1\n";

static bool same(const struct image_signature *a, const struct image_signature *b)
{
	return a->kind == b->kind && a->len == b->len && a->payload_len == b->payload_len &&
	       !memcmp(a->data, b->data, a->len) &&
	       (!a->payload_len || !memcmp(a->payload, b->payload, a->payload_len));
}

/* A copy with a NUL behind it. */
static char *copy(const void *data, size_t len)
{
	char *bytes = malloc(len + 1);

	if (bytes) {
		if (len)
			memcpy(bytes, data, len);
		bytes[len] = '\0';
	}
	return bytes;
}

static void free_signature(struct image_signature *signature)
{
	free(signature->origin);
	free(signature->data);
	free(signature->payload);
	*signature = (struct image_signature){ 0 };
}

int signature_list_add(struct signature_list *list, const struct image_signature *signature,
		       struct error *err)
{
	struct image_signature *slot = &list->items[list->count];

	for (size_t i = 0; i < list->count; i++) {
		if (same(&list->items[i], signature))
			return 0;
	}
	if (list->count == SIGNATURES_MAX)
		return error_set(err, 0,
				 "an image has more than %d signatures: the others do not count",
				 SIGNATURES_MAX);
	if (signature->len > SIGNATURE_SIZE_MAX || signature->payload_len > SIGNATURE_SIZE_MAX)
		return error_set(err, 0, "the signature %s is larger than %d bytes",
				 signature->origin, SIGNATURE_SIZE_MAX);
	*slot =
	    (struct image_signature){ .kind = signature->kind,
				      .origin = strndup(signature->origin, SIGNATURE_ORIGIN_MAX),
				      .data = copy(signature->data, signature->len),
				      .len = signature->len,
				      .payload_len = signature->payload_len };
	if (signature->payload)
		slot->payload = copy(signature->payload, signature->payload_len);
	if (!slot->origin || !slot->data || (signature->payload && !slot->payload)) {
		free_signature(slot);
		return error_set(err, ENOMEM, "cannot keep a signature");
	}
	list->count++;
	return 0;
}

int signature_list_set_index(struct signature_list *list, const void *data, size_t len,
			     struct error *err)
{
	char *bytes;

	if (len > SIGNATURE_SIZE_MAX)
		return 0; /* cosign's signature of it then counts for nothing */
	bytes = copy(data, len);
	if (!bytes)
		return error_set(err, ENOMEM, "cannot keep an index");
	free(list->index);
	list->index = bytes;
	list->index_len = len;
	return 0;
}

void signature_list_free(struct signature_list *list)
{
	for (size_t i = 0; i < list->count; i++)
		free_signature(&list->items[i]);
	free(list->index);
	*list = (struct signature_list){ 0 };
}

int signature_list_encode(const struct signature_list *list, void **data, size_t *len)
{
	struct field_writer w;

	fields_begin(&w, magic);
	if (list->index)
		fields_put(&w, FIELD_SIGNATURE_INDEX, list->index, list->index_len);
	for (size_t i = 0; i < list->count; i++) {
		const struct image_signature *s = &list->items[i];

		fields_put_u64(&w, FIELD_SIGNATURE_KIND, (uint64_t)s->kind);
		fields_put_text(&w, FIELD_SIGNATURE_ORIGIN, s->origin);
		if (s->payload)
			fields_put(&w, FIELD_SIGNATURE_PAYLOAD, s->payload, s->payload_len);
		fields_put(&w, FIELD_SIGNATURE_DATA, s->data, s->len);
	}
	return fields_finish(&w, data, len);
}

/* One signature in the making; its last field adds it. */
static int take_field(struct signature_list *list, struct image_signature *next,
		      const struct field *field)
{
	uint64_t kind = 0;

	switch (field->tag) {
	case FIELD_SIGNATURE_INDEX:
		return signature_list_set_index(list, field->data, field->len, NULL);
	case FIELD_SIGNATURE_KIND:
		if (field_take_u64(field, SIGNATURE_OPENPGP, &kind) < 0 || kind == 0)
			return -1;
		next->kind = (enum signature_kind)kind;
		return 0;
	case FIELD_SIGNATURE_ORIGIN:
		return field_take_text(field, &next->origin);
	case FIELD_SIGNATURE_PAYLOAD:
		if (next->payload)
			return -1;
		next->payload = copy(field->data, field->len);
		next->payload_len = field->len;
		return next->payload ? 0 : -1;
	case FIELD_SIGNATURE_DATA:
		next->data = copy(field->data, field->len);
		next->len = field->len;
		if (!next->kind || !next->origin || !next->data ||
		    (next->kind == SIGNATURE_COSIGN) != (next->payload != NULL) ||
		    signature_list_add(list, next, NULL) < 0)
			return -1;
		free_signature(next);
		return 0;
	default:
		return 0;
	}
}

int signature_list_decode(struct signature_list *list, const void *data, size_t len,
			  struct error *err)
{
	struct image_signature next = { 0 };
	struct cursor c;
	struct field field;
	int more = fields_open(&c, data, len, magic) ? 1 : -1;

	*list = (struct signature_list){ 0 };
	while (more > 0) {
		more = fields_next(&c, &field);
		if (more > 0 && take_field(list, &next, &field) < 0)
			more = -1;
	}
	free_signature(&next);
	if (more == 0)
		return 0;
	signature_list_free(list);
	return error_set(err, 0, "a record of signatures in the store is damaged");
}
