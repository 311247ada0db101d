/*
 * Command-line options as data: one table per verb, from which parsing, --help, the shell
 * completion and the check of the man page are made.
 */
#ifndef NACELLE_CLI_OPTIONS_H
#define NACELLE_CLI_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>

#include "vmm/base/error.h"

enum option_kind {
	OPTION_FLAG,   /* bool */
	OPTION_TEXT,   /* const char *, points into argv */
	OPTION_LIST,   /* struct run_list; may be given again */
	OPTION_NUMBER, /* uint64_t, at least 1 */
	OPTION_SIZE,   /* uint64_t bytes, with k, M, G, T; at least 1 */
};

/* What the completion offers as a value. */
enum option_value {
	VALUE_OTHER,
	VALUE_FILE,
	VALUE_DIRECTORY,
};

struct option_spec {
	const char *name; /* without the dashes */
	char letter;	  /* the short form, or 0 */
	enum option_kind kind;
	const char *argument; /* its name in the help; NULL for flags */
	enum option_value value;
	const char *help;
	size_t offset; /* of the field in the struct that options_parse() fills */
};

struct verb {
	const char *name;
	const char *usage; /* what follows the verb's name */
	const char *help;  /* one line */
	const struct option_spec *options;
	size_t option_count;
	bool takes_reference; /* completion: the first argument is an image reference */
	/* argv[0] is the verb. Returns the exit status. */
	int (*run)(int argc, char **argv);
};

/* All verbs, in the order of the help; ends with one without a name. */
extern const struct verb verbs[];

/* The verb of that name, or NULL. */
const struct verb *verb_find(const char *name);

/*
 * Reads options from argv[1] on into *target, until the first argument that is none, or after "--".
 * Both "--name value" and "--name=value" are understood, and clusters of flags such as -it. Returns
 * the index of the first argument, or -1 with err filled. *help is set by --help and -h.
 */
int options_parse(const struct verb *verb, int argc, char **argv, void *target, bool *help,
		  struct error *err);

#endif
