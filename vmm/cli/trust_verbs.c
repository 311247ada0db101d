/*
 * The verbs of nacelle trust, in the order of its help.
 */
#include "vmm/cli/image_verbs.h"

static const struct verb verbs[] = {
	{ .name = NULL },
};

const struct program trust_program = {
	.name = "nacelle-image",
	.command = "nacelle trust",
	.about = "Says which images may run, by their names and signatures",
	.manual = "nacelle-trust(1)",
	.verbs = verbs,
};
