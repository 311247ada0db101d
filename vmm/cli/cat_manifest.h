/*
 * nacelle cat-manifest.
 */
#ifndef NACELLE_CLI_CAT_MANIFEST_H
#define NACELLE_CLI_CAT_MANIFEST_H

#include "vmm/cli/options.h"

enum { CAT_MANIFEST_OPTION_COUNT = 2 };
extern const struct option_spec cat_manifest_options[CAT_MANIFEST_OPTION_COUNT];

/* The function of the verb; options are a struct pod_verb_options. */
int cli_cat_manifest(const void *options, int argc, char **argv, struct error *err);

#endif
