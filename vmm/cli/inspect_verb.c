/*
 * nacelle image inspect.
 */
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "images/describe.h"
#include "images/trust.h"
#include "vmm/base/cleanup.h"
#include "vmm/base/text.h"
#include "vmm/base/json_writer.h"
#include "vmm/cli/store_verbs.h"

const struct option_spec inspect_options_table[INSPECT_OPTION_COUNT] = {
	STORE_OPTION_JSON,
	STORE_OPTION_ROOT,
};

/* Everything that is known of one image. */
struct about {
	struct store_verb_image *opened;
	const struct image_record *record;
	struct image_description description; /* empty for an ACI */
	struct signature_list signatures;
};

static const char *signature_kind(const struct image_signature *signature)
{
	switch (signature->kind) {
	case SIGNATURE_DETACHED:
		return "detached";
	case SIGNATURE_COSIGN:
		return "cosign";
	case SIGNATURE_OPENPGP:
		return "openpgp";
	}
	return "unknown";
}

static bool is_aci(const struct about *about)
{
	return about->record->kind == IMAGE_KIND_ACI;
}

/* JSON */

static void put_digest(struct json_writer *json, const char *key, const struct digest *digest)
{
	char text[DIGEST_TEXT_SIZE];

	if (!digest->algorithm) {
		json_put_null(json, key);
		return;
	}
	digest_format(digest, text);
	json_put_text(json, key, text);
}

static void put_optional(struct json_writer *json, const char *key, const char *text)
{
	if (text && text[0])
		json_put_text(json, key, text);
	else
		json_put_null(json, key);
}

static void put_list(struct json_writer *json, const char *key, const struct string_list *list)
{
	json_open(json, key, '[');
	for (size_t i = 0; i < list->count; i++)
		json_put_text(json, NULL, list->items[i]);
	json_close(json, ']');
}

static void put_pairs(struct json_writer *json, const char *key, const struct string_list *list)
{
	json_open(json, key, '{');
	for (size_t i = 0; i + 1 < list->count; i += 2)
		json_put_text(json, list->items[i], list->items[i + 1]);
	json_close(json, '}');
}

static void put_config(struct json_writer *json, const struct about *about)
{
	const struct image_config *config = &about->record->config;
	const struct image_description *description = &about->description;

	json_open(json, "config", '{');
	put_optional(json, "created", description->created);
	put_optional(json, "author", description->author);
	put_optional(json, "architecture", description->architecture);
	put_optional(json, "os", description->os);
	put_list(json, "entrypoint", &config->entrypoint);
	put_list(json, "cmd", &config->cmd);
	put_list(json, "env", &config->env);
	put_optional(json, "user", config->user);
	put_optional(json, "workingDir", config->working_dir);
	put_list(json, "volumes", &config->volumes);
	put_list(json, "exposedPorts", &description->ports);
	if (config->stop_signal)
		json_put_number(json, "stopSignal", (uint64_t)config->stop_signal);
	else
		json_put_null(json, "stopSignal");
	put_pairs(json, "labels", &description->labels);
	json_close(json, '}');
}

/* The media type of the i-th blob: manifest, configuration, layers. */
static const char *blob_type(const struct about *about, size_t i)
{
	const struct image_description *description = &about->description;

	if (is_aci(about))
		return "application/vnd.appc.aci";
	if (i < 2)
		return i == 0 ? description->media_type : description->config_media_type;
	return description->layer_media_types.items[i - 2];
}

static void put_blobs(struct json_writer *json, const struct about *about)
{
	json_open(json, "blobs", '[');
	for (size_t i = 0; i < about->record->blob_count; i++) {
		const struct image_blob *blob = &about->record->blobs[i];

		json_open(json, NULL, '{');
		json_put_text(json, "role",
			      is_aci(about) ? (i ? "dependency" : "image")
			      : i == 0	    ? "manifest"
			      : i == 1	    ? "config"
					    : "layer");
		put_digest(json, "digest", &blob->digest);
		json_put_number(json, "size", blob->size_bytes);
		put_optional(json, "mediaType", blob_type(about, i));
		json_close(json, '}');
	}
	json_close(json, ']');
}

static void put_references(struct json_writer *json, const struct about *about)
{
	const struct catalog *catalog = &about->opened->catalog;

	json_open(json, "references", '[');
	for (size_t i = 0; i < catalog->reference_count; i++) {
		const struct reference_record *reference = &catalog->references[i];

		if (!digest_equal(&reference->manifest, &about->record->manifest))
			continue;
		json_open(json, NULL, '{');
		json_put_text(json, "reference", reference->canonical);
		json_put_text(json, "name", reference->name);
		json_close(json, '}');
	}
	json_close(json, ']');
}

static void put_signatures(struct json_writer *json, const struct about *about)
{
	json_open(json, "signatures", '[');
	for (size_t i = 0; i < about->signatures.count; i++) {
		json_open(json, NULL, '{');
		json_put_text(json, "kind", signature_kind(&about->signatures.items[i]));
		json_put_text(json, "origin", about->signatures.items[i].origin);
		json_close(json, '}');
	}
	json_close(json, ']');
}

static void print_json(const struct about *about)
{
	char imported[TIME_TEXT_SIZE];
	struct json_writer json;

	json_begin(&json, stdout);
	json_open(&json, NULL, '{');
	put_digest(&json, "digest", &about->record->manifest);
	json_put_text(&json, "kind", is_aci(about) ? "aci" : "oci");
	put_references(&json, about);
	format_time(imported, about->opened->image->imported_s);
	json_put_text(&json, "imported", imported);
	if (is_aci(about)) {
		json_put_text(&json, "aciName", about->record->aci_name);
		put_list(&json, "aciLabels", &about->record->aci_labels);
	}
	put_pairs(&json, "annotations", &about->description.annotations);
	put_config(&json, about);
	put_blobs(&json, about);
	json_open(&json, "erofs", '{');
	put_digest(&json, "chain", &about->record->chain);
	json_put_number(&json, "size", about->record->size_bytes);
	put_digest(&json, "verity", &about->record->verity);
	json_close(&json, '}');
	put_signatures(&json, about);
	json_close(&json, '}');
	json_end(&json);
}

/* Text */

static void print_field(const char *label, const char *text)
{
	_cleanup_free_ char *safe = text && text[0] ? strdup(text) : NULL;

	if (!safe)
		return;
	text_clean(safe);
	printf("%-14s %s\n", label, safe);
}

static void print_list(const char *label, const struct string_list *list)
{
	for (size_t i = 0; i < list->count; i++)
		print_field(i ? "" : label, list->items[i]);
}

static void print_pairs(const char *label, const struct string_list *list)
{
	for (size_t i = 0; i + 1 < list->count; i += 2) {
		char *line = NULL;

		if (asprintf(&line, "%s=%s", list->items[i], list->items[i + 1]) < 0)
			return;
		print_field(i ? "" : label, line);
		free(line);
	}
}

static void print_digest(const char *label, const struct digest *digest)
{
	char text[DIGEST_TEXT_SIZE];

	if (!digest->algorithm)
		return;
	digest_format(digest, text);
	print_field(label, text);
}

static void print_references(const struct about *about)
{
	const struct catalog *catalog = &about->opened->catalog;
	const char *label = "References:";

	for (size_t i = 0; i < catalog->reference_count; i++) {
		if (!digest_equal(&catalog->references[i].manifest, &about->record->manifest))
			continue;
		print_field(label, catalog->references[i].canonical);
		label = "";
	}
}

static void print_config(const struct about *about)
{
	const struct image_config *config = &about->record->config;

	print_field("Created:", about->description.created);
	print_field("Author:", about->description.author);
	print_list("Entrypoint:", &config->entrypoint);
	print_list("Command:", &config->cmd);
	print_list("Environment:", &config->env);
	print_field("User:", config->user);
	print_field("Directory:", config->working_dir);
	print_list("Volumes:", &config->volumes);
	print_list("Ports:", &about->description.ports);
	if (config->stop_signal)
		print_field("Stop signal:", sigabbrev_np(config->stop_signal));
	print_pairs("Labels:", &about->description.labels);
	print_pairs("Annotations:", &about->description.annotations);
}

static void print_blobs(const struct about *about)
{
	for (size_t i = 0; i < about->record->blob_count; i++) {
		const struct image_blob *blob = &about->record->blobs[i];
		const char *type = blob_type(about, i);
		char digest[DIGEST_TEXT_SIZE], size[SIZE_TEXT_SIZE];
		char *line = NULL;

		digest_format(&blob->digest, digest);
		format_size(size, blob->size_bytes);
		if (asprintf(&line, "%s  %10s  %s", digest, size, type ? type : "") < 0)
			return;
		print_field(i ? "" : "Blobs:", line);
		free(line);
	}
}

static void print_text(const struct about *about)
{
	char text[TIME_TEXT_SIZE];

	print_digest("Digest:", &about->record->manifest);
	print_field("Kind:", is_aci(about) ? "aci" : "oci");
	print_field("ACI name:", about->record->aci_name);
	print_list("ACI labels:", &about->record->aci_labels);
	print_references(about);
	format_time(text, about->opened->image->imported_s);
	print_field("Imported:", text);
	print_config(about);
	print_blobs(about);
	print_digest("EROFS image:", &about->record->chain);
	format_size(text, about->record->size_bytes);
	print_field("Size:", text);
	print_digest("fs-verity:", &about->record->verity);
	for (size_t i = 0; i < about->signatures.count; i++) {
		char *line = NULL;

		if (asprintf(&line, "%s, from %s", signature_kind(&about->signatures.items[i]),
			     about->signatures.items[i].origin) < 0)
			return;
		print_field(i ? "" : "Signatures:", line);
		free(line);
	}
}

static int inspect(struct about *about, bool as_json, struct error *err)
{
	const struct store *store = about->opened->store;

	if (!is_aci(about) && image_describe(store, about->record, &about->description, err) < 0)
		return -1;
	if (trust_signatures_read(store, &about->record->manifest, &about->signatures, err) < 0)
		return -1;
	if (as_json)
		print_json(about);
	else
		print_text(about);
	return 0;
}

int cli_image_inspect(const void *given, int argc, char **argv, struct error *err)
{
	const struct store_verb_options *options = given;
	struct store_verb_image image;
	struct about about = { .opened = &image };
	int result;

	(void)argc;
	if (store_verb_open(options->root, argv[0], &image, err) < 0)
		return -1;
	about.record = &image.record;
	result = inspect(&about, options->json, err);
	image_description_free(&about.description);
	signature_list_free(&about.signatures);
	store_verb_close(&image);
	return result;
}
