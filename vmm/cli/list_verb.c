/*
 * nacelle image list.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "vmm/base/cleanup.h"
#include "vmm/base/text.h"
#include "vmm/base/json_writer.h"
#include "vmm/cli/store_verbs.h"

const struct option_spec list_options_table[LIST_OPTION_COUNT] = {
	STORE_OPTION_JSON,
	{ "quiet", 'q', OPTION_FLAG, NULL, VALUE_OTHER,
	  "print references only, digests of images without one", STORE_FIELD(quiet) },
	STORE_OPTION_ROOT,
};

/* One line of the list: a reference and its image, or an image that no reference leads to. */
struct row {
	const struct reference_record *reference; /* or NULL */
	const struct catalog_image *image;
};

/* References in their order, then the images that have none. Returns the count. */
static size_t make_rows(const struct catalog *catalog, struct row *rows)
{
	size_t count = 0;

	for (size_t i = 0; i < catalog->reference_count; i++) {
		const struct reference_record *reference = &catalog->references[i];
		const struct catalog_image *image = catalog_image(catalog, &reference->manifest);

		if (image)
			rows[count++] = (struct row){ reference, image };
	}
	for (size_t i = 0; i < catalog->image_count; i++) {
		if (!catalog->images[i].references)
			rows[count++] = (struct row){ NULL, &catalog->images[i] };
	}
	return count;
}

static const char *kind_name(const struct catalog_image *image)
{
	return image->record.kind == IMAGE_KIND_ACI ? "aci" : "oci";
}

static void format_age(char text[SIZE_TEXT_SIZE], int64_t seconds)
{
	static const struct {
		int64_t seconds;
		char unit;
	} units[] = { { 86400, 'd' }, { 3600, 'h' }, { 60, 'm' }, { 1, 's' } };
	size_t i = 0;

	if (seconds < 0)
		seconds = 0;
	while (i + 1 < sizeof(units) / sizeof(units[0]) && seconds < units[i].seconds)
		i++;
	(void)snprintf(text, SIZE_TEXT_SIZE, "%jd%c", (intmax_t)(seconds / units[i].seconds),
		       units[i].unit);
}

static void print_table(const struct row *rows, size_t count)
{
	int64_t now_s = time(NULL);
	size_t width = strlen("REFERENCE");

	for (size_t i = 0; i < count; i++) {
		if (rows[i].reference && strlen(rows[i].reference->canonical) > width)
			width = strlen(rows[i].reference->canonical);
	}
	printf("%-*s  %-12s  %-4s  %10s  %5s  %s\n", (int)width, "REFERENCE", "DIGEST", "KIND",
	       "SIZE", "AGE", "VERITY");
	for (size_t i = 0; i < count; i++) {
		const struct image_record *record = &rows[i].image->record;
		char digest[SHORT_DIGEST_SIZE], size[SIZE_TEXT_SIZE], age[SIZE_TEXT_SIZE];
		_cleanup_free_ char *text =
		    strdup(rows[i].reference ? rows[i].reference->canonical : "-");

		if (text)
			text_clean(text);
		format_short_digest(digest, &record->manifest);
		format_size(size, record->size_bytes);
		format_age(age, now_s - rows[i].image->imported_s);
		printf("%-*s  %-12s  %-4s  %10s  %5s  %s\n", (int)width, text ? text : "?", digest,
		       kind_name(rows[i].image), size, age,
		       record->verity.algorithm ? "yes" : "no");
	}
}

static void print_json(const struct row *rows, size_t count)
{
	struct json_writer json;

	json_begin(&json, stdout);
	json_open(&json, NULL, '[');
	for (size_t i = 0; i < count; i++) {
		const struct image_record *record = &rows[i].image->record;
		char digest[DIGEST_TEXT_SIZE], imported[TIME_TEXT_SIZE];

		json_open(&json, NULL, '{');
		if (rows[i].reference) {
			json_put_text(&json, "reference", rows[i].reference->canonical);
			json_put_text(&json, "name", rows[i].reference->name);
		} else {
			json_put_null(&json, "reference");
			json_put_null(&json, "name");
		}
		digest_format(&record->manifest, digest);
		json_put_text(&json, "digest", digest);
		json_put_text(&json, "kind", kind_name(rows[i].image));
		json_put_number(&json, "size", record->size_bytes);
		format_time(imported, rows[i].image->imported_s);
		json_put_text(&json, "imported", imported);
		json_put_bool(&json, "verity", record->verity.algorithm != 0);
		json_close(&json, '}');
	}
	json_close(&json, ']');
	json_end(&json);
}

/* As they can be given to other verbs, but for characters that would end a line or move a cursor.
 */
static void print_names(const struct row *rows, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		char digest[DIGEST_TEXT_SIZE];
		_cleanup_free_ char *text = NULL;

		digest_format(&rows[i].image->record.manifest, digest);
		text = strdup(rows[i].reference ? rows[i].reference->canonical : digest);
		if (text)
			text_clean(text);
		printf("%s\n", text ? text : "?");
	}
}

static int print(const struct catalog *catalog, const struct store_verb_options *options,
		 struct error *err)
{
	_cleanup_free_ struct row *rows =
	    calloc(catalog->reference_count + catalog->image_count + 1, sizeof(*rows));
	size_t count;

	if (!rows)
		return error_set(err, ENOMEM, "cannot list the images");
	count = make_rows(catalog, rows);
	if (options->json)
		print_json(rows, count);
	else if (options->quiet)
		print_names(rows, count);
	else if (count)
		print_table(rows, count);
	else if (isatty(STDOUT_FILENO))
		(void)fputs("nacelle-image: there are no images in the store\n", stderr);
	return 0;
}

int cli_image_list(const void *given, int argc, char **argv, struct error *err)
{
	const struct store_verb_options *options = given;
	struct catalog catalog;
	struct store *store;
	int result;

	(void)argc;
	(void)argv;
	if (store_open(&store, options->root, err) < 0)
		return -1;
	result = catalog_read(store, &catalog, err);
	if (result == 0)
		result = print(&catalog, options, err);
	catalog_free(&catalog);
	store_close(store);
	return result;
}
