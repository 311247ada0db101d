/*
 * App Container Images in a file. The whole file is one blob of the store; what is in it is read by
 * a confined process (parser_aci.c).
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "images/limits.h"
#include "images/source.h"
#include "images/witness.h"
#include "vmm/base/cleanup.h"

struct aci_source {
	struct source source;
	int fd;
};

/* The file's identity, if it was the same before and after it was read. */
static int keep_witness(struct source *source, const struct stat *before, const struct stat *after,
			struct error *err)
{
	uint8_t first[WITNESS_FILE_LEN];

	source->witness = malloc(WITNESS_FILE_LEN);
	if (!source->witness)
		return error_set(err, ENOMEM, "cannot read an App Container Image");
	witness_file(before, first);
	witness_file(after, source->witness);
	source->witness_len = WITNESS_FILE_LEN;
	if (memcmp(first, source->witness, sizeof(first)))
		return error_set(err, 0, "the file was changed while it was read");
	source->has_witness = witness_is_settled(after);
	return 0;
}

static int top(struct source *source, struct source_document *out, struct error *err)
{
	struct aci_source *self = (struct aci_source *)source;
	struct stat before, after;

	out->kind = DOCUMENT_ACI;
	if (fstat(self->fd, &before) < 0)
		return error_set(err, errno, "cannot read %s", source->canonical);
	if (!S_ISREG(before.st_mode))
		return error_set(err, 0, "%s is no regular file", source->canonical);
	if ((uint64_t)before.st_size > IMAGE_LAYERS_BYTES_MAX)
		return error_set(err, 0, "%s has more than %" PRIu64 " bytes", source->canonical,
				 IMAGE_LAYERS_BYTES_MAX);
	out->blob = (struct image_blob){ .size_bytes = (uint64_t)before.st_size };
	if (blob_sink_copy(source->sink, &out->blob, self->fd, 0, err) < 0)
		return error_prefix(err, "%s", source->canonical);
	if (fstat(self->fd, &after) < 0)
		return error_set(err, errno, "cannot read %s", source->canonical);
	return keep_witness(source, &before, &after, err);
}

/* There is nothing beside the file. */
static int fetch(struct source *source, const struct image_blob *wants, size_t count,
		 struct blob_sink *sink, struct error *err)
{
	char text[DIGEST_TEXT_SIZE];

	(void)source;
	(void)sink;
	if (count == 0)
		return 0;
	digest_format(&wants[0].digest, text);
	return error_set(err, 0, "blob %s is missing from the store", text);
}

static void close_file(struct source *source)
{
	struct aci_source *self = (struct aci_source *)source;

	cleanup_fd(&self->fd);
	free(self);
}

static const struct source_ops ops = { .top = top, .fetch = fetch, .close = close_file };

int source_aci_open(struct source **out, const struct image_reference *reference, struct error *err)
{
	_cleanup_free_ struct aci_source *self = calloc(1, sizeof(*self));

	if (!self)
		return error_set(err, ENOMEM, "cannot open an App Container Image");
	self->source.ops = &ops;
	self->fd = image_reference_open(reference, self->source.canonical, err);
	if (self->fd < 0)
		return -1;
	*out = &steal_ptr(self)->source;
	return 0;
}
