/*
 * Converting a config.json.
 */
#include "images/oci_bundle_convert.h"

#include <errno.h>

#include "images/document_convert.h"
#include "images/oci_bundle.h"

static int read_with(int (*reader)(struct oci_bundle *, const char *, size_t, struct error *),
		     const char *text, size_t len, void **data, size_t *data_len, struct error *err)
{
	struct oci_bundle bundle;
	int result;

	if (reader(&bundle, text, len, err) < 0)
		return -1;
	result = oci_bundle_encode(&bundle, data, data_len);
	oci_bundle_free(&bundle);
	return result < 0 ? error_set(err, ENOMEM, "cannot report what config.json says") : 0;
}

static int read(const char *text, size_t len, void **data, size_t *data_len, struct error *err)
{
	return read_with(oci_bundle_read, text, len, data, data_len, err);
}

static int read_process(const char *text, size_t len, void **data, size_t *data_len,
			struct error *err)
{
	return read_with(oci_process_read, text, len, data, data_len, err);
}

static int read_resources(const char *text, size_t len, void **data, size_t *data_len,
			  struct error *err)
{
	return read_with(oci_resources_read, text, len, data, data_len, err);
}

static int check(const void *data, size_t len, struct error *err)
{
	struct oci_bundle bundle;

	if (oci_bundle_decode(&bundle, data, len, err) < 0)
		return -1;
	oci_bundle_free(&bundle);
	return 0;
}

static int check_process(const void *data, size_t len, struct error *err)
{
	struct oci_bundle bundle;

	if (oci_process_decode(&bundle, data, len, err) < 0)
		return -1;
	oci_bundle_free(&bundle);
	return 0;
}

static int check_resources(const void *data, size_t len, struct error *err)
{
	struct oci_bundle bundle;

	if (oci_resources_decode(&bundle, data, len, err) < 0)
		return -1;
	oci_bundle_free(&bundle);
	return 0;
}

int oci_bundle_convert(int fd, void **data, size_t *len, struct error *err)
{
	static const struct document_kind kind = { "config.json", read, check };

	return document_convert(fd, &kind, data, len, err);
}

int oci_process_convert(int fd, void **data, size_t *len, struct error *err)
{
	static const struct document_kind kind = { "process", read_process, check_process };

	return document_convert(fd, &kind, data, len, err);
}

int oci_resources_convert(int fd, void **data, size_t *len, struct error *err)
{
	static const struct document_kind kind = { "resources", read_resources, check_resources };

	return document_convert(fd, &kind, data, len, err);
}
