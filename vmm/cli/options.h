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
	OPTION_FLAG,	/* bool */
	OPTION_TEXT,	/* const char *, points into argv */
	OPTION_LIST,	/* struct text_list; may be given again */
	OPTION_NUMBER,	/* uint64_t, at least 1 */
	OPTION_SIZE,	/* uint64_t bytes, with k, M, G, T; at least 1 */
	OPTION_DECIMAL, /* uint64_t thousandths, at least 1 */
};

/* What the completion offers as an option's value. */
enum option_value {
	VALUE_OTHER,
	VALUE_FILE,
	VALUE_DIRECTORY,
};

/* What the completion offers as a verb's argument, beside options and files. */
enum verb_completion {
	COMPLETE_NOTHING,
	COMPLETE_REFERENCE, /* transports of images */
	COMPLETE_STORED,    /* references that the store has */
	COMPLETE_PODS,	    /* pods that there are */
	COMPLETE_VERBS,	    /* the verbs of another program: nacelle image ... */
	COMPLETE_CONTAINERS,
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

/* Rows of many tables. */
#define OPTION_ROW_ROOT(field_offset)                                                              \
	{                                                                                          \
		"root", 0, OPTION_TEXT, "DIR", VALUE_DIRECTORY,                                    \
		    "where images and pods are (default /var/lib/nacelle for root)", field_offset  \
	}
#define OPTION_ROW_STORE(field_offset)                                                             \
	{                                                                                          \
		"root", 0, OPTION_TEXT, "DIR", VALUE_DIRECTORY,                                    \
		    "the store of images (default /var/lib/nacelle for root)", field_offset        \
	}
#define OPTION_ROW_JSON(field_offset)                                                              \
	{                                                                                          \
		"json", 0, OPTION_FLAG, NULL, VALUE_OTHER, "print JSON", field_offset              \
	}

/* More options of a verb, which fill a struct within that of its other ones. */
struct option_group {
	const char *heading; /* in the help */
	const struct option_spec *options;
	size_t count;
	size_t offset; /* of that struct */
};

struct verb {
	const char *name;
	const char *usage; /* what follows the verb's name; "" for a verb without arguments */
	const char *help;  /* one line */
	const struct option_spec *options;
	size_t option_count;
	const struct option_group *more; /* or NULL */
	size_t options_size;		 /* of the struct that the options fill */
	/* Options that do not belong here but to another part of the command line, for errors. */
	const struct option_group *elsewhere; /* its heading says where, or NULL */
	bool options_first;	/* they end at the first argument, for a command follows */
	unsigned arguments_min; /* how many arguments there must be beside the options */
	unsigned arguments_max; /* and may be */
	enum verb_completion complete;
	/*
	 * Does it. options is the filled struct, argv the argc arguments and a NULL. Returns the
	 * exit status, or -1 with err filled, which is then printed.
	 */
	int (*run)(const void *options, int argc, char **argv, struct error *err);
	/* Instead of all that: gets the program's argv as it is. */
	int (*forward)(char **argv, struct error *err);
};

/* The names behind a word of the command line, `nacelle` or `nacelle image`. */
struct program {
	const char *name;    /* in front of messages */
	const char *command; /* as the user types it */
	const char *about;   /* one line */
	const char *manual;
	const struct verb *verbs;   /* in the order of the help; ends with one without a name */
	int failure_status;	    /* exit status of its own failures; 0: PROGRAM_STATUS_FAILURE */
	const struct verb *globals; /* options in front of the verb; NULL: none */
};

/* Option i of a verb, those of its group last, or NULL; *offset is that of its struct. */
const struct option_spec *verb_option(const struct verb *verb, size_t i, size_t *offset);

/* The verb of that name, or NULL. */
const struct verb *verb_find(const struct program *program, const char *name);

/*
 * Reads options from argv[1] on into *target, up to "--" or (options_first) the first argument that
 * is none. Both "--name value" and "--name=value" are understood, and clusters of flags such as
 * -it. What is no option stays in argv from 1 on, and *argc says how much. Returns 0, or -1 with
 * err filled. *help is set by --help and -h. options_free() must follow.
 */
int options_parse(const struct program *program, const struct verb *verb, int *argc, char **argv,
		  void *target, bool *help, struct error *err);
void options_free(const struct verb *verb, void *target);

/*
 * The way back: calls put with "--name" or "--name=value" for each option that is set, in an order
 * that options_parse() reads to the same effect. Returns 0, or what put has returned if not 0.
 */
int options_write(const struct verb *verb, const void *target,
		  int (*put)(void *context, const struct option_spec *option, const char *text),
		  void *context);

#endif
