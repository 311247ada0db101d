/*
 * nacelle image list, inspect, rm, gc, export, extract: what can be done with images that the store
 * has. They share one struct of options; each verb's table has those that it understands.
 */
#ifndef NACELLE_CLI_STORE_VERBS_H
#define NACELLE_CLI_STORE_VERBS_H

#include <stdint.h>

#include "images/catalog.h"
#include "images/store.h"
#include "vmm/cli/options.h"

struct store_verb_options {
	const char *root;
	bool json;
	bool quiet;
	bool dry_run;
	bool force;
};

#define STORE_FIELD(name) offsetof(struct store_verb_options, name)
#define STORE_OPTION_ROOT OPTION_ROW_STORE(STORE_FIELD(root))
#define STORE_OPTION_JSON OPTION_ROW_JSON(STORE_FIELD(json))

enum {
	LIST_OPTION_COUNT = 3,
	INSPECT_OPTION_COUNT = 2,
	REMOVE_OPTION_COUNT = 3,
	COLLECT_OPTION_COUNT = 3,
	EXPORT_OPTION_COUNT = 2,
	EXTRACT_OPTION_COUNT = 2,
};
extern const struct option_spec list_options_table[LIST_OPTION_COUNT];
extern const struct option_spec inspect_options_table[INSPECT_OPTION_COUNT];
extern const struct option_spec remove_options_table[REMOVE_OPTION_COUNT];
extern const struct option_spec collect_options_table[COLLECT_OPTION_COUNT];
extern const struct option_spec export_options_table[EXPORT_OPTION_COUNT];
extern const struct option_spec extract_options_table[EXTRACT_OPTION_COUNT];

int cli_image_list(const void *options, int argc, char **argv, struct error *err);
int cli_image_inspect(const void *options, int argc, char **argv, struct error *err);
int cli_image_remove(const void *options, int argc, char **argv, struct error *err);
int cli_image_collect(const void *options, int argc, char **argv, struct error *err);
int cli_image_export(const void *options, int argc, char **argv, struct error *err);
int cli_image_extract(const void *options, int argc, char **argv, struct error *err);

/* An image of the store that is in use while this lives: no collection removes it. */
struct store_verb_image {
	struct store *store;
	struct catalog catalog;
	const struct reference_record *reference; /* of the catalog; NULL: named by digest */
	const struct catalog_image *image;	  /* of the catalog */
	struct image_record record;
	int fd; /* the EROFS image */
};

/* Opens what the user's text names (catalog_find()). Returns 0, or -1 with err filled. */
int store_verb_open(const char *root, const char *text, struct store_verb_image *out,
		    struct error *err);
void store_verb_close(struct store_verb_image *image);

/* A number of bytes for people: "12.3 MiB". */
enum { SIZE_TEXT_SIZE = 32 };
void format_size(char text[SIZE_TEXT_SIZE], uint64_t bytes);

/* "2026-11-22T10:00:00Z" (RFC 3339). */
enum { TIME_TEXT_SIZE = 40 };
void format_time(char text[TIME_TEXT_SIZE], int64_t time_s);

/* The first digits of a digest. */
enum { SHORT_DIGEST_SIZE = 13 };
void format_short_digest(char text[SHORT_DIGEST_SIZE], const struct digest *digest);

#endif
