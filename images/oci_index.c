/*
 * Choosing the manifest that a reference means (image-layout.md, image-index.md): by the annotation
 * org.opencontainers.image.ref.name, then by platform.
 */
#include <stdio.h>
#include <string.h>

#include "images/oci_internal.h"

#define REF_NAME    "org.opencontainers.image.ref.name"
#define ATTESTATION "vnd.docker.reference.type"
/* What `cosign save` says of entries that are about an image. */
#define KIND		  "kind"
#define KIND_SIGNATURES	  "dev.cosignproject.cosign/sigs"
#define KIND_ATTESTATIONS "dev.cosignproject.cosign/atts"

enum { HEX_LEN = 64 };

/* Whether the entry is for Linux on x86-64, or does not say: 1, 0, -1 with err filled. */
static int fits_platform(const struct cJSON *entry, struct error *err)
{
	const struct cJSON *platform;
	const char *os, *architecture;
	int found = json_object(entry, "platform", &platform, err);

	if (found <= 0)
		return found < 0 ? -1 : 1;
	if (json_string(platform, "os", &os, err) < 0 ||
	    json_string(platform, "architecture", &architecture, err) < 0)
		return -1;
	return (!os || !strcmp(os, "linux")) && (!architecture || !strcmp(architecture, "amd64"));
}

/* Whether the tag is one that cosign gives to what it says about an image: sha256-<hex>.sig. */
static bool is_about_image(const char *tag)
{
	static const char prefix[] = "sha256-";
	const char *hex = tag + strlen(prefix);

	return !strncmp(tag, prefix, strlen(prefix)) &&
	       strspn(hex, "0123456789abcdef") == HEX_LEN && hex[HEX_LEN] == '.';
}

/* The tag of an entry, NULL if it has none. *is_attestation: the entry is no image. */
static int read_annotations(const struct cJSON *entry, const char **tag, bool *is_attestation,
			    struct error *err)
{
	const struct cJSON *annotations;
	int found = json_object(entry, "annotations", &annotations, err);

	*tag = NULL;
	*is_attestation = false;
	if (found <= 0)
		return found;
	for (const struct cJSON *a = json_first(annotations); a; a = json_next(a)) {
		if (!json_text(a))
			return error_set(err, 0, "an annotation is not a string");
		if (!strcmp(json_key(a), REF_NAME))
			*tag = json_text(a);
		if (!strcmp(json_key(a), ATTESTATION) ||
		    (!strcmp(json_key(a), KIND) && (!strcmp(json_text(a), KIND_SIGNATURES) ||
						    !strcmp(json_text(a), KIND_ATTESTATIONS))))
			*is_attestation = true;
	}
	return 0;
}

struct choice {
	unsigned count; /* different manifests that fit */
	unsigned other; /* entries that are meant but do not fit the platform */
	char tags[512]; /* of all entries, for the error text */
	struct oci_descriptor descriptor;
};

static void note_tag(struct choice *choice, const char *tag)
{
	size_t used = strlen(choice->tags);

	(void)snprintf(choice->tags + used, sizeof(choice->tags) - used, "%s%.100s",
		       used ? ", " : "", tag);
}

static int consider(struct choice *choice, const struct cJSON *entry, const char *wanted,
		    struct error *err)
{
	struct oci_descriptor descriptor;
	bool is_attestation;
	const char *tag;
	int fits;

	if (oci_read_descriptor(entry, &descriptor, err) < 0 ||
	    read_annotations(entry, &tag, &is_attestation, err) < 0)
		return -1;
	if (tag)
		note_tag(choice, tag);
	if (is_attestation || (wanted[0] && (!tag || strcmp(tag, wanted))))
		return 0;
	if (!wanted[0] && tag && is_about_image(tag))
		return 0;
	fits = fits_platform(entry, err);
	if (fits <= 0) {
		choice->other++;
		return fits;
	}
	if (choice->count && digest_equal(&choice->descriptor.digest, &descriptor.digest))
		return 0;
	choice->count++;
	choice->descriptor = descriptor;
	return 0;
}

static int refuse(const struct choice *choice, const char *tag, struct error *err)
{
	if (choice->count > 1 && !tag[0])
		return error_set(err, 0,
				 "the layout holds several images; name one as oci:DIR:TAG "
				 "(it has: %s)",
				 choice->tags[0] ? choice->tags : "no tags");
	if (choice->count > 1)
		return error_set(err, 0, "the layout holds several images with the tag %s", tag);
	if (choice->other)
		return error_set(err, 0, "the layout holds no image for linux/amd64%s%s",
				 tag[0] ? " with the tag " : "", tag);
	return error_set(err, 0, "the layout holds no image%s%s (it has: %s)",
			 tag[0] ? " with the tag " : "", tag,
			 choice->tags[0] ? choice->tags : "no tags");
}

int oci_choose(const struct cJSON *index, const char *tag, struct oci_descriptor *out,
	       struct error *err)
{
	struct choice choice = { 0 };
	const struct cJSON *manifests;
	int found;

	if (oci_check_document(index, MEDIA_INDEX, err) < 0)
		return -1;
	found = json_array(index, "manifests", &manifests, err);
	if (found <= 0)
		return found < 0 ? -1 : error_set(err, 0, "an image index lists no manifests");
	for (const struct cJSON *e = json_first(manifests); e; e = json_next(e)) {
		if (consider(&choice, e, tag, err) < 0)
			return -1;
	}
	if (choice.count != 1)
		return refuse(&choice, tag, err);
	*out = choice.descriptor;
	return 0;
}

int oci_follow(struct oci_descriptor *descriptor, const struct oci_source *source,
	       struct error *err)
{
	for (unsigned depth = 0; descriptor->kind == MEDIA_INDEX; depth++) {
		struct cJSON *nested;
		int result;

		if (depth == IMAGE_INDEX_DEPTH_MAX)
			return error_set(err, 0, "image indexes are nested more than %d deep",
					 IMAGE_INDEX_DEPTH_MAX);
		if (oci_fetch_document(source, descriptor, &nested, err) < 0)
			return -1;
		result = oci_choose(nested, "", descriptor, err);
		descriptor->media_type = NULL;
		json_free(nested);
		if (result < 0)
			return -1;
	}
	if (descriptor->kind != MEDIA_MANIFEST)
		return error_set(err, 0, "what the image is said to be is not an image manifest");
	return 0;
}
