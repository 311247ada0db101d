/*
 * The confined reader of App Container Images.
 */
#include "images/parser_aci.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "images/aci_archive.h"
#include "images/aci_report.h"
#include "images/appc_image.h"
#include "images/decompress.h"
#include "images/hash_stream.h"
#include "images/message.h"
#include "vmm/base/cleanup.h"

/* aci.md: gzip, bzip2 or xz, told by how the file begins. */
static int find_compression(struct stream *blob, enum layer_compression *out, struct error *err)
{
	static const char bzip2[] = { 'B', 'Z', 'h' };
	int more = stream_fill(blob, err);

	if (more <= 0)
		return more < 0 ? -1 : error_set(err, 0, "the file is empty");
	*out = decompress_sniff(blob->at, blob->left);
	if (*out == LAYER_ZSTD)
		return error_set(err, 0,
				 "the file is compressed with zstd, which App Container Images "
				 "are not");
	if (blob->left >= sizeof(bzip2) && !memcmp(blob->at, bzip2, sizeof(bzip2)))
		return error_set(err, 0,
				 "the file is compressed with bzip2, which is not supported; "
				 "compress it with gzip or xz instead, the image id stays");
	return 0;
}

/* The report takes over what the manifest has of it. */
static int fill_report(struct aci_report *report, struct appc_image *image, struct error *err)
{
	if (appc_image_config(image, &report->config, &report->unapplied, err) < 0)
		return -1;
	report->name = steal_ptr(image->name);
	report->labels = image->labels;
	image->labels = (struct string_list){ 0 };
	report->whitelist = image->whitelist;
	image->whitelist = (struct string_list){ 0 };
	memcpy(report->dependencies, image->dependencies, sizeof(report->dependencies));
	report->dependency_count = image->dependency_count;
	image->dependency_count = 0;
	return 0;
}

static int read_manifest(struct aci_report *report, const char *text, size_t len, struct error *err)
{
	_cleanup_free_ struct appc_image *image = calloc(1, sizeof(*image));
	int result;

	if (!image)
		return error_set(err, ENOMEM, "cannot read a manifest");
	if (appc_image_read(image, text, len, err) < 0)
		return -1;
	result = fill_report(report, image, err);
	appc_image_free(image);
	return result;
}

/* The tar stream: its digest is the image's id, its manifest says the rest. */
static int read_archive(struct aci_report *report, struct stream *tar, struct error *err)
{
	_cleanup_free_ char *manifest = NULL;
	struct hash_stream hashed;
	size_t len;

	if (hash_stream_init(&hashed, tar, DIGEST_SHA512, err) < 0)
		return -1;
	if (aci_read_manifest(&hashed.stream, &manifest, &len, err) < 0) {
		hasher_free(&hashed.hasher);
		return -1;
	}
	if (hasher_finish(&hashed.hasher, &report->id, err) < 0)
		return -1;
	return read_manifest(report, manifest, len, err);
}

static int read_file(const struct parser_aci *job, struct aci_report *report, struct error *err)
{
	_cleanup_free_ uint8_t *buffer = malloc(STREAM_WINDOW_MAX);
	struct decompressor tar;
	struct fd_stream blob;
	int result;

	if (!buffer)
		return error_set(err, ENOMEM, "cannot read an App Container Image");
	fd_stream_init(&blob, job->fd, job->size_bytes, buffer);
	if (find_compression(&blob.stream, &report->compression, err) < 0 ||
	    decompress_open(&tar, report->compression, &blob.stream, err) < 0)
		return -1;
	result = read_archive(report, &tar.stream, err);
	decompress_close(&tar);
	return result;
}

static int send_report(const struct aci_report *report, int control, struct error *err)
{
	_cleanup_free_ void *data = NULL;
	size_t len;

	if (aci_report_encode(report, &data, &len) < 0)
		return error_set(err, ENOMEM, "cannot report what the manifest says");
	if (message_send(control, MESSAGE_RESULT, data, len) < 0)
		return error_set(err, errno, "cannot report what the manifest says");
	return 0;
}

int parser_aci(void *context, int control, struct error *err)
{
	_cleanup_free_ struct aci_report *report = calloc(1, sizeof(*report));
	int result;

	if (!report)
		return error_set(err, ENOMEM, "cannot read an App Container Image");
	result = read_file(context, report, err);
	if (result == 0)
		result = send_report(report, control, err);
	aci_report_free(report);
	return result;
}
