/*
 * Likeness of words: the number of letters that were left out, added or changed.
 */
#include "vmm/cli/suggest.h"

#include <string.h>

enum { NAME_MAX_LEN = 31, BEGINNING_MIN = 2, SHORT_LEN = 6 };

static size_t least(size_t a, size_t b)
{
	return a < b ? a : b;
}

/* Row by row of the table whose last field is the distance of both words. */
static size_t distance(const char *text, size_t len, const char *name, size_t name_len)
{
	size_t row[NAME_MAX_LEN + 1];

	for (size_t j = 0; j <= name_len; j++)
		row[j] = j;
	for (size_t i = 1; i <= len; i++) {
		size_t diagonal = row[0];

		row[0] = i;
		for (size_t j = 1; j <= name_len; j++) {
			size_t above = row[j];

			row[j] = least(least(above, row[j - 1]) + 1,
				       diagonal + (text[i - 1] != name[j - 1]));
			diagonal = above;
		}
	}
	return row[name_len];
}

/* Two letters next to each other have changed their places. */
static bool is_swapped(const char *text, size_t len, const char *name)
{
	size_t at = 0;

	while (at < len && text[at] == name[at])
		at++;
	return at + 1 < len && text[at] == name[at + 1] && text[at + 1] == name[at] &&
	       strncmp(text + at + 2, name + at + 2, len - at - 2) == 0;
}

bool suggest_fits(const char *text, size_t len, const char *name)
{
	size_t name_len = strlen(name);

	if (len < BEGINNING_MIN || len > NAME_MAX_LEN || name_len > NAME_MAX_LEN)
		return false;
	if (strncmp(name, text, len) == 0 || (len == name_len && is_swapped(text, len, name)))
		return true;
	return distance(text, len, name, name_len) <= (least(len, name_len) < SHORT_LEN ? 1U : 2U);
}
