/*
 * Asking nacelle-image, which holds the libraries that images need.
 */
#ifndef NACELLE_POD_IMAGE_PROGRAM_H
#define NACELLE_POD_IMAGE_PROGRAM_H

#include <stddef.h>

#include "vmm/base/error.h"

enum { IMAGE_PROGRAM_LINE_MAX = 256, IMAGE_PROGRAM_TERMINAL = 3 };

/*
 * Runs nacelle-image with these arguments (the first is its name; the last is followed by a NULL),
 * in an environment that says nothing about what it loads. If our stderr is a terminal, it has that
 * as descriptor IMAGE_PROGRAM_TERMINAL. Returns 0 with the first line of what it printed in line,
 * or -1 with err filled: what it said was wrong.
 */
int image_program_run(const char *const *arguments, char line[IMAGE_PROGRAM_LINE_MAX],
		      struct error *err);

/* The same for one that reads this file, from its beginning, as its standard input. */
int image_program_feed(const char *const *arguments, int input, char line[IMAGE_PROGRAM_LINE_MAX],
		       struct error *err);

/* The same without regard to signals that ask this process to end, which else end it too. */
int image_program_run_patiently(const char *const *arguments, char line[IMAGE_PROGRAM_LINE_MAX],
				struct error *err);

/*
 * The same for all that it prints, at most max bytes. Returns 0 with *data to be freed and *len
 * filled, or -1. notice, unless NULL, gets the first line that a success said on stderr, or "".
 */
int image_program_read(const char *const *arguments, size_t max, void **data, size_t *len,
		       char notice[ERROR_TEXT_MAX], struct error *err);

/* The same for one that reads this file, from its beginning, as its standard input. */
int image_program_convert(const char *const *arguments, int input, size_t max, void **data,
			  size_t *len, struct error *err);

#endif
