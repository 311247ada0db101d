/*
 * Reports about App Container Images as bytes. The decoder trusts the confined parser with nothing.
 */
#include "images/aci_report.h"

#include <stdlib.h>
#include <string.h>

#include "images/appc_types.h"
#include "images/fields.h"

static const char report_magic[FIELDS_MAGIC_LEN + 1] = "nacelle aci   1\n";

int aci_report_encode(const struct aci_report *report, void **data, size_t *len)
{
	struct field_writer w;

	fields_begin(&w, report_magic);
	fields_put_digest(&w, FIELD_MANIFEST, &report->id);
	fields_put_u64(&w, FIELD_ACI_COMPRESSION, (uint64_t)report->compression);
	fields_put_text(&w, FIELD_ACI_NAME, report->name);
	fields_put_list(&w, FIELD_ACI_LABEL, &report->labels);
	image_config_put(&w, &report->config);
	fields_put_list(&w, FIELD_ACI_UNAPPLIED, &report->unapplied);
	fields_put_list(&w, FIELD_ACI_WHITELIST, &report->whitelist);
	for (size_t i = 0; i < report->dependency_count; i++) {
		const struct appc_dependency *dependency = &report->dependencies[i];

		fields_put_text(&w, FIELD_ACI_DEPENDENCY, dependency->name);
		if (dependency->id.algorithm)
			fields_put_digest(&w, FIELD_ACI_DEPENDENCY_ID, &dependency->id);
		fields_put_list(&w, FIELD_ACI_DEPENDENCY_LABEL, &dependency->labels);
		fields_put_u64(&w, FIELD_ACI_DEPENDENCY_SIZE, dependency->size_bytes);
	}
	return fields_finish(&w, data, len);
}

static int take_compression(struct aci_report *report, const struct field *field)
{
	uint64_t value;

	if (field_take_u64(field, LAYER_XZ, &value) < 0 || value < LAYER_PLAIN)
		return -1;
	report->compression = (enum layer_compression)value;
	return 0;
}

/* A name begins a dependency; what follows belongs to it. */
static int take_dependency(struct aci_report *report, const struct field *field)
{
	size_t count = report->dependency_count;
	struct appc_dependency *last;

	if (field->tag == FIELD_ACI_DEPENDENCY) {
		if (count == APPC_DEPENDENCIES_MAX)
			return -1;
		report->dependency_count++;
		return field_take_text(field, &report->dependencies[count].name);
	}
	if (count == 0)
		return -1;
	last = &report->dependencies[count - 1];
	if (field->tag == FIELD_ACI_DEPENDENCY_ID)
		return field_take_digest(field, &last->id);
	if (field->tag == FIELD_ACI_DEPENDENCY_LABEL)
		return field_take_item(field, &last->labels);
	return field_take_u64(field, INT64_MAX, &last->size_bytes);
}

static int take_field(struct aci_report *report, const struct field *field)
{
	switch (field->tag) {
	case FIELD_MANIFEST:
		return field_take_digest(field, &report->id);
	case FIELD_ACI_COMPRESSION:
		return take_compression(report, field);
	case FIELD_ACI_NAME:
		return field_take_text(field, &report->name);
	case FIELD_ACI_LABEL:
		return field_take_item(field, &report->labels);
	case FIELD_ACI_UNAPPLIED:
		return field_take_item(field, &report->unapplied);
	case FIELD_ACI_WHITELIST:
		return field_take_item(field, &report->whitelist);
	case FIELD_ACI_DEPENDENCY:
	case FIELD_ACI_DEPENDENCY_ID:
	case FIELD_ACI_DEPENDENCY_LABEL:
	case FIELD_ACI_DEPENDENCY_SIZE:
		return take_dependency(report, field);
	default:
		return image_config_take(&report->config, field);
	}
}

/* What reaches error texts, records and policies. The whitelist goes back into confinement only. */
static bool is_sound(const struct aci_report *report)
{
	if (report->id.algorithm != DIGEST_SHA512 || !report->compression || !report->name ||
	    !appc_is_identifier(report->name) || !image_config_is_sound(&report->config))
		return false;
	for (size_t i = 0; i < report->unapplied.count; i++) {
		if (!appc_is_identifier(report->unapplied.items[i]))
			return false;
	}
	for (size_t i = 0; i < report->dependency_count; i++) {
		const struct appc_dependency *dependency = &report->dependencies[i];

		if (!appc_is_identifier(dependency->name) ||
		    (dependency->id.algorithm && dependency->id.algorithm != DIGEST_SHA512))
			return false;
	}
	return true;
}

int aci_report_decode(struct aci_report *report, const void *data, size_t len, struct error *err)
{
	struct cursor c;
	struct field field;
	int more = fields_open(&c, data, len, report_magic) ? 1 : -1;

	*report = (struct aci_report){ 0 };
	while (more > 0) {
		more = fields_next(&c, &field);
		if (more > 0 && take_field(report, &field) < 0)
			more = -1;
	}
	if (more == 0 && is_sound(report))
		return 0;
	aci_report_free(report);
	return error_set(err, 0, "the image parser reported nonsense");
}

void aci_report_free(struct aci_report *report)
{
	for (size_t i = 0; i < report->dependency_count; i++) {
		free(report->dependencies[i].name);
		string_list_free(&report->dependencies[i].labels);
	}
	string_list_free(&report->labels);
	string_list_free(&report->unapplied);
	string_list_free(&report->whitelist);
	image_config_free(&report->config);
	free(report->name);
	*report = (struct aci_report){ 0 };
}
