/*
 * Images in archives: oci-archive: is a layout in a tar, docker-archive: what docker save writes.
 *
 * For a docker archive, which has no OCI manifest, one is made: configuration and layers as they
 * are in the archive, in a fixed form, so that the same image has the same manifest everywhere.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "images/archive.h"
#include "images/decompress.h"
#include "images/docker_archive.h"
#include "images/limits.h"
#include "images/source.h"
#include "images/witness.h"
#include "images/worker.h"
#include "vmm/base/bytes.h"
#include "vmm/base/cleanup.h"
#include "vmm/base/io.h"

#define OCI_TYPE "application/vnd.oci.image."

/* What a compressed archive may come to. */
#define ARCHIVE_SIZE_MAX ((uint64_t)64 << 30)

enum { MARKER_SIZE_MAX = 4096, DESCRIPTOR_MAX = 400 };

struct archive_source {
	struct source source;
	int fd; /* plain bytes, read by offset */
	struct archive archive;
	char tag[IMAGE_TAG_MAX + 1];
};

/* Reads a small member whole; the caller frees *data, which has a NUL after it. */
static int read_member(const struct archive_source *self, const char *name, size_t max, char **data,
		       size_t *len, struct error *err)
{
	const struct archive_member *member = archive_find(&self->archive, name);
	_cleanup_free_ char *bytes = NULL;
	ssize_t n;

	if (!member)
		return error_set(err, 0, "%s is missing from the archive", name);
	if (member->size_bytes > max)
		return error_set(err, 0, "%s has %" PRIu64 " bytes, the limit is %zu", name,
				 member->size_bytes, max);
	bytes = malloc((size_t)member->size_bytes + 1);
	if (!bytes)
		return error_set(err, ENOMEM, "cannot read %s", name);
	n = io_pread_full(self->fd, bytes, (size_t)member->size_bytes, member->offset);
	if (n != (ssize_t)member->size_bytes)
		return error_set(err, n < 0 ? errno : 0, "cannot read %s of the archive", name);
	bytes[n] = '\0';
	*len = (size_t)n;
	*data = steal_ptr(bytes);
	return 0;
}

static int oci_top(struct source *source, struct source_document *out, struct error *err)
{
	const struct archive_source *self = (const struct archive_source *)source;

	out->kind = DOCUMENT_LAYOUT_INDEX;
	if (read_member(self, "oci-layout", MARKER_SIZE_MAX, &out->marker, &out->marker_len, err) <
		0 ||
	    read_member(self, "index.json", IMAGE_DOCUMENT_MAX, &out->data, &out->len, err) < 0)
		return error_prefix(err, "%s is not an OCI image layout", source->canonical);
	return 0;
}

static int oci_fetch(struct source *source, const struct image_blob *wants, size_t count,
		     struct blob_sink *sink, struct error *err)
{
	const struct archive_source *self = (const struct archive_source *)source;
	char text[DIGEST_TEXT_SIZE], name[sizeof("blobs/") + DIGEST_TEXT_SIZE];

	for (size_t i = 0; i < count; i++) {
		struct image_blob blob = wants[i];
		const struct archive_member *member;

		if (blob_store_has(sink->store, &blob))
			continue;
		digest_format_with(&blob.digest, '/', text);
		(void)snprintf(name, sizeof(name), "blobs/%s", text);
		member = archive_find(&self->archive, name);
		if (!member)
			return error_set(err, 0, "%s is missing from the archive", name);
		if (member->size_bytes != blob.size_bytes)
			return error_set(
			    err, 0, "%s has %" PRIu64 " bytes, but its descriptor says %" PRIu64,
			    name, member->size_bytes, blob.size_bytes);
		if (blob_sink_copy(sink, &blob, self->fd, member->offset, err) < 0)
			return -1;
	}
	return 0;
}

static int choose(const struct archive_source *self, struct docker_image *image, struct error *err)
{
	_cleanup_free_ char *manifest = NULL;
	_cleanup_free_ char *data = NULL;
	struct docker_archive_job job = { .archive = &self->archive, .tag = self->tag };
	const struct worker_job worker_job = { .load = digest_load,
					       .run = docker_archive_parse,
					       .context = &job };
	struct worker worker;
	size_t len;

	if (read_member(self, "manifest.json", IMAGE_DOCUMENT_MAX, &manifest, &job.manifest_len,
			err) < 0)
		return error_prefix(err, "%s is not what docker save writes",
				    self->source.canonical);
	job.manifest = manifest;
	if (worker_start(&worker, &worker_job, err) < 0 ||
	    worker_receive(&worker, &data, &len, err) < 0)
		return -1;
	worker_kill(&worker);
	return docker_image_decode(image, &self->archive, data, len, err);
}

/* Brings a member into the store, and appends its descriptor to the text. */
static int describe(const struct archive_source *self, uint64_t number, const char *media_type,
		    struct image_blob *blob, FILE *text, struct error *err)
{
	const struct archive_member *member = &self->archive.members[number];
	char digest[DIGEST_TEXT_SIZE];

	blob->size_bytes = member->size_bytes;
	if (blob_sink_copy(self->source.sink, blob, self->fd, member->offset, err) < 0)
		return error_prefix(err, "%.256s", member->name);
	digest_format(&blob->digest, digest);
	(void)fprintf(text, "{\"mediaType\":\"%s\",\"digest\":\"%s\",\"size\":%" PRIu64 "}",
		      media_type, digest, blob->size_bytes);
	return 0;
}

/* By its first bytes: names say nothing. */
static const char *layer_type(const struct archive_source *self, uint64_t number)
{
	static const char *const types[] = {
		[LAYER_PLAIN] = OCI_TYPE "layer.v1.tar",
		[LAYER_GZIP] = OCI_TYPE "layer.v1.tar+gzip",
		[LAYER_ZSTD] = OCI_TYPE "layer.v1.tar+zstd",
		[LAYER_XZ] = OCI_TYPE "layer.v1.tar+xz",
	};
	const struct archive_member *member = &self->archive.members[number];
	uint8_t magic[DECOMPRESS_MAGIC_LEN] = { 0 };
	size_t len =
	    member->size_bytes < sizeof(magic) ? (size_t)member->size_bytes : sizeof(magic);

	if (io_pread_full(self->fd, magic, len, member->offset) != (ssize_t)len)
		return types[LAYER_PLAIN];
	return types[decompress_sniff(magic, len)];
}

/* A member that was a layer before is not written a second time to learn its digest. */
static struct image_blob known_layer(const struct docker_image *image,
				     const struct image_blob *layers, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (image->layers[i] == image->layers[count])
			return layers[i];
	}
	return (struct image_blob){ .size_bytes = 0 };
}

/* Before the first is copied: what the archive can put on the disk. */
static int check_total(const struct archive_source *self, const struct docker_image *image,
		       struct error *err)
{
	uint64_t total_bytes = 0;

	for (size_t i = 0; i < image->layer_count; i++) {
		uint64_t size_bytes = self->archive.members[image->layers[i]].size_bytes;

		if (size_bytes > IMAGE_LAYERS_BYTES_MAX - total_bytes)
			return error_set(err, 0,
					 "the image's layers have more than %" PRIu64 " bytes",
					 IMAGE_LAYERS_BYTES_MAX);
		total_bytes += size_bytes;
	}
	return 0;
}

static int write_manifest(const struct archive_source *self, const struct docker_image *image,
			  FILE *text, struct error *err)
{
	struct image_blob blob = { .digest = image->config_digest };
	struct image_blob layers[IMAGE_LAYERS_MAX];

	(void)fprintf(text, "{\"schemaVersion\":2,\"mediaType\":\"" OCI_TYPE
			    "manifest.v1+json\",\"config\":");
	if (describe(self, image->config, OCI_TYPE "config.v1+json", &blob, text, err) < 0)
		return -1;
	(void)fprintf(text, ",\"layers\":[");
	for (size_t i = 0; i < image->layer_count; i++) {
		layers[i] = known_layer(image, layers, i);
		(void)fprintf(text, "%s", i ? "," : "");
		if (describe(self, image->layers[i], layer_type(self, image->layers[i]), &layers[i],
			     text, err) < 0)
			return -1;
	}
	(void)fprintf(text, "]}");
	return 0;
}

static int docker_top(struct source *source, struct source_document *out, struct error *err)
{
	const struct archive_source *self = (const struct archive_source *)source;
	struct docker_image image;
	FILE *text;
	int result;

	if (choose(self, &image, err) < 0 || check_total(self, &image, err) < 0)
		return -1;
	text = open_memstream(&out->data, &out->len);
	if (!text)
		return error_set(err, errno, "cannot make a manifest");
	result = write_manifest(self, &image, text, err);
	if (fclose(text) != 0 && result == 0)
		result = error_set(err, errno, "cannot make a manifest");
	out->kind = DOCUMENT_MANIFEST_OR_INDEX;
	(void)snprintf(out->media_type, sizeof(out->media_type), OCI_TYPE "manifest.v1+json");
	return result;
}

/* All blobs are in the store since docker_top(). */
static int docker_fetch(struct source *source, const struct image_blob *wants, size_t count,
			struct blob_sink *sink, struct error *err)
{
	char text[DIGEST_TEXT_SIZE];

	for (size_t i = 0; i < count; i++) {
		digest_format(&wants[i].digest, text);
		if (!blob_store_has(sink->store, &wants[i]))
			return error_set(err, 0, "%s has no blob %s", source->canonical, text);
	}
	return 0;
}

static void close_archive(struct source *source)
{
	struct archive_source *self = (struct archive_source *)source;

	cleanup_fd(&self->fd);
	archive_free(&self->archive);
	free(self);
}

static const struct source_ops oci_ops = { .top = oci_top,
					   .fetch = oci_fetch,
					   .close = close_archive };
static const struct source_ops docker_ops = { .top = docker_top,
					      .fetch = docker_fetch,
					      .close = close_archive };

static int index_archive(struct archive_source *self, int out_fd, struct error *err)
{
	struct archive_job job = { .in_fd = self->fd, .out_fd = out_fd };
	const int fds[] = { self->fd, out_fd };
	const struct worker_job worker_job = { .load = digest_load,
					       .run = archive_index,
					       .context = &job,
					       .fds = fds,
					       .fd_count = out_fd < 0 ? 1 : 2,
					       .file_max_bytes =
						   out_fd < 0 ? 0 : ARCHIVE_SIZE_MAX };
	_cleanup_free_ char *data = NULL;
	struct worker worker;
	size_t len;

	if (worker_start(&worker, &worker_job, err) < 0 ||
	    worker_receive(&worker, &data, &len, err) < 0)
		return -1;
	worker_kill(&worker);
	return archive_decode(&self->archive, data, len, err);
}

static bool is_plain(int fd)
{
	uint8_t magic[DECOMPRESS_MAGIC_LEN];
	ssize_t n = io_pread_full(fd, magic, sizeof(magic), 0);

	return n < (ssize_t)sizeof(magic) || decompress_sniff(magic, (size_t)n) == LAYER_PLAIN;
}

/* A pipe or a compressed file is written down first, in a file without a name. */
static int spool(struct archive_source *self, struct error *err)
{
	const struct store *store = self->source.sink->store;
	struct temporary file;
	int result = temporary_open(&file, store, err);

	if (result == 0)
		result = index_archive(self, file.fd, err);
	if (result == 0) {
		cleanup_fd(&self->fd);
		self->fd = fcntl(file.fd, F_DUPFD_CLOEXEC, 0);
		if (self->fd < 0)
			result = error_set(err, errno, "cannot keep an archive");
	}
	temporary_discard(&file, store);
	return result;
}

static int open_archive(struct archive_source *self, struct error *err)
{
	struct source *source = &self->source;
	struct stat st;

	if (fstat(self->fd, &st) < 0)
		return error_set(err, errno, "cannot stat %s", source->canonical);
	if (!S_ISREG(st.st_mode) && !S_ISFIFO(st.st_mode))
		return error_set(err, 0, "%s is neither a file nor a pipe", source->canonical);
	if (S_ISFIFO(st.st_mode))
		return spool(self, err);
	source->has_witness = witness_is_settled(&st);
	source->witness = malloc(WITNESS_FILE_LEN);
	if (!source->witness)
		return error_set(err, ENOMEM, "cannot open an archive");
	witness_file(&st, source->witness);
	source->witness_len = WITNESS_FILE_LEN;
	return is_plain(self->fd) ? index_archive(self, -1, err) : spool(self, err);
}

int source_archive_open(struct source **out, const struct image_reference *reference,
			struct blob_sink *sink, struct error *err)
{
	struct archive_source *self = calloc(1, sizeof(*self));

	if (!self)
		return error_set(err, ENOMEM, "cannot open an archive");
	self->source.ops = reference->transport == IMAGE_OCI_ARCHIVE ? &oci_ops : &docker_ops;
	self->source.sink = sink;
	memcpy(self->tag, reference->tag, sizeof(self->tag));
	self->fd = image_reference_open(reference, self->source.canonical, err);
	if (self->fd < 0 || open_archive(self, err) < 0) {
		source_close(&self->source);
		return -1;
	}
	*out = &self->source;
	return 0;
}
