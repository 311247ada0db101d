/*
 * nacelle-image append DIGEST TARGET: an image of the store with one layer more, which is the file
 * on stdin, as a layout. nacelle-image refresh DIGEST: an image's record is brought to the present
 * version.
 */
#include "vmm/cli/internal_verbs.h"

#include <time.h>
#include <unistd.h>

#include "images/append.h"
#include "images/refresh.h"
#include "vmm/cli/store_verbs.h"

struct store_options {
	const char *root;
};

static const struct option_spec store_options_table[] = {
	{ "root", 0, OPTION_TEXT, "DIR", VALUE_DIRECTORY, "the store of images",
	  offsetof(struct store_options, root) },
};

static int verb_append(const void *given, int argc, char **argv, struct error *err)
{
	const struct store_options *options = given;
	struct store_verb_image image;
	struct image_reference target;
	char created[TIME_TEXT_SIZE];
	struct append append = { .layer_fd = STDIN_FILENO, .created = created };
	int result;

	(void)argc;
	if (image_reference_parse(&target, argv[1], err) < 0 ||
	    store_verb_open(options->root, argv[0], &image, err) < 0)
		return -1;
	format_time(created, time(NULL));
	append.base = &image.record;
	append.tag = target.tag[0] ? target.tag : "latest";
	result = append_export(image.store, &append, &target, err);
	store_verb_close(&image);
	return result;
}

static int verb_refresh(const void *given, int argc, char **argv, struct error *err)
{
	const struct store_options *options = given;

	(void)argc;
	return image_refresh(options->root, argv[0], err);
}

static const struct verb verbs[] = {
	{ .name = "append",
	  .usage = "[OPTIONS] DIGEST TARGET",
	  .help = "Write an image with one layer more",
	  .options = store_options_table,
	  .option_count = 1,
	  .options_size = sizeof(struct store_options),
	  .arguments_min = 2,
	  .arguments_max = 2,
	  .run = verb_append },
	{ .name = "refresh",
	  .usage = "[OPTIONS] DIGEST",
	  .help = "Read an image's configuration anew",
	  .options = store_options_table,
	  .option_count = 1,
	  .options_size = sizeof(struct store_options),
	  .arguments_min = 1,
	  .arguments_max = 1,
	  .run = verb_refresh },
	{ .name = NULL },
};

const struct program internal_program = {
	.name = "nacelle-image",
	.command = "nacelle-image",
	.about = "Does what nacelle asks it for",
	.manual = "nacelle(1)",
	.verbs = verbs,
};
