/*
 * A growing list of strings that ends with a NULL, the shape of argv.
 */
#ifndef NACELLE_IMAGES_STRING_LIST_H
#define NACELLE_IMAGES_STRING_LIST_H

#include <stddef.h>

struct string_list {
	char **items; /* NULL while nothing was added, else count strings and a NULL */
	size_t count;
	size_t capacity;
};

/* Adds a copy of len bytes, which the caller has checked for NULs. Returns 0, or -1: no memory. */
int string_list_add(struct string_list *list, const char *text, size_t len);

/* Hands the array over to the caller, who frees it with string_list_free_items(). NULL: no memory.
 */
char **string_list_steal(struct string_list *list);

void string_list_free(struct string_list *list);
void string_list_free_items(char **items);

#endif
