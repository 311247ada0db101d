/*
 * The verbs of nacelle image, in the order of its help.
 */
#include "vmm/cli/image_verbs.h"

#include <limits.h>

#include "vmm/cli/help.h"
#include "vmm/cli/import_verb.h"
#include "vmm/cli/store_verbs.h"
#include "vmm/cli/verify_verb.h"

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
	{ .name = "list",
	  .usage = "[OPTIONS]",
	  .help = "List the images of the store",
	  .options = list_options_table,
	  .option_count = LIST_OPTION_COUNT,
	  .options_size = sizeof(struct store_verb_options),
	  .run = cli_image_list },
	{ .name = "inspect",
	  .usage = "[OPTIONS] IMAGE",
	  .help = "Show what is known of an image",
	  .options = inspect_options_table,
	  .option_count = INSPECT_OPTION_COUNT,
	  .options_size = sizeof(struct store_verb_options),
	  .arguments_min = 1,
	  .arguments_max = 1,
	  .complete = COMPLETE_STORED,
	  .run = cli_image_inspect },
	{ .name = "verify",
	  .usage = "[OPTIONS] IMAGE",
	  .help = "Say whether the policy allows an image, and why",
	  .options = verify_options_table,
	  .option_count = VERIFY_OPTION_COUNT,
	  .options_size = sizeof(struct verify_verb_options),
	  .arguments_min = 1,
	  .arguments_max = 1,
	  .complete = COMPLETE_STORED,
	  .run = cli_image_verify },
	{ .name = "rm",
	  .usage = "[OPTIONS] IMAGE...",
	  .help = "Remove references, and images that none is left of",
	  .options = remove_options_table,
	  .option_count = REMOVE_OPTION_COUNT,
	  .options_size = sizeof(struct store_verb_options),
	  .arguments_min = 1,
	  .arguments_max = INT_MAX,
	  .complete = COMPLETE_STORED,
	  .run = cli_image_remove },
	{ .name = "gc",
	  .usage = "[OPTIONS]",
	  .help = "Remove from the store what no reference and no pod needs",
	  .options = collect_options_table,
	  .option_count = COLLECT_OPTION_COUNT,
	  .options_size = sizeof(struct store_verb_options),
	  .run = cli_image_collect },
	{ .name = "export",
	  .usage = "[OPTIONS] IMAGE TARGET",
	  .help = "Write an image to a new OCI layout or archive, or an ACI to a file",
	  .options = export_options_table,
	  .option_count = EXPORT_OPTION_COUNT,
	  .options_size = sizeof(struct store_verb_options),
	  .arguments_min = 2,
	  .arguments_max = 2,
	  .complete = COMPLETE_STORED,
	  .run = cli_image_export },
	{ .name = "extract",
	  .usage = "[OPTIONS] IMAGE DIR",
	  .help = "Write the files of an image to a new directory",
	  .options = extract_options_table,
	  .option_count = EXTRACT_OPTION_COUNT,
	  .options_size = sizeof(struct store_verb_options),
	  .arguments_min = 2,
	  .arguments_max = 2,
	  .complete = COMPLETE_STORED,
	  .run = cli_image_extract },
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
