/*
 * The verbs of nacelle trust, in the order of its help.
 */
#include "vmm/cli/trust_verbs.h"

#include "vmm/base/bytes.h"
#include "vmm/cli/image_verbs.h"

#define OPTION_PREFIX                                                                              \
	{                                                                                          \
		"prefix", 0, OPTION_TEXT, "NAME", VALUE_OTHER,                                     \
		    "the images whose names begin with NAME", TRUST_FIELD(prefix)                  \
	}

static const struct option_spec add_options[] = {
	{ "key", 0, OPTION_LIST, "FILE", VALUE_FILE,
	  "a public key, PEM or OpenPGP; may be given again", TRUST_FIELD(keys) },
	OPTION_PREFIX,
	{ "threshold", 0, OPTION_NUMBER, "N", VALUE_OTHER,
	  "how many of the rule's keys have to sign (default 1)", TRUST_FIELD(threshold) },
};

static const struct option_spec list_options[] = {
	OPTION_ROW_JSON(TRUST_FIELD(json)),
};

static const struct option_spec remove_options[] = {
	{ "key", 0, OPTION_TEXT, "ID", VALUE_OTHER,
	  "only this key of the rule, by its id or the start of it", TRUST_FIELD(key) },
	OPTION_PREFIX,
};

static const struct option_spec set_options[] = { OPTION_PREFIX };

static const struct verb verbs[] = {
	{ .name = "add",
	  .usage = "--prefix NAME --key FILE... [--threshold N]",
	  .help = "Accept images of this name only if they are signed by a key",
	  .options = add_options,
	  .option_count = ARRAY_SIZE(add_options),
	  .options_size = sizeof(struct trust_verb_options),
	  .run = cli_trust_add },
	{ .name = "set",
	  .usage = "--prefix NAME accept|reject",
	  .help = "Accept or reject images of this name",
	  .options = set_options,
	  .option_count = ARRAY_SIZE(set_options),
	  .options_size = sizeof(struct trust_verb_options),
	  .arguments_min = 1,
	  .arguments_max = 1,
	  .run = cli_trust_set },
	{ .name = "rm",
	  .usage = "--prefix NAME [--key ID]",
	  .help = "Remove the rule for a name, or one of its keys",
	  .options = remove_options,
	  .option_count = ARRAY_SIZE(remove_options),
	  .options_size = sizeof(struct trust_verb_options),
	  .run = cli_trust_remove },
	{ .name = "default",
	  .usage = "accept|reject",
	  .help = "Say what becomes of images that no rule is for",
	  .arguments_min = 1,
	  .arguments_max = 1,
	  .run = cli_trust_default },
	{ .name = "list",
	  .usage = "[OPTIONS]",
	  .help = "Show the policies that bind you",
	  .options = list_options,
	  .option_count = ARRAY_SIZE(list_options),
	  .options_size = sizeof(struct trust_verb_options),
	  .run = cli_trust_list },
	{ .name = "lock",
	  .usage = "",
	  .help = "Protect the policy against changes",
	  .run = cli_trust_lock },
	{ .name = "unlock",
	  .usage = "",
	  .help = "Allow changes of the policy again",
	  .run = cli_trust_unlock },
	{ .name = NULL },
};

const struct program trust_program = {
	.name = "nacelle-image",
	.command = "nacelle trust",
	.about = "Says which images may run, by their names and signatures",
	.manual = "nacelle-trust(1)",
	.verbs = verbs,
};
