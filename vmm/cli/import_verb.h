/*
 * nacelle image import and nacelle image pull, which are the same but for their words.
 */
#ifndef NACELLE_CLI_IMPORT_VERB_H
#define NACELLE_CLI_IMPORT_VERB_H

#include <stdint.h>

#include "vmm/base/text_list.h"
#include "vmm/cli/options.h"

struct import_verb_options {
	const char *root;
	const char *authfile;
	const char *cert_dir;
	const char *tls_verify;
	struct text_list signatures;
	uint64_t progress_fd;
	bool quiet;
};

enum { IMPORT_OPTION_COUNT = 7 };
extern const struct option_spec import_options_table[IMPORT_OPTION_COUNT];

int cli_image_import(const void *options, int argc, char **argv, struct error *err);
int cli_image_pull(const void *options, int argc, char **argv, struct error *err);

#endif
