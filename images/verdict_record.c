/*
 * The record of a verdict. It lies in the store, which is the caller's; it is still read as if it
 * were damaged, and a damaged one counts as none.
 */
#include "images/verdict.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "images/fields.h"
#include "vmm/base/bytes.h"

static const char magic[FIELDS_MAGIC_LEN + 1] = "nacelle vdict 1\n";

/* On the wire, in this order. */
struct wire_identity {
	le64 device, inode, mode, uid, mtime_ns, ctime_ns;
};

static bool path_is(const char *path, const struct policy_place *place, const char *name)
{
	size_t len = strlen(place->directory);

	return !strncmp(path, place->directory, len) && path[len] == '/' &&
	       !strcmp(path + len + 1, name);
}

bool verdict_has(const struct verdict *verdict, const struct policy_place *place, const char *name)
{
	for (size_t i = 0; i < verdict->file_count; i++) {
		if (path_is(verdict->files[i].path, place, name))
			return true;
	}
	return false;
}

int verdict_add(struct verdict *verdict, const struct policy_place *place, const char *name,
		struct policy_file *file)
{
	char *path = NULL;

	if (verdict->file_count == VERDICT_FILES_MAX) {
		verdict->is_incomplete = true;
		policy_file_free(file);
		return 0;
	}
	if (asprintf(&path, "%s/%s", place->directory, name) < 0) {
		policy_file_free(file);
		return -1;
	}
	verdict->files[verdict->file_count++] =
	    (struct verdict_file){ .path = path, .file = *file };
	*file = (struct policy_file){ 0 };
	return 0;
}

void verdict_free(struct verdict *verdict)
{
	for (size_t i = 0; i < verdict->file_count; i++) {
		free(verdict->files[i].path);
		policy_file_free(&verdict->files[i].file);
	}
	free(verdict->name);
	*verdict = (struct verdict){ 0 };
}

int verdict_encode(const struct verdict *verdict, void **data, size_t *len)
{
	struct field_writer w;

	fields_begin(&w, magic);
	fields_put_text(&w, FIELD_VERDICT_NAME, verdict->name);
	fields_put_digest(&w, FIELD_MANIFEST, &verdict->manifest);
	fields_put_u64(&w, FIELD_VERDICT_MADE, verdict->made_s);
	fields_put_u64(&w, FIELD_VERDICT_EXPIRES, verdict->expires_s);
	for (size_t i = 0; i < verdict->file_count; i++) {
		const struct verdict_file *f = &verdict->files[i];
		const struct policy_identity *id = &f->file.identity;
		const struct wire_identity wire = {
			le64_make(id->device), le64_make(id->inode),	le64_make(id->mode),
			le64_make(id->uid),    le64_make(id->mtime_ns), le64_make(id->ctime_ns),
		};

		fields_put_text(&w, FIELD_VERDICT_PATH, f->path);
		fields_put(&w, FIELD_VERDICT_IDENTITY, &wire, sizeof(wire));
		fields_put(&w, FIELD_VERDICT_BYTES, f->file.data, f->file.len);
	}
	return fields_finish(&w, data, len);
}

static int take_bytes(struct verdict *verdict, const struct field *field)
{
	struct verdict_file *f = &verdict->files[verdict->file_count];

	if (!f->path || !f->file.identity.mode)
		return -1;
	f->file.data = malloc(field->len + 1);
	if (!f->file.data)
		return -1;
	memcpy(f->file.data, field->data, field->len);
	f->file.data[field->len] = '\0';
	f->file.len = field->len;
	verdict->file_count++;
	return 0;
}

static int take_identity(struct policy_identity *out, const struct field *field)
{
	struct wire_identity wire;

	if (field->len != sizeof(wire))
		return -1;
	memcpy(&wire, field->data, sizeof(wire));
	*out = (struct policy_identity){ .device = le64_get(wire.device),
					 .inode = le64_get(wire.inode),
					 .mode = le64_get(wire.mode),
					 .uid = le64_get(wire.uid),
					 .mtime_ns = le64_get(wire.mtime_ns),
					 .ctime_ns = le64_get(wire.ctime_ns) };
	return 0;
}

static int take_field(struct verdict *verdict, const struct field *field)
{
	bool is_file = field->tag == FIELD_VERDICT_PATH || field->tag == FIELD_VERDICT_IDENTITY ||
		       field->tag == FIELD_VERDICT_BYTES;
	struct verdict_file *f = &verdict->files[verdict->file_count];

	if (is_file && verdict->file_count == VERDICT_FILES_MAX)
		return -1;
	switch (field->tag) {
	case FIELD_VERDICT_NAME:
		return field_take_text(field, &verdict->name);
	case FIELD_MANIFEST:
		return field_take_digest(field, &verdict->manifest);
	case FIELD_VERDICT_MADE:
		return field_take_u64(field, INT64_MAX, &verdict->made_s);
	case FIELD_VERDICT_EXPIRES:
		return field_take_u64(field, INT64_MAX, &verdict->expires_s);
	case FIELD_VERDICT_PATH:
		return field_take_text(field, &f->path);
	case FIELD_VERDICT_IDENTITY:
		return take_identity(&f->file.identity, field);
	case FIELD_VERDICT_BYTES:
		return take_bytes(verdict, field);
	default:
		return 0;
	}
}

int verdict_decode(struct verdict *verdict, const void *data, size_t len)
{
	struct cursor c;
	struct field field;
	int more = fields_open(&c, data, len, magic) ? 1 : -1;

	*verdict = (struct verdict){ 0 };
	while (more > 0) {
		more = fields_next(&c, &field);
		if (more > 0 && take_field(verdict, &field) < 0)
			more = -1;
	}
	if (verdict->file_count < VERDICT_FILES_MAX) {
		free(verdict->files[verdict->file_count].path); /* of a file that was cut off */
		verdict->files[verdict->file_count].path = NULL;
	}
	if (more == 0 && verdict->name && verdict->manifest.algorithm && verdict->file_count)
		return 0;
	verdict_free(verdict);
	return -1;
}
