/*
 * The last words of a process that fails.
 */
#include "vmm/pod/last_words.h"

#include <string.h>
#include <unistd.h>

ssize_t last_words_hear(struct last_words *words, int fd)
{
	const size_t max = words->size - 1;
	ssize_t n;

	if (words->len == max) {
		words->len /= 2;
		memmove(words->text, words->text + max - words->len, words->len);
	}
	n = read(fd, words->text + words->len, max - words->len);
	if (n > 0)
		words->len += (size_t)n;
	words->text[words->len] = '\0';
	return n;
}

void last_words_trim(struct last_words *words)
{
	while (words->len && words->text[words->len - 1] == '\n')
		words->text[--words->len] = '\0';
}
