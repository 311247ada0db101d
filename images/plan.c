/*
 * The plan as bytes. The decoder trusts the confined parser with nothing.
 */
#include "images/plan.h"

#include "images/fields.h"

static const char plan_magic[FIELDS_MAGIC_LEN + 1] = "nacelle plan  1\n";

int image_plan_encode(const struct image_plan *plan, void **data, size_t *len)
{
	struct field_writer w;

	fields_begin(&w, plan_magic);
	fields_put_digest(&w, FIELD_MANIFEST, &plan->manifest);
	fields_put_digest(&w, FIELD_CONFIG_BLOB, &plan->config_blob);
	image_config_put(&w, &plan->config);
	for (size_t i = 0; i < plan->layer_count; i++) {
		const struct image_layer *layer = &plan->layers[i];

		fields_put_digest(&w, FIELD_LAYER_BLOB, &layer->blob);
		fields_put_u64(&w, FIELD_LAYER_SIZE, layer->size_bytes);
		fields_put_digest(&w, FIELD_LAYER_DIFF_ID, &layer->diff_id);
		fields_put_u64(&w, FIELD_LAYER_COMPRESSION, (uint64_t)layer->compression);
	}
	return fields_finish(&w, data, len);
}

static int end_layer(struct image_plan *plan, const struct field *field)
{
	struct image_layer *layer = &plan->layers[plan->layer_count];
	uint64_t value;

	if (field_take_u64(field, LAYER_XZ, &value) < 0 || value < LAYER_PLAIN ||
	    !layer->blob.algorithm || !layer->diff_id.algorithm)
		return -1;
	layer->compression = (enum layer_compression)value;
	plan->layer_count++;
	return 0;
}

static int take_field(struct image_plan *plan, const struct field *field)
{
	struct image_layer *layer = &plan->layers[plan->layer_count];

	if (field->tag == FIELD_MANIFEST)
		return field_take_digest(field, &plan->manifest);
	if (field->tag == FIELD_CONFIG_BLOB)
		return field_take_digest(field, &plan->config_blob);
	if (field->tag < FIELD_LAYER_BLOB)
		return image_config_take(&plan->config, field);
	if (plan->layer_count == IMAGE_LAYERS_MAX)
		return -1;
	switch (field->tag) {
	case FIELD_LAYER_BLOB:
		return field_take_digest(field, &layer->blob);
	case FIELD_LAYER_SIZE:
		return field_take_u64(field, INT64_MAX, &layer->size_bytes);
	case FIELD_LAYER_DIFF_ID:
		return field_take_digest(field, &layer->diff_id);
	case FIELD_LAYER_COMPRESSION:
		return end_layer(plan, field);
	default:
		return -1;
	}
}

int image_plan_decode(struct image_plan *plan, const void *data, size_t len, struct error *err)
{
	struct cursor c;
	struct field field;
	int more = fields_open(&c, data, len, plan_magic) ? 1 : -1;

	*plan = (struct image_plan){ 0 };
	while (more > 0) {
		more = fields_next(&c, &field);
		if (more > 0 && take_field(plan, &field) < 0)
			more = -1;
	}
	if (more == 0 && plan->manifest.algorithm && plan->config_blob.algorithm &&
	    plan->config.user && plan->config.working_dir)
		return 0;
	image_config_free(&plan->config);
	*plan = (struct image_plan){ 0 };
	return error_set(err, 0, "the parser of image documents reported nonsense");
}
