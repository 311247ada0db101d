/*
 * Converting a pod manifest.
 */
#include "images/pod_manifest_convert.h"

#include <errno.h>

#include "images/document_convert.h"
#include "images/pod_manifest.h"

static int report(struct pod_manifest *manifest, void **data, size_t *len, struct error *err)
{
	int result = pod_manifest_encode(manifest, data, len);

	pod_manifest_free(manifest);
	return result < 0 ? error_set(err, ENOMEM, "cannot report what the manifest says") : 0;
}

static int read(const char *text, size_t len, void **data, size_t *data_len, struct error *err)
{
	struct pod_manifest manifest;

	return pod_manifest_read(&manifest, text, len, err) < 0
		   ? -1
		   : report(&manifest, data, data_len, err);
}

static int read_image(const char *text, size_t len, void **data, size_t *data_len,
		      struct error *err)
{
	struct pod_manifest manifest;

	return pod_manifest_read_image(&manifest, text, len, err) < 0
		   ? -1
		   : report(&manifest, data, data_len, err);
}

static int check(const void *data, size_t len, struct error *err)
{
	struct pod_manifest manifest;

	if (pod_manifest_decode(&manifest, data, len, err) < 0)
		return -1;
	pod_manifest_free(&manifest);
	return 0;
}

int pod_manifest_convert(int fd, void **data, size_t *len, struct error *err)
{
	static const struct document_kind kind = { "pod manifest", read, check };

	return document_convert(fd, &kind, data, len, err);
}

int pod_manifest_convert_image(int fd, void **data, size_t *len, struct error *err)
{
	static const struct document_kind kind = { "image manifest", read_image, check };

	return document_convert(fd, &kind, data, len, err);
}
