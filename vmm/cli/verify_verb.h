/*
 * nacelle image verify.
 */
#ifndef NACELLE_CLI_VERIFY_VERB_H
#define NACELLE_CLI_VERIFY_VERB_H

#include <stdbool.h>

#include "vmm/base/text_list.h"
#include "vmm/cli/options.h"

struct verify_verb_options {
	const char *root;
	const char *name;
	struct text_list signatures;
	bool json;
	bool quiet;
};

enum { VERIFY_OPTION_COUNT = 5 };
extern const struct option_spec verify_options_table[VERIFY_OPTION_COUNT];

int cli_image_verify(const void *options, int argc, char **argv, struct error *err);

#endif
