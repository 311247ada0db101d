/*
 * nacelle image rm and nacelle image gc.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "images/collect.h"
#include "images/publish.h"
#include "vmm/base/cleanup.h"
#include "vmm/base/text.h"
#include "vmm/base/json_writer.h"
#include "vmm/cli/store_verbs.h"

const struct option_spec remove_options_table[REMOVE_OPTION_COUNT] = {
	{ "force", 'f', OPTION_FLAG, NULL, VALUE_OTHER,
	  "remove an image named by its digest with all its references", STORE_FIELD(force) },
	{ "quiet", 'q', OPTION_FLAG, NULL, VALUE_OTHER, "print errors only", STORE_FIELD(quiet) },
	STORE_OPTION_ROOT,
};

const struct option_spec collect_options_table[COLLECT_OPTION_COUNT] = {
	{ "dry-run", 'n', OPTION_FLAG, NULL, VALUE_OTHER, "only say what would be removed",
	  STORE_FIELD(dry_run) },
	STORE_OPTION_JSON,
	STORE_OPTION_ROOT,
};

/* The store alone: waits for imports, and says so. */
static int lock_alone(const struct store *store, int *lock_fd, struct error *err)
{
	int locked = store_lock(store, STORE_LOCK_EXCLUSIVE, false, lock_fd, err);

	if (locked)
		return locked < 0 ? -1 : 0;
	(void)fputs("nacelle-image: waiting for an import to end\n", stderr);
	return store_lock(store, STORE_LOCK_EXCLUSIVE, true, lock_fd, err) < 0 ? -1 : 0;
}

/* What the command line names, as flags in the order of the catalog. */
struct selection {
	bool *references;
	bool *images;
};

static int select_one(const struct catalog *catalog, const char *text, bool force,
		      struct selection *out, struct error *err)
{
	const struct reference_record *reference;
	const struct catalog_image *image;

	if (catalog_find(catalog, text, &image, &reference, err) < 0)
		return -1;
	if (reference) {
		out->references[reference - catalog->references] = true;
		return 0;
	}
	if (image->references > 1 && !force)
		return error_set(err, 0,
				 "%zu references lead to %s: name one of them, or remove all with "
				 "--force",
				 image->references, text);
	out->images[image - catalog->images] = true;
	for (size_t i = 0; i < catalog->reference_count; i++) {
		if (digest_equal(&catalog->references[i].manifest, &image->record.manifest))
			out->references[i] = true;
	}
	return 0;
}

static void print_removed(const struct catalog *catalog, const struct selection *selection,
			  const struct collect_result *result)
{
	char size[SIZE_TEXT_SIZE];

	for (size_t i = 0; i < catalog->reference_count; i++) {
		_cleanup_free_ char *text =
		    selection->references[i] ? strdup(catalog->references[i].canonical) : NULL;

		if (!text)
			continue;
		text_clean(text);
		printf("removed reference %s\n", text);
	}
	for (size_t i = 0; i < result->images.count; i++)
		printf("removed image %s\n", result->images.items[i]);
	for (size_t i = 0; i < result->in_use.count; i++)
		printf("kept image %s, which a pod uses: nacelle image gc removes it later\n",
		       result->in_use.items[i]);
	format_size(size, result->freed_bytes);
	printf("freed %s\n", size);
}

/* A removal that fails half way has removed what it came by first. */
static void say_what_went(const struct collect_result *result, struct error *err)
{
	uint64_t others = result->references + result->others;

	if (result->erofs + result->blobs + others)
		(void)error_prefix(
		    err, "after %ju file systems, %ju blobs and %ju other files were removed",
		    (uintmax_t)result->erofs, (uintmax_t)result->blobs, (uintmax_t)others);
}

static int remove_selected(const struct store *store, const struct catalog *catalog,
			   const struct store_verb_options *options, int argc, char **argv,
			   struct error *err)
{
	_cleanup_free_ bool *references = calloc(catalog->reference_count + 1, sizeof(bool));
	_cleanup_free_ bool *images = calloc(catalog->image_count + 1, sizeof(bool));
	struct selection selection = { references, images };
	struct collect_result result;
	int status;

	if (!references || !images)
		return error_set(err, ENOMEM, "cannot remove images");
	for (int i = 0; i < argc; i++) {
		if (select_one(catalog, argv[i], options->force, &selection, err) < 0)
			return -1;
	}
	status = collect_named(store, catalog, references, images, &result, err);
	if (status < 0)
		say_what_went(&result, err);
	else if (!options->quiet)
		print_removed(catalog, &selection, &result);
	collect_result_free(&result);
	return status;
}

int cli_image_remove(const void *given, int argc, char **argv, struct error *err)
{
	const struct store_verb_options *options = given;
	_cleanup_fd_ int lock_fd = -1;
	struct catalog catalog;
	struct store *store;
	int result;

	if (store_open(&store, options->root, err) < 0)
		return -1;
	result = lock_alone(store, &lock_fd, err);
	if (result == 0) {
		result = catalog_read(store, &catalog, err);
		if (result == 0)
			result = remove_selected(store, &catalog, options, argc, argv, err);
		catalog_free(&catalog);
	}
	store_close(store);
	return result;
}

static void put_list(struct json_writer *json, const char *key, const struct string_list *list)
{
	json_open(json, key, '[');
	for (size_t i = 0; i < list->count; i++)
		json_put_text(json, NULL, list->items[i]);
	json_close(json, ']');
}

static void print_json(const struct collect_result *result, bool dry_run)
{
	struct json_writer json;

	json_begin(&json, stdout);
	json_open(&json, NULL, '{');
	json_put_bool(&json, "dryRun", dry_run);
	put_list(&json, "images", &result->images);
	put_list(&json, "inUse", &result->in_use);
	json_put_number(&json, "references", result->references);
	json_put_number(&json, "erofs", result->erofs);
	json_put_number(&json, "blobs", result->blobs);
	json_put_number(&json, "others", result->others);
	json_put_number(&json, "freed", result->freed_bytes);
	json_close(&json, '}');
	json_end(&json);
}

static void print_collected(const struct collect_result *result, bool dry_run)
{
	const char *verb = dry_run ? "would remove" : "removed";
	char size[SIZE_TEXT_SIZE];

	for (size_t i = 0; i < result->images.count; i++)
		printf("%s image %s\n", verb, result->images.items[i]);
	for (size_t i = 0; i < result->in_use.count; i++)
		printf("kept image %s, which a pod uses\n", result->in_use.items[i]);
	format_size(size, result->freed_bytes);
	printf("%s %s: %zu images, %ju file systems, %ju blobs, %ju other files\n",
	       dry_run ? "would free" : "freed", size, result->images.count,
	       (uintmax_t)result->erofs, (uintmax_t)result->blobs,
	       (uintmax_t)(result->references + result->others));
}

int cli_image_collect(const void *given, int argc, char **argv, struct error *err)
{
	const struct store_verb_options *options = given;
	_cleanup_fd_ int lock_fd = -1;
	struct collect_result result = { 0 };
	struct store *store;
	int status;

	(void)argc;
	(void)argv;
	if (store_open(&store, options->root, err) < 0)
		return -1;
	status = lock_alone(store, &lock_fd, err);
	if (status == 0)
		status = collect_all(store, options->dry_run, &result, err);
	if (status < 0 && !options->dry_run)
		say_what_went(&result, err);
	if (status == 0 && options->json)
		print_json(&result, options->dry_run);
	else if (status == 0)
		print_collected(&result, options->dry_run);
	collect_result_free(&result);
	store_close(store);
	return status;
}
