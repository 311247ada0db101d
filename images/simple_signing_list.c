/*
 * Finding simple signing payloads. Everything read here is a stranger's, and what is found counts
 * for nothing until a key has verified it.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "images/fields.h"
#include "images/json.h"
#include "images/oci_internal.h"
#include "images/simple_signing.h"
#include "vmm/base/cleanup.h"

#define PAYLOAD_MEDIA	     "application/vnd.dev.cosign.simplesigning.v1+json"
#define SIGNATURE_ANNOTATION "dev.cosignproject.cosign/signature"
#define REF_NAME	     "org.opencontainers.image.ref.name"
#define KIND		     "kind"
#define KIND_SIGNATURES	     "dev.cosignproject.cosign/sigs"

static const char magic[FIELDS_MAGIC_LEN + 1] = "nacelle sigsl 1\n";

void signature_entries_free(struct signature_entries *entries)
{
	for (size_t i = 0; i < entries->count; i++)
		free(entries->items[i].signature);
	*entries = (struct signature_entries){ .count = 0 };
}

static int add(struct signature_entries *out, const struct digest *payload, uint64_t size_bytes,
	       const char *signature, size_t len, struct error *err)
{
	struct signature_entry *entry = &out->items[out->count];

	if (out->count == SIGNATURE_ENTRIES_MAX)
		return error_set(err, 0, "there are too many signatures");
	if (size_bytes > SIGNATURE_SIZE_MAX || len > SIGNATURE_SIZE_MAX)
		return error_set(err, 0, "a signature is larger than %d bytes", SIGNATURE_SIZE_MAX);
	*entry = (struct signature_entry){ *payload, size_bytes, strndup(signature, len) };
	if (!entry->signature)
		return error_set(err, ENOMEM, "cannot list signatures");
	out->count++;
	return 0;
}

/* An annotation of a descriptor: 1, 0, -1 with err filled. */
static int annotation(const struct cJSON *descriptor, const char *key, const char **out,
		      struct error *err)
{
	const struct cJSON *annotations;
	int found = json_object(descriptor, "annotations", &annotations, err);

	*out = NULL;
	return found <= 0 ? found : json_string(annotations, key, out, err);
}

/* The layers of a manifest of signatures. Those of other types (attestations) are none of ours. */
static int list_layers(const struct cJSON *manifest, struct signature_entries *out,
		       struct error *err)
{
	const struct cJSON *layers;
	int found;

	if (oci_check_document(manifest, MEDIA_MANIFEST, err) < 0)
		return -1;
	found = json_array(manifest, "layers", &layers, err);
	if (found <= 0)
		return found < 0 ? -1 : error_set(err, 0, "a manifest of signatures has no layers");
	for (const struct cJSON *layer = json_first(layers); layer; layer = json_next(layer)) {
		struct oci_descriptor descriptor;
		const char *signature;

		if (oci_read_descriptor(layer, &descriptor, err) < 0)
			return -1;
		if (strcmp(descriptor.media_type, PAYLOAD_MEDIA))
			continue;
		if (annotation(layer, SIGNATURE_ANNOTATION, &signature, err) < 0)
			return -1;
		if (out->count == SIGNATURE_ENTRIES_MAX)
			return 0;
		if (signature && add(out, &descriptor.digest, descriptor.size_bytes, signature,
				     strlen(signature), err) < 0)
			return -1;
	}
	return 0;
}

/* Whether an entry of an index holds signatures of one of the images: 1, 0, -1 with err filled. */
static int is_wanted(const struct signature_search *search, const struct cJSON *entry,
		     struct error *err)
{
	const char *tag, *kind;

	if (annotation(entry, REF_NAME, &tag, err) < 0 || annotation(entry, KIND, &kind, err) < 0)
		return -1;
	if (kind && !strcmp(kind, KIND_SIGNATURES))
		return 1;
	for (size_t i = 0; tag && i < search->image_count; i++) {
		char text[DIGEST_TEXT_SIZE], name[DIGEST_TEXT_SIZE + 4];

		digest_format_with(&search->images[i], '-', text);
		(void)snprintf(name, sizeof(name), "%s.sig", text);
		if (!strcmp(tag, name))
			return 1;
	}
	return 0;
}

static int list_entry(const struct signature_search *search, const struct cJSON *entry,
		      const struct oci_source *source, struct signature_entries *out,
		      struct error *err)
{
	int wanted = is_wanted(search, entry, err);
	struct oci_descriptor descriptor;
	struct cJSON *manifest;
	int result;

	if (wanted <= 0)
		return wanted;
	if (oci_read_descriptor(entry, &descriptor, err) < 0 ||
	    oci_fetch_document(source, &descriptor, &manifest, err) < 0)
		return -1;
	result = list_layers(manifest, out, err);
	json_free(manifest);
	return result;
}

static int list_index(const struct signature_search *search, const struct cJSON *index,
		      const struct oci_source *source, struct signature_entries *out,
		      struct error *err)
{
	const struct cJSON *manifests;
	int found = json_array(index, "manifests", &manifests, err);

	if (found <= 0)
		return found;
	for (const struct cJSON *e = json_first(manifests); e; e = json_next(e)) {
		if (list_entry(search, e, source, out, err) < 0)
			return -1;
	}
	return 0;
}

int simple_signing_list(const struct signature_search *search, const struct oci_source *source,
			struct signature_entries *out, struct error *err)
{
	struct signature_entries entries = { .count = 0 };
	struct cJSON *root;
	int result;

	if (json_parse(&root, search->document, search->len, err) < 0)
		return -1;
	if (!json_is_object(root))
		result = error_set(err, 0, "a document of signatures is not an object");
	else if (search->is_index)
		result = list_index(search, root, source, &entries, err);
	else
		result = list_layers(root, &entries, err);
	json_free(root);
	if (result < 0) {
		signature_entries_free(&entries);
		return -1;
	}
	*out = entries;
	return 0;
}

int signature_entries_encode(const struct signature_entries *entries, void **data, size_t *len)
{
	struct field_writer w;

	fields_begin(&w, magic);
	for (size_t i = 0; i < entries->count; i++) {
		fields_put_digest(&w, FIELD_LAYER_BLOB, &entries->items[i].payload);
		fields_put_u64(&w, FIELD_LAYER_SIZE, entries->items[i].size_bytes);
		fields_put_text(&w, FIELD_SIGNATURE_DATA, entries->items[i].signature);
	}
	return fields_finish(&w, data, len);
}

int signature_entries_decode(struct signature_entries *entries, const void *data, size_t len,
			     struct error *err)
{
	struct digest payload = { 0 };
	uint64_t size_bytes = 0;
	struct cursor c;
	struct field field;
	int more = fields_open(&c, data, len, magic) ? 1 : -1;

	*entries = (struct signature_entries){ .count = 0 };
	while (more > 0 && (more = fields_next(&c, &field)) > 0) {
		int result = 0;

		if (field.tag == FIELD_LAYER_BLOB)
			result = field_take_digest(&field, &payload);
		else if (field.tag == FIELD_LAYER_SIZE)
			result = field_take_u64(&field, SIGNATURE_SIZE_MAX, &size_bytes);
		else if (field.tag == FIELD_SIGNATURE_DATA)
			result = !payload.algorithm || memchr(field.data, '\0', field.len)
				     ? -1
				     : add(entries, &payload, size_bytes, (const char *)field.data,
					   field.len, NULL);
		if (result < 0)
			more = -1;
	}
	if (more == 0)
		return 0;
	signature_entries_free(entries);
	return error_set(err, 0, "the image parser reported nonsense");
}
