/*
 * The file "launch" of a pod.
 */
#include "vmm/pod/launch_record.h"

#include <errno.h>
#include <stdlib.h>

#include "images/fields.h"
#include "vmm/base/cleanup.h"
#include "vmm/base/io.h"
#include "vmm/pod/directory.h"

static const char magic[FIELDS_MAGIC_LEN + 1] = "nacelle launch 1";

static void put_optional(struct field_writer *w, enum field_tag tag, const char *text)
{
	if (text)
		fields_put_text(w, tag, text);
}

int launch_record_encode(const struct launch_record *record, void **data, size_t *len_bytes,
			 struct error *err)
{
	struct field_writer w;

	fields_begin(&w, magic);
	put_optional(&w, FIELD_LAUNCH_NAME, record->name);
	fields_put_list(&w, FIELD_LAUNCH_APP, &record->apps);
	fields_put_list(&w, FIELD_LAUNCH_IMAGE, &record->images);
	put_optional(&w, FIELD_LAUNCH_DIRECTORY, record->directory);
	fields_put_list(&w, FIELD_LAUNCH_OPTION, &record->options);
	fields_put_list(&w, FIELD_LAUNCH_ARGUMENT, &record->arguments);
	fields_put_list(&w, FIELD_LAUNCH_VARIABLE, &record->variables);
	fields_put_list(&w, FIELD_LAUNCH_FILE, &record->files);
	fields_put_list(&w, FIELD_LAUNCH_REFERENCE, &record->references);
	fields_put_list(&w, FIELD_LAUNCH_REFERENCE_DIGEST, &record->digests);
	fields_put_list(&w, FIELD_LAUNCH_REFERENCE_NAME, &record->names);
	if (fields_finish(&w, data, len_bytes) < 0)
		return error_set(err, ENOMEM, "cannot keep the pod's description");
	if (*len_bytes <= LAUNCH_RECORD_MAX)
		return 0;
	free(*data);
	return error_set(err, E2BIG, "cannot keep the pod's description");
}

static int take(struct launch_record *record, const struct field *field)
{
	switch (field->tag) {
	case FIELD_LAUNCH_NAME:
		return field_take_text(field, &record->name);
	case FIELD_LAUNCH_APP:
		return field_take_item(field, &record->apps);
	case FIELD_LAUNCH_IMAGE:
		return field_take_item(field, &record->images);
	case FIELD_LAUNCH_DIRECTORY:
		return field_take_text(field, &record->directory);
	case FIELD_LAUNCH_OPTION:
		return field_take_item(field, &record->options);
	case FIELD_LAUNCH_ARGUMENT:
		return field_take_item(field, &record->arguments);
	case FIELD_LAUNCH_VARIABLE:
		return field_take_item(field, &record->variables);
	case FIELD_LAUNCH_FILE:
		return field_take_item(field, &record->files);
	case FIELD_LAUNCH_REFERENCE:
		return field_take_item(field, &record->references);
	case FIELD_LAUNCH_REFERENCE_DIGEST:
		return field_take_item(field, &record->digests);
	case FIELD_LAUNCH_REFERENCE_NAME:
		return field_take_item(field, &record->names);
	default:
		return 0; /* of a later version */
	}
}

int launch_record_decode(struct launch_record *record, const void *data, size_t len_bytes,
			 struct error *err)
{
	struct field field;
	struct cursor c;
	int next = -1;

	*record = (struct launch_record){ 0 };
	if (fields_open(&c, data, len_bytes, magic))
		while ((next = fields_next(&c, &field)) > 0)
			if (take(record, &field) < 0)
				return error_set(err, 0, "the pod's file launch is damaged");
	if (next < 0 || record->images.count != record->apps.count ||
	    record->digests.count != record->references.count ||
	    record->names.count != record->references.count)
		return error_set(err, 0, "the pod's file launch is damaged");
	return 0;
}

int launch_record_write(const struct launch_record *record, int dir_fd, bool durable,
			struct error *err)
{
	_cleanup_free_ void *data = NULL;
	size_t len_bytes;

	if (launch_record_encode(record, &data, &len_bytes, err) < 0) {
		data = NULL;
		return -1;
	}
	return directory_write(dir_fd, POD_LAUNCH_NAME, data, len_bytes, durable, err);
}

int launch_record_read(struct launch_record *record, int dir_fd, struct error *err)
{
	_cleanup_free_ char *data = NULL;
	size_t len_bytes;

	*record = (struct launch_record){ 0 };
	if (io_read_file(dir_fd, POD_LAUNCH_NAME, LAUNCH_RECORD_MAX, &data, &len_bytes, err) < 0)
		return -1;
	return launch_record_decode(record, data, len_bytes, err);
}

void launch_record_free(struct launch_record *record)
{
	free(record->name);
	free(record->directory);
	string_list_free(&record->apps);
	string_list_free(&record->images);
	string_list_free(&record->options);
	string_list_free(&record->arguments);
	string_list_free(&record->variables);
	string_list_free(&record->files);
	string_list_free(&record->references);
	string_list_free(&record->digests);
	string_list_free(&record->names);
	*record = (struct launch_record){ 0 };
}
