/*
 * What a manifest and a configuration say, as flat fields: one side is confined, the other believes
 * nothing.
 */
#include "images/describe.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "images/fields.h"
#include "images/json.h"
#include "vmm/base/bytes.h"

#define OCI_MANIFEST_TYPE "application/vnd.oci.image.manifest.v1+json"

static const char description_magic[FIELDS_MAGIC_LEN + 1] = "nacelle about 1\n";

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

static int put_manifest(struct field_writer *w, const struct image_documents *documents,
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

static int put_config(struct field_writer *w, const struct image_documents *documents,
		      struct error *err)
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

int image_description_encode(const struct image_documents *documents, void **data, size_t *len,
			     struct error *err)
{
	struct field_writer w;

	fields_begin(&w, description_magic);
	if (put_manifest(&w, documents, err) < 0 || put_config(&w, documents, err) < 0) {
		free(w.data);
		return -1;
	}
	if (fields_finish(&w, data, len) < 0)
		return error_set(err, ENOMEM, "cannot report what the image says");
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

int image_description_decode(struct image_description *out, size_t layer_count, const void *data,
			     size_t len, struct error *err)
{
	struct cursor c;
	struct field field;
	int more = fields_open(&c, data, len, description_magic) ? 1 : -1;

	*out = (struct image_description){ 0 };
	while (more > 0) {
		more = fields_next(&c, &field);
		if (more > 0 && take_field(out, &field) < 0)
			more = -1;
	}
	if (more == 0 && !out->media_type)
		out->media_type = strdup(OCI_MANIFEST_TYPE);
	if (more == 0 && out->media_type && out->labels.count % 2 == 0 &&
	    out->annotations.count % 2 == 0 && out->layer_media_types.count == layer_count)
		return 0;
	image_description_free(out);
	return error_set(err, 0, "the image parser reported nonsense");
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
