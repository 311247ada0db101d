/*
 * nacelle image import.
 */
#ifndef NACELLE_CLI_IMPORT_VERB_H
#define NACELLE_CLI_IMPORT_VERB_H

#include "vmm/cli/options.h"

struct import_verb_options {
	const char *root;
	bool quiet;
};

enum { IMPORT_OPTION_COUNT = 2 };
extern const struct option_spec import_options_table[IMPORT_OPTION_COUNT];

int cli_image_import(const void *options, int argc, char **argv, struct error *err);

#endif
