/*
 * From an OCI image layout to the plan of what to merge.
 */
#include "images/oci.h"

#include <string.h>

#include "images/oci_internal.h"

/* image-layout.md: the file that marks a directory as a layout, and its version. */
static int check_marker(const struct oci_layout *layout, struct error *err)
{
	const char *version = NULL;
	struct cJSON *json;
	int result = -1;

	if (json_parse(&json, layout->marker, layout->marker_len, err) < 0)
		return error_prefix(err, "oci-layout");
	if (!json_is_object(json) || json_string(json, "imageLayoutVersion", &version, err) <= 0)
		(void)error_set(err, 0, "the file oci-layout has no imageLayoutVersion");
	else if (strncmp(version, "1.", 2))
		(void)error_set(err, 0, "the image layout has version %.20s, 1.0.0 is supported",
				version);
	else
		result = 0;
	json_free(json);
	return result;
}

static int compression_of(enum media_kind kind, enum layer_compression *out)
{
	static const enum layer_compression compressions[] = {
		[MEDIA_LAYER_PLAIN] = LAYER_PLAIN,
		[MEDIA_LAYER_GZIP] = LAYER_GZIP,
		[MEDIA_LAYER_ZSTD] = LAYER_ZSTD,
		[MEDIA_LAYER_XZ] = LAYER_XZ,
	};

	if (kind < MEDIA_LAYER_PLAIN || kind > MEDIA_LAYER_XZ)
		return -1;
	*out = compressions[kind];
	return 0;
}

static int read_layer(const struct cJSON *json, struct image_layer *out, struct error *err)
{
	struct oci_descriptor descriptor;

	if (oci_read_descriptor(json, &descriptor, err) < 0)
		return -1;
	if (compression_of(descriptor.kind, &out->compression) < 0)
		return error_set(err, 0, "\"%.200s\" is not a type of layer",
				 descriptor.media_type);
	out->blob = descriptor.digest;
	out->size_bytes = descriptor.size_bytes;
	return 0;
}

static int read_layers(const struct cJSON *manifest, struct image_plan *plan, struct error *err)
{
	const struct cJSON *layers;
	int found = json_array(manifest, "layers", &layers, err);

	if (found <= 0)
		return found < 0 ? -1 : error_set(err, 0, "the manifest has no layers");
	for (const struct cJSON *l = json_first(layers); l; l = json_next(l)) {
		if (plan->layer_count == IMAGE_LAYERS_MAX)
			return error_set(err, 0, "the image has more than %d layers",
					 IMAGE_LAYERS_MAX);
		if (read_layer(l, &plan->layers[plan->layer_count++], err) < 0)
			return -1;
	}
	return 0;
}

static int read_manifest(const struct cJSON *manifest, const struct oci_source *source,
			 struct image_plan *plan, struct error *err)
{
	struct oci_descriptor descriptor;
	const struct cJSON *member;
	struct cJSON *config;
	int result;

	if (oci_check_document(manifest, MEDIA_MANIFEST, err) < 0 ||
	    json_object(manifest, "config", &member, err) < 0 ||
	    oci_read_descriptor(member, &descriptor, err) < 0)
		return -1;
	if (descriptor.kind != MEDIA_CONFIG)
		return error_set(err, 0, "the manifest describes a %.200s, not a container image",
				 descriptor.media_type);
	plan->config_blob = descriptor.digest;
	if (read_layers(manifest, plan, err) < 0 ||
	    oci_fetch_document(source, &descriptor, &config, err) < 0)
		return -1;
	result = oci_read_config(config, plan, err);
	json_free(config);
	return result;
}

static int resolve(struct oci_descriptor *descriptor, const struct oci_source *source,
		   struct image_plan *plan, struct error *err)
{
	struct cJSON *manifest;
	int result;

	if (oci_follow(descriptor, source, err) < 0)
		return -1;
	plan->manifest = descriptor->digest;
	if (oci_fetch_document(source, descriptor, &manifest, err) < 0)
		return -1;
	result = read_manifest(manifest, source, plan, err);
	json_free(manifest);
	if (result < 0)
		image_config_free(&plan->config);
	return result;
}

int oci_resolve(const struct oci_layout *layout, const struct oci_source *source,
		struct image_plan *plan, struct error *err)
{
	struct oci_descriptor descriptor;
	struct cJSON *index;
	int result;

	*plan = (struct image_plan){ 0 };
	if (check_marker(layout, err) < 0)
		return -1;
	if (json_parse(&index, layout->index, layout->index_len, err) < 0)
		return error_prefix(err, "index.json");
	result = oci_choose(index, layout->tag, &descriptor, err);
	descriptor.media_type = NULL;
	json_free(index);
	return result < 0 ? -1 : resolve(&descriptor, source, plan, err);
}

int oci_resolve_document(const struct oci_document *document, const struct oci_source *source,
			 struct image_plan *plan, struct error *err)
{
	struct oci_descriptor descriptor = { .media_type = document->media_type,
					     .kind = oci_media_kind(document->media_type),
					     .digest = document->digest,
					     .size_bytes = document->size_bytes };

	*plan = (struct image_plan){ 0 };
	return resolve(&descriptor, source, plan, err);
}
