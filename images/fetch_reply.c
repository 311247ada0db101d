/*
 * Reading the fetching process's messages. It may have been taken over: what it says decides
 * nothing but which bytes are hashed.
 */
#include "images/fetch_reply.h"

#include <string.h>

#include "images/fetch.h"
#include "images/limits.h"
#include "images/message.h"
#include "vmm/base/bytes.h"

static const char *const types[] = {
	"application/vnd.oci.image.index.v1+json",
	"application/vnd.oci.image.manifest.v1+json",
	"application/vnd.docker.distribution.manifest.list.v2+json",
	"application/vnd.docker.distribution.manifest.v2+json",
};

/* Docker's first schema: signed, without digests of configurations. */
static const char *const old_types[] = {
	"application/vnd.docker.distribution.manifest.v1+json",
	"application/vnd.docker.distribution.manifest.v1+prettyjws",
};

static int check_type(struct fetch_manifest *out, const char *type, struct error *err)
{
	for (size_t i = 0; i < ARRAY_SIZE(types); i++) {
		if (strcmp(type, types[i]) == 0) {
			out->media_type = types[i];
			return 1;
		}
	}
	for (size_t i = 0; i < ARRAY_SIZE(old_types); i++) {
		if (strcmp(type, old_types[i]) == 0)
			return error_set(
			    err, 0,
			    "the registry has this image only in docker's first schema "
			    "(v2s1), which is not supported; push it again with a "
			    "present tool");
	}
	if (!type[0])
		return error_set(err, 0, "the registry sent a manifest without a Content-Type");
	return error_set(err, 0, "the registry sent a manifest as %.100s, which is none", type);
}

int fetch_read_manifest(struct fetch_manifest *out, const char *message, size_t len,
			struct error *err)
{
	struct fetch_got got;

	*out = (struct fetch_manifest){ 0 };
	if (len < sizeof(got) || len - sizeof(got) > IMAGE_DOCUMENT_MAX)
		return error_set(err, 0, "the fetching process said something unexpected");
	memcpy(&got, message, sizeof(got));
	got.media_type[sizeof(got.media_type) - 1] = '\0';
	if (!le32_get(got.found))
		return 0;
	out->data = message + sizeof(got);
	out->len = len - sizeof(got);
	if (check_type(out, got.media_type, err) < 0)
		return -1;
	if (!got.digest[0])
		return 1;
	if (digest_parse(&out->digest, got.digest, strnlen(got.digest, sizeof(got.digest)), err) <
	    0)
		return error_prefix(err, "the registry sent a bad Docker-Content-Digest");
	out->has_digest = true;
	return 1;
}

int fetch_read_bytes(struct fetch_bytes *out, int kind, const char *message, size_t len,
		     size_t count, struct error *err)
{
	struct fetch_piece piece;
	bool is_end = kind == MESSAGE_END;

	if ((!is_end && kind != MESSAGE_PIECE) || len < sizeof(piece) ||
	    is_end != (len == sizeof(piece)))
		return error_set(err, 0, "the fetching process said something unexpected");
	memcpy(&piece, message, sizeof(piece));
	*out = (struct fetch_bytes){ .slot = le32_get(piece.slot),
				     .data = message + sizeof(piece),
				     .len = len - sizeof(piece) };
	if (out->slot >= count)
		return error_set(err, 0, "the fetching process sent bytes of no blob");
	return 0;
}
