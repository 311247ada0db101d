/*
 * nacelle logs and nacelle attach.
 */
#ifndef NACELLE_CLI_LOGS_VERBS_H
#define NACELLE_CLI_LOGS_VERBS_H

#include <stdbool.h>

#include "vmm/cli/options.h"

struct logs_options {
	const char *root;
	const char *uuid_file;
	const char *app;
	const char *stream;
	const char *tail;
	const char *since;
	bool follow;
	bool timestamps;
};

struct attach_options {
	const char *root;
	const char *uuid_file;
	const char *app;
	bool without_stdin;
};

enum { LOGS_OPTION_COUNT = 8, ATTACH_OPTION_COUNT = 4 };
extern const struct option_spec logs_options_table[LOGS_OPTION_COUNT];
extern const struct option_spec attach_options_table[ATTACH_OPTION_COUNT];

int cli_logs(const void *options, int argc, char **argv, struct error *err);
int cli_attach(const void *options, int argc, char **argv, struct error *err);

#endif
