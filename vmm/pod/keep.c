/*
 * Allocations with one end.
 */
#include "vmm/pod/keep.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

enum { CAPACITY_FIRST = 32 };

void *keep(struct keep *keep, void *allocation, struct error *err)
{
	if (allocation && keep->count == keep->capacity) {
		unsigned capacity = keep->capacity ? 2 * keep->capacity : CAPACITY_FIRST;
		void **grown = reallocarray(keep->items, capacity, sizeof(*grown));

		if (!grown) {
			free(allocation);
			allocation = NULL;
		} else {
			keep->items = grown;
			keep->capacity = capacity;
		}
	}
	if (!allocation) {
		error_set(err, ENOMEM, "cannot hold the pod's description");
		return NULL;
	}
	keep->items[keep->count++] = allocation;
	return allocation;
}

void *keep_array(struct keep *list, size_t count, size_t size, struct error *err)
{
	return keep(list, calloc(count ? count : 1, size), err);
}

char *keep_text(struct keep *list, struct error *err, const char *format, ...)
{
	va_list arguments;
	char *text;
	int n;

	va_start(arguments, format);
	n = vasprintf(&text, format, arguments);
	va_end(arguments);
	return keep(list, n < 0 ? NULL : text, err);
}

void keep_free(struct keep *keep)
{
	for (unsigned i = 0; i < keep->count; i++)
		free(keep->items[i]);
	free(keep->items);
	*keep = (struct keep){ 0 };
}
