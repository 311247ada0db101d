/*
 * OCI image layouts in a directory (image-spec, image-layout.md). Paths are made from decoded
 * digests only; the files may change under us, so what counts is what reaches the sink.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "images/source.h"
#include "images/witness.h"
#include "vmm/base/cleanup.h"
#include "vmm/base/io.h"

enum { MARKER_SIZE_MAX = 4096 };

struct oci_source_directory {
	struct source source;
	int fd;
};

static int open_blob(int layout_fd, const struct image_blob *blob, struct error *err)
{
	_cleanup_fd_ int fd = -1;
	char text[DIGEST_TEXT_SIZE];
	char path[sizeof("blobs/") + DIGEST_TEXT_SIZE];
	struct stat st;

	digest_format_with(&blob->digest, '/', text);
	(void)snprintf(path, sizeof(path), "blobs/%s", text);
	fd = openat(layout_fd, path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
	if (fd < 0 && errno == ENOENT)
		return error_set(err, 0, "%s is missing from the layout", path);
	if (fd < 0 || fstat(fd, &st) < 0)
		return error_set(err, errno, "cannot open %s", path);
	if (!S_ISREG(st.st_mode))
		return error_set(err, 0, "%s is not a regular file", path);
	if ((uint64_t)st.st_size != blob->size_bytes)
		return error_set(err, 0, "%s has %jd bytes, but its descriptor says %" PRIu64, path,
				 (intmax_t)st.st_size, blob->size_bytes);
	return steal_fd(&fd);
}

static int fetch(struct source *source, const struct image_blob *wants, size_t count,
		 struct blob_sink *sink, struct error *err)
{
	const struct oci_source_directory *self = (const struct oci_source_directory *)source;

	for (size_t i = 0; i < count; i++) {
		struct image_blob blob = wants[i];
		_cleanup_fd_ int fd = -1;

		if (blob_store_has(sink->store, &blob))
			continue;
		fd = open_blob(self->fd, &blob, err);
		if (fd < 0 || blob_sink_copy(sink, &blob, fd, 0, err) < 0)
			return -1;
	}
	return 0;
}

static int top(struct source *source, struct source_document *out, struct error *err)
{
	const struct oci_source_directory *self = (const struct oci_source_directory *)source;
	struct error why = ERROR_NONE;

	out->kind = DOCUMENT_LAYOUT_INDEX;
	if (io_read_file(self->fd, "oci-layout", MARKER_SIZE_MAX, &out->marker, &out->marker_len,
			 &why) < 0)
		return error_set(err, 0, "%s is not an OCI image layout: %s", source->canonical,
				 why.text);
	if (witness_read_index(self->fd, source->canonical, &out->data, &out->len, err) < 0)
		return -1;
	source->witness = malloc(out->len + 1);
	if (!source->witness)
		return error_set(err, ENOMEM, "cannot read an image index");
	memcpy(source->witness, out->data, out->len);
	source->witness_len = out->len;
	source->has_witness = true;
	return 0;
}

static void close_layout(struct source *source)
{
	struct oci_source_directory *self = (struct oci_source_directory *)source;

	cleanup_fd(&self->fd);
	free(self);
}

static const struct source_ops ops = { .top = top, .fetch = fetch, .close = close_layout };

int source_oci_open(struct source **out, const struct image_reference *reference, struct error *err)
{
	_cleanup_free_ struct oci_source_directory *self = calloc(1, sizeof(*self));

	if (!self)
		return error_set(err, ENOMEM, "cannot open an image layout");
	self->source.ops = &ops;
	self->fd = image_reference_open(reference, self->source.canonical, err);
	if (self->fd < 0)
		return error_prefix(err, "cannot find the image layout %s", reference->path);
	*out = &steal_ptr(self)->source;
	return 0;
}
