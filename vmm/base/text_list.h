/*
 * A list of texts that somebody else owns, in order, as an option that may be repeated collects it.
 */
#ifndef NACELLE_BASE_TEXT_LIST_H
#define NACELLE_BASE_TEXT_LIST_H

struct text_list {
	const char **items; /* NULL while empty, else count texts and a NULL */
	unsigned count;
};

#endif
