/*
 * Image manifests as they are.
 */
#include "images/image_manifest.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "images/aci_archive.h"
#include "images/appc_image.h"
#include "images/blob_store.h"
#include "images/decompress.h"
#include "images/document_convert.h"
#include "images/fields.h"
#include "images/message.h"
#include "images/worker.h"
#include "vmm/base/cleanup.h"

static const char magic[FIELDS_MAGIC_LEN + 1] = "nacelle manifest";

static void put_annotations(struct field_writer *w, const struct appc_image *image)
{
	for (size_t i = 0; i < image->annotations.count; i++) {
		const char *pair = image->annotations.items[i];
		size_t len = strcspn(pair, "=");

		fields_put(w, FIELD_ANNOTATION, pair, len);
		fields_put_text(w, FIELD_ANNOTATION, pair + len + 1);
	}
}

/* In the confined process: what is no image manifest comes no further. */
static int encode(const char *text, size_t len, void **data, size_t *data_len, struct error *err)
{
	_cleanup_free_ struct appc_image *image = calloc(1, sizeof(*image));
	struct field_writer w;

	if (!image)
		return error_set(err, ENOMEM, "cannot read a manifest");
	if (appc_image_read(image, text, len, err) < 0)
		return -1;
	fields_begin(&w, magic);
	fields_put(&w, FIELD_MANIFEST, text, len);
	put_annotations(&w, image);
	appc_image_free(image);
	if (fields_finish(&w, data, data_len) < 0)
		return error_set(err, ENOMEM, "cannot report what the manifest says");
	return 0;
}

static int take(struct image_manifest *out, const struct field *field)
{
	uint8_t *bytes = NULL;

	if (field->tag == FIELD_ANNOTATION)
		return field_take_item(field, &out->annotations);
	if (field->tag != FIELD_MANIFEST)
		return 0;
	if (out->text || field_take_bytes(field, &bytes, &out->len) < 0)
		return -1;
	out->text = (char *)bytes;
	return 0;
}

static int decode(struct image_manifest *out, const void *data, size_t len, struct error *err)
{
	struct cursor at;
	struct field field;
	int more = fields_open(&at, data, len, magic) ? 1 : -1;

	*out = (struct image_manifest){ .text = NULL };
	while (more > 0 && (more = fields_next(&at, &field)) > 0)
		if (take(out, &field) < 0)
			more = -1;
	if (more == 0 && out->text && out->annotations.count % 2 == 0)
		return 0;
	image_manifest_free(out);
	return error_set(err, 0, "the reader of the image manifest reported nonsense");
}

static int check(const void *data, size_t len, struct error *err)
{
	struct image_manifest manifest;

	if (decode(&manifest, data, len, err) < 0)
		return -1;
	image_manifest_free(&manifest);
	return 0;
}

int image_manifest_read(struct image_manifest *out, int fd, struct error *err)
{
	static const struct document_kind kind = { "image manifest", encode, check };
	_cleanup_free_ void *data = NULL;
	size_t len;

	if (document_convert(fd, &kind, &data, &len, err) < 0)
		return -1;
	return decode(out, data, len, err);
}

struct archive {
	int fd;
	uint64_t size_bytes;
};

static int read_archive(const struct archive *archive, char **text, size_t *len, struct error *err)
{
	_cleanup_free_ uint8_t *buffer = malloc(STREAM_WINDOW_MAX);
	struct decompressor tar;
	struct fd_stream blob;
	int result;

	if (!buffer)
		return error_set(err, ENOMEM, "cannot read an App Container Image");
	fd_stream_init(&blob, archive->fd, archive->size_bytes, buffer);
	if (stream_fill(&blob.stream, err) < 0 ||
	    decompress_open(&tar, decompress_sniff(blob.stream.at, blob.stream.left), &blob.stream,
			    err) < 0)
		return -1;
	result = aci_find_manifest(&tar.stream, text, len, err);
	decompress_close(&tar);
	return result;
}

/* The confined process's work. */
static int run(void *context, int control, struct error *err)
{
	_cleanup_free_ char *text = NULL;
	_cleanup_free_ void *data = NULL;
	size_t len, data_len;

	if (read_archive(context, &text, &len, err) < 0 ||
	    encode(text, len, &data, &data_len, err) < 0)
		return -1;
	if (message_send(control, MESSAGE_RESULT, data, data_len) < 0)
		return error_set(err, errno, "cannot report what the manifest says");
	return 0;
}

int image_manifest_find(struct image_manifest *out, const struct store *store,
			const struct image_record *record, struct error *err)
{
	const struct image_blob *blob = &record->blobs[0];
	_cleanup_fd_ int fd = blob_store_open(store, blob, err);
	struct archive archive = { .fd = fd, .size_bytes = blob->size_bytes };
	const struct worker_job job = {
		.run = run, .context = &archive, .fds = &fd, .fd_count = 1
	};
	_cleanup_free_ char *data = NULL;
	struct worker worker;
	size_t len;

	if (fd < 0 || worker_start(&worker, &job, err) < 0 ||
	    worker_receive(&worker, &data, &len, err) < 0)
		return -1;
	worker_kill(&worker);
	return decode(out, data, len, err);
}

void image_manifest_free(struct image_manifest *manifest)
{
	free(manifest->text);
	string_list_free(&manifest->annotations);
	*manifest = (struct image_manifest){ .text = NULL };
}
