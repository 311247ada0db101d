/*
 * What a simple signing payload claims. Its author is one of the keys of the rule, which still may
 * have signed it for another image, another name or another purpose.
 */
#include "images/simple_signing.h"

#include <stdbool.h>
#include <string.h>

#include "images/json.h"
#include "images/oci_internal.h"
#include "images/reference.h"
#include "vmm/base/bytes.h"

#define PAYLOAD_TYPE "cosign container image signature"

/* Checks that the object has exactly these members, or fewer. */
static int check_members(const struct cJSON *object, const char *const *names, size_t count,
			 struct error *err)
{
	for (const struct cJSON *m = json_first(object); m; m = json_next(m)) {
		size_t i = 0;

		while (i < count && strcmp(names[i], json_key(m)))
			i++;
		if (i == count)
			return error_set(err, 0, "its payload has the unknown field \"%.100s\"",
					 json_key(m));
	}
	return 0;
}

static int get_object(const struct cJSON *object, const char *key, const char *only,
		      const struct cJSON **out, struct error *err)
{
	int found = json_object(object, key, out, err);

	if (found <= 0)
		return found < 0 ? -1 : error_set(err, 0, "its payload has no \"%s\"", key);
	return check_members(*out, &only, 1, err);
}

static int get_string(const struct cJSON *object, const char *key, const char **out,
		      struct error *err)
{
	int found = json_string(object, key, out, err);

	return found == 0 ? error_set(err, 0, "its payload has no \"%s\"", key) : found;
}

/* Whether an index has exactly this digest and names the manifest. */
static int check_index(const struct simple_signing_claim *claim, const struct digest *signed_digest,
		       struct error *err)
{
	const struct cJSON *manifests;
	struct digest digest;
	struct cJSON *index;
	int found = 0;

	if (!claim->index ||
	    digest_compute(&digest, signed_digest->algorithm, claim->index, claim->index_len, err) <
		0 ||
	    !digest_equal(&digest, signed_digest))
		return error_set(err, 0, "it is for another image");
	if (json_parse(&index, claim->index, claim->index_len, err) < 0)
		return -1;
	if (oci_check_document(index, MEDIA_INDEX, err) == 0 &&
	    json_array(index, "manifests", &manifests, err) > 0) {
		for (const struct cJSON *e = json_first(manifests); e; e = json_next(e)) {
			struct oci_descriptor descriptor;

			if (oci_read_descriptor(e, &descriptor, NULL) == 0 &&
			    digest_equal(&descriptor.digest, claim->manifest))
				found = 1;
		}
	}
	json_free(index);
	return found ? 0 : error_set(err, 0, "it is for an index that does not name this image");
}

static int check_digest(const struct simple_signing_claim *claim, const char *text,
			struct error *err)
{
	struct digest digest;

	if (digest_parse(&digest, text, strlen(text), err) < 0)
		return -1;
	if (digest_equal(&digest, claim->manifest))
		return 0;
	return check_index(claim, &digest, err);
}

static bool has_tag(const char *reference)
{
	const char *slash = strrchr(reference, '/');

	return strchr(slash ? slash : reference, ':') != NULL;
}

/*
 * Names of this machine say nothing that a signature could repeat: there, the place has its rule
 * and the digest decides.
 */
static int check_reference(const struct simple_signing_claim *claim, const char *text,
			   struct error *err)
{
	struct image_reference is, wanted;

	if (strstr(claim->name, ":/") || !claim->name[0])
		return 0;
	if (image_reference_parse_docker(&wanted, claim->name, strlen(claim->name), err) < 0)
		return -1;
	if (image_reference_parse_docker(&is, text, strlen(text), NULL) == 0 &&
	    !strcmp(is.host, wanted.host) && !strcmp(is.path, wanted.path)) {
		/* What says neither tag nor digest means them all; the parser then says latest. */
		if (is.digest[0])
			return check_digest(claim, is.digest, err);
		if (!has_tag(text) || !wanted.tag[0] || !strcmp(is.tag, wanted.tag))
			return 0;
	}
	return error_set(err, 0, "it is for the name \"%.200s\"", text);
}

static int check_critical(const struct cJSON *critical, const struct simple_signing_claim *claim,
			  struct error *err)
{
	static const char *const members[] = { "identity", "image", "type" };
	const struct cJSON *identity, *image;
	const char *type, *digest, *reference;

	if (check_members(critical, members, ARRAY_SIZE(members), err) < 0 ||
	    get_string(critical, "type", &type, err) < 0)
		return -1;
	if (strcmp(type, PAYLOAD_TYPE))
		return error_set(err, 0, "its payload is a \"%.100s\"", type);
	if (get_object(critical, "image", "docker-manifest-digest", &image, err) < 0 ||
	    get_string(image, "docker-manifest-digest", &digest, err) < 0 ||
	    check_digest(claim, digest, err) < 0)
		return -1;
	if (get_object(critical, "identity", "docker-reference", &identity, err) < 0 ||
	    get_string(identity, "docker-reference", &reference, err) < 0)
		return -1;
	return check_reference(claim, reference, err);
}

int simple_signing_check(const char *payload, size_t len, const struct simple_signing_claim *claim,
			 struct error *err)
{
	static const char *const members[] = { "critical", "optional" };
	const struct cJSON *critical, *optional;
	struct cJSON *root;
	int result = -1, found;

	if (json_parse(&root, payload, len, err) < 0)
		return -1;
	if (!json_is_object(root)) {
		(void)error_set(err, 0, "its payload is not an object");
	} else if (check_members(root, members, ARRAY_SIZE(members), err) == 0) {
		found = json_object(root, "critical", &critical, err);
		if (found == 0)
			(void)error_set(err, 0, "its payload has no \"critical\"");
		if (found > 0 && json_object(root, "optional", &optional, err) >= 0)
			result = check_critical(critical, claim, err);
	}
	json_free(root);
	return result;
}
