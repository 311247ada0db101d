/*
 * Cosign's simple signing, as it stands in registries and OCI layouts: a manifest whose layers are
 * payloads, each with its signature in an annotation (cosign, specs/SIGNATURE_SPEC.md). A payload
 * says which manifest is meant and under which name it was signed.
 */
#ifndef NACELLE_IMAGES_SIMPLE_SIGNING_H
#define NACELLE_IMAGES_SIMPLE_SIGNING_H

#include <stddef.h>
#include <stdint.h>

#include "images/digest.h"
#include "images/oci.h"
#include "images/signature.h"
#include "vmm/base/error.h"

/*
 * What may have to be looked at: `cosign save` does not say which entry of an index is for which
 * image.
 */
enum { SIGNATURE_ENTRIES_MAX = 256 };

/* A payload that a manifest of signatures names, before it is fetched. */
struct signature_entry {
	struct digest payload;
	uint64_t size_bytes; /* at most SIGNATURE_SIZE_MAX */
	char *signature;     /* base64 */
};

struct signature_entries {
	struct signature_entry items[SIGNATURE_ENTRIES_MAX];
	size_t count;
};

/* Where to look for signatures of an image. */
struct signature_search {
	const char *document; /* index.json of a layout, or a manifest of signatures */
	size_t len;
	bool is_index;
	const struct digest *images; /* the image's manifest, and the indexes that led to it */
	size_t image_count;
};

/*
 * Lists what a layout's index, or a manifest of signatures, has for the images: in an index those
 * entries with the tag sha256-<hex>.sig, and those that `cosign save` marks as signatures. To be
 * called in a confined process. The latter may be for other images, and at most
 * SIGNATURE_ENTRIES_MAX are listed. Returns 0 with *out to be released by
 * signature_entries_free(), or -1 with err filled.
 */
int simple_signing_list(const struct signature_search *search, const struct oci_source *source,
			struct signature_entries *out, struct error *err);
void signature_entries_free(struct signature_entries *entries);

/* From the confined process to the importer. Decoding checks every field. */
int signature_entries_encode(const struct signature_entries *entries, void **data, size_t *len);
int signature_entries_decode(struct signature_entries *entries, const void *data, size_t len,
			     struct error *err);

struct simple_signing_claim {
	const char *name; /* the image's, as policies know it */
	const struct digest *manifest;
	const char *index; /* an index that may have led to the manifest, or NULL */
	size_t index_len;
};

/*
 * Reads a payload whose signature was verified, strictly: {"critical":{"identity":
 * {"docker-reference":...},"image":{"docker-manifest-digest":...},"type":"cosign container image
 * signature"},"optional":...} and nothing else. It must be for this manifest, or for the index, if
 * that names the manifest. If the image comes from a registry, the reference must be its
 * repository, and where it has a tag or a digest those of the image. To be called in a confined
 * process. Returns 0, or -1 with err saying what does not fit.
 */
int simple_signing_check(const char *payload, size_t len, const struct simple_signing_claim *claim,
			 struct error *err);

#endif
