/*
 * Descriptors and media types of OCI images.
 */
#include <string.h>

#include "images/oci_internal.h"
#include "vmm/base/bytes.h"
#include "vmm/base/cleanup.h"

#define OCI_TYPE    "application/vnd.oci.image."
#define DOCKER_TYPE "application/vnd.docker."

static const struct {
	const char *media_type;
	enum media_kind kind;
} media_types[] = {
	{ OCI_TYPE "index.v1+json", MEDIA_INDEX },
	{ OCI_TYPE "manifest.v1+json", MEDIA_MANIFEST },
	{ OCI_TYPE "config.v1+json", MEDIA_CONFIG },
	{ OCI_TYPE "layer.v1.tar", MEDIA_LAYER_PLAIN },
	{ OCI_TYPE "layer.v1.tar+gzip", MEDIA_LAYER_GZIP },
	{ OCI_TYPE "layer.v1.tar+zstd", MEDIA_LAYER_ZSTD },
	{ OCI_TYPE "layer.v1.tar+xz", MEDIA_LAYER_XZ },
	{ DOCKER_TYPE "distribution.manifest.list.v2+json", MEDIA_INDEX },
	{ DOCKER_TYPE "distribution.manifest.v2+json", MEDIA_MANIFEST },
	{ DOCKER_TYPE "container.image.v1+json", MEDIA_CONFIG },
	{ DOCKER_TYPE "image.rootfs.diff.tar", MEDIA_LAYER_PLAIN },
	{ DOCKER_TYPE "image.rootfs.diff.tar.gzip", MEDIA_LAYER_GZIP },
	{ DOCKER_TYPE "image.rootfs.diff.tar.zstd", MEDIA_LAYER_ZSTD },
};

enum media_kind oci_media_kind(const char *media_type)
{
	for (size_t i = 0; i < ARRAY_SIZE(media_types); i++) {
		if (!strcmp(media_types[i].media_type, media_type))
			return media_types[i].kind;
	}
	return MEDIA_OTHER;
}

int oci_read_descriptor(const struct cJSON *json, struct oci_descriptor *out, struct error *err)
{
	const struct cJSON *urls;
	const char *digest;
	int found;

	if (!json || !json_is_object(json))
		return error_set(err, 0, "a descriptor is missing");
	if (json_string(json, "mediaType", &out->media_type, err) < 0 ||
	    json_string(json, "digest", &digest, err) < 0)
		return -1;
	if (!out->media_type || !digest)
		return error_set(err, 0, "a descriptor has no mediaType or no digest");
	if (digest_parse(&out->digest, digest, strlen(digest), err) < 0)
		return -1;
	found = json_uint(json, "size", INT64_MAX, &out->size_bytes, err);
	if (found <= 0)
		return found < 0 ? -1 : error_set(err, 0, "a descriptor has no size");
	found = json_array(json, "urls", &urls, err);
	if (found < 0)
		return -1;
	if (found && json_first(urls))
		return error_set(err, 0, "blob %s is to be fetched from elsewhere (urls)", digest);
	out->kind = oci_media_kind(out->media_type);
	return 0;
}

int oci_check_document(const struct cJSON *json, enum media_kind kind, struct error *err)
{
	static const char *const index_members[] = { "manifests" };
	static const char *const manifest_members[] = { "config", "layers" };
	const char *const *foreign = kind == MEDIA_INDEX ? manifest_members : index_members;
	size_t count =
	    kind == MEDIA_INDEX ? ARRAY_SIZE(manifest_members) : ARRAY_SIZE(index_members);
	const char *media_type;
	uint64_t version = 0;

	if (!json_is_object(json))
		return error_set(err, 0, "a document is not an object");
	if (json_uint(json, "schemaVersion", UINT32_MAX, &version, err) < 0 ||
	    json_string(json, "mediaType", &media_type, err) < 0)
		return -1;
	if (version != 2)
		return error_set(err, 0, "a document does not have schemaVersion 2");
	if (media_type && oci_media_kind(media_type) != kind)
		return error_set(err, 0, "a document says that its type is %.200s", media_type);
	for (const struct cJSON *member = json_first(json); member; member = json_next(member)) {
		for (size_t i = 0; i < count; i++) {
			if (!strcmp(json_key(member), foreign[i]))
				return error_set(err, 0,
						 "a document is index and manifest at once");
		}
	}
	return 0;
}

int oci_fetch_document(const struct oci_source *source, const struct oci_descriptor *descriptor,
		       struct cJSON **out, struct error *err)
{
	_cleanup_free_ char *data = NULL;

	if (descriptor->size_bytes > IMAGE_DOCUMENT_MAX)
		return error_set(err, 0, "a document is larger than %d bytes", IMAGE_DOCUMENT_MAX);
	if (source->fetch(source->context, &descriptor->digest, descriptor->size_bytes, &data,
			  err) < 0)
		return -1;
	return json_parse(out, data, (size_t)descriptor->size_bytes, err);
}
