/*
 * A growing list of strings.
 */
#include "images/string_list.h"

#include <stdlib.h>
#include <string.h>

static int reserve(struct string_list *list)
{
	size_t capacity = list->capacity ? list->capacity * 2 : 8;
	char **items;

	if (list->count + 1 < list->capacity)
		return 0;
	items = reallocarray(list->items, capacity, sizeof(*items));
	if (!items)
		return -1;
	list->items = items;
	list->capacity = capacity;
	items[list->count] = NULL;
	return 0;
}

int string_list_add(struct string_list *list, const char *text, size_t len)
{
	char *copy;

	if (reserve(list) < 0)
		return -1;
	copy = strndup(text, len);
	if (!copy)
		return -1;
	list->items[list->count++] = copy;
	list->items[list->count] = NULL;
	return 0;
}

char **string_list_steal(struct string_list *list)
{
	char **items;

	if (reserve(list) < 0)
		return NULL;
	items = list->items;
	*list = (struct string_list){ 0 };
	return items;
}

void string_list_free(struct string_list *list)
{
	string_list_free_items(list->items);
	*list = (struct string_list){ 0 };
}

void string_list_free_items(char **items)
{
	for (char **item = items; item && *item; item++)
		free(*item);
	free(items);
}
