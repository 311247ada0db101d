/*
 * The confined processes' work. Both get their bytes from the importer, which has opened, sized and
 * hashed them; what they must check themselves is all that only parsing can tell, the digests of
 * the inflated layers among it.
 */
#include "images/parser.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "images/decompress.h"
#include "images/hash_stream.h"
#include "images/layer.h"
#include "images/layer_aci.h"
#include "images/message.h"
#include "vmm/base/cleanup.h"

static int fetch(void *context, const struct digest *digest, uint64_t size_bytes, char **data,
		 struct error *err)
{
	struct message_want want = { .size_bytes = le64_make(size_bytes) };
	int control = *(const int *)context;
	_cleanup_free_ char *bytes = NULL;
	uint32_t kind;
	size_t len;

	digest_format(digest, want.digest);
	if (message_send(control, MESSAGE_WANT, &want, sizeof(want)) < 0)
		return error_set(err, errno, "cannot ask for a document");
	if (message_receive(control, &kind, &bytes, &len, err) <= 0 || kind != MESSAGE_DOCUMENT ||
	    len != size_bytes)
		return error_set(err, 0, "the importer sent no document");
	*data = steal_ptr(bytes);
	return 0;
}

struct oci_source parser_source(int *control)
{
	return (struct oci_source){ .fetch = fetch, .context = control };
}

static int resolve(const struct parser_document *job, const struct oci_source *source,
		   struct image_plan *plan, struct error *err)
{
	const struct source_document *document = job->document;
	const struct oci_layout layout = { .marker = document->marker,
					   .marker_len = document->marker_len,
					   .index = document->data,
					   .index_len = document->len,
					   .tag = job->tag };
	const struct oci_document top = { .media_type = document->media_type,
					  .digest = document->blob.digest,
					  .size_bytes = document->blob.size_bytes };

	if (document->kind == DOCUMENT_LAYOUT_INDEX)
		return oci_resolve(&layout, source, plan, err);
	return oci_resolve_document(&top, source, plan, err);
}

int parser_documents(void *context, int control, struct error *err)
{
	const struct oci_source source = parser_source(&control);
	struct image_plan plan;
	void *data;
	size_t len;
	int sent;

	if (resolve(context, &source, &plan, err) < 0)
		return -1;
	if (image_plan_encode(&plan, &data, &len) < 0)
		return error_set(err, ENOMEM, "cannot report the image's plan");
	image_config_free(&plan.config);
	sent = message_send(control, MESSAGE_RESULT, data, len);
	free(data);
	return sent < 0 ? error_set(err, errno, "cannot report the image's plan") : 0;
}

static int wrong_diff_id(struct error *err)
{
	return error_set(err, 0,
			 "the layer's contents do not have the digest that the "
			 "configuration says (diff_id)");
}

/* Applies a layer by the rules of its format. */
static int apply(struct image_builder *builder, const struct image_plan *plan,
		 const struct image_layer *layer, struct stream *tar, struct error *err)
{
	const struct aci_filter filter = {
		.own = layer->whitelist,
		.upper = layer->upper ? plan->layers[layer->upper - 1].whitelist : NULL,
	};

	if (layer->format == LAYER_ACI)
		return image_builder_apply_aci(builder, tar, &filter, err);
	return image_builder_apply(builder, tar, err);
}

/* Applies the tar stream and compares its digest. */
static int apply_hashed(struct image_builder *builder, const struct image_plan *plan,
			const struct image_layer *layer, struct stream *tar, struct error *err)
{
	struct hash_stream hashed;
	struct digest digest;

	if (hash_stream_init(&hashed, tar, layer->diff_id.algorithm, err) < 0)
		return -1;
	if (apply(builder, plan, layer, &hashed.stream, err) < 0) {
		hasher_free(&hashed.hasher);
		return -1;
	}
	if (hasher_finish(&hashed.hasher, &digest, err) < 0)
		return -1;
	return digest_equal(&digest, &layer->diff_id) ? 0 : wrong_diff_id(err);
}

/* What a layer's type says must be what it is; a window too short to tell is left to the decoder.
 */
static int check_compression(struct stream *blob, enum layer_compression said, struct error *err)
{
	enum layer_compression found;
	int more = stream_fill(blob, err);

	if (more <= 0 || blob->left < DECOMPRESS_MAGIC_LEN)
		return more < 0 ? -1 : 0;
	found = decompress_sniff(blob->at, blob->left);
	if (found != said && found != LAYER_PLAIN)
		return error_set(err, 0, "its type says that it is %s, but it is %s",
				 decompress_name(said), decompress_name(found));
	return 0;
}

static int apply_layer(struct image_builder *builder, const struct image_plan *plan,
		       const struct image_layer *layer, int fd, uint8_t *buffer, struct error *err)
{
	struct decompressor tar;
	struct fd_stream blob;
	int result;

	fd_stream_init(&blob, fd, layer->size_bytes, buffer);
	if (check_compression(&blob.stream, layer->compression, err) < 0 ||
	    decompress_open(&tar, layer->compression, &blob.stream, err) < 0)
		return -1;
	if (layer->compression != LAYER_PLAIN || layer->blob.algorithm != layer->diff_id.algorithm)
		result = apply_hashed(builder, plan, layer, &tar.stream, err);
	else if (digest_equal(&layer->blob, &layer->diff_id)) /* the importer computes that one */
		result = apply(builder, plan, layer, &tar.stream, err);
	else
		result = wrong_diff_id(err);
	decompress_close(&tar);
	return result;
}

static int merge(struct image_builder *builder, const struct parser_layers *job, int control,
		 struct error *err)
{
	_cleanup_free_ uint8_t *buffer = malloc(STREAM_WINDOW_MAX);
	struct parser_layers_result result;
	uint64_t size_bytes;

	if (!buffer)
		return error_set(err, ENOMEM, "cannot merge layers");
	for (size_t i = 0; i < job->plan->layer_count; i++) {
		if (apply_layer(builder, job->plan, &job->plan->layers[i], job->pipe_fd, buffer,
				err) < 0)
			return error_prefix(err, "layer %zu", i + 1);
	}
	if (image_builder_finish(builder, job->uuid, &size_bytes, err) < 0)
		return -1;
	result = (struct parser_layers_result){ le64_make(size_bytes),
						le64_make(builder->xattrs.dropped) };
	if (message_send(control, MESSAGE_RESULT, &result, sizeof(result)) < 0)
		return error_set(err, errno, "cannot report the image");
	return 0;
}

int parser_layers(void *context, int control, struct error *err)
{
	const struct parser_layers *job = context;
	struct image_builder builder;
	int result;

	if (image_builder_open(&builder, job->image_fd, err) < 0)
		return -1;
	result = merge(&builder, job, control, err);
	image_builder_close(&builder);
	return result;
}
