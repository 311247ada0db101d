/*
 * What a mistyped word was probably meant to be.
 */
#ifndef NACELLE_CLI_SUGGEST_H
#define NACELLE_CLI_SUGGEST_H

#include <stdbool.h>
#include <stddef.h>

/*
 * Whether the first len bytes of text look like an attempt at the name: its beginning, at least two
 * letters of it, or all of it but for a letter, or for two of a long one.
 */
bool suggest_fits(const char *text, size_t len, const char *name);

#endif
