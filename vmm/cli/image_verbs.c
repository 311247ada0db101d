/*
 * The verbs of nacelle image, in the order of its help.
 */
#include "vmm/cli/image_verbs.h"

#include "vmm/cli/help.h"
#include "vmm/cli/import_verb.h"

static int verb_completion(const void *options, int argc, char **argv, struct error *err)
{
	(void)options;
	(void)argc;
	(void)argv;
	(void)err;
	help_print_completion(&image_program);
	help_print_completion(&trust_program);
	return 0;
}

static const struct verb verbs[] = {
	{ .name = "import",
	  .usage = "[OPTIONS] IMAGE",
	  .help = "Verify an image and put it into the store",
	  .options = import_options_table,
	  .option_count = IMPORT_OPTION_COUNT,
	  .options_size = sizeof(struct import_verb_options),
	  .arguments_min = 1,
	  .arguments_max = 1,
	  .complete = COMPLETE_REFERENCE,
	  .run = cli_image_import },
	{ .name = "pull",
	  .usage = "[OPTIONS] docker://[HOST[:PORT]/]NAME[:TAG|@DIGEST]",
	  .help = "Fetch an image from a registry into the store",
	  .options = import_options_table,
	  .option_count = IMPORT_OPTION_COUNT,
	  .options_size = sizeof(struct import_verb_options),
	  .arguments_min = 1,
	  .arguments_max = 1,
	  .complete = COMPLETE_REFERENCE,
	  .run = cli_image_pull },
	{ .name = "completion",
	  .usage = "",
	  .help = "Print the completion for bash",
	  .run = verb_completion },
	{ .name = NULL },
};

const struct program image_program = {
	.name = "nacelle-image",
	.command = "nacelle image",
	.about = "Keeps images in a store, as read-only file systems that pods mount",
	.manual = "nacelle-image(1)",
	.verbs = verbs,
};
