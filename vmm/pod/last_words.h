/*
 * The end of what somebody says, in a buffer of a fixed size: the beginning goes where there is no
 * room for more.
 */
#ifndef NACELLE_POD_LAST_WORDS_H
#define NACELLE_POD_LAST_WORDS_H

#include <stddef.h>
#include <sys/types.h>

struct last_words {
	char *text;  /* the caller's; NUL-terminated after the first reading */
	size_t size; /* of it */
	size_t len;
};

/* Reads once. Returns what read() does, with errno. */
ssize_t last_words_hear(struct last_words *words, int fd);

/* Without the ends of lines behind it. */
void last_words_trim(struct last_words *words);

#endif
