/*
 * Allocations that live as long as a pod's description, which points into them.
 */
#ifndef NACELLE_POD_KEEP_H
#define NACELLE_POD_KEEP_H

#include <stddef.h>

#include "vmm/base/error.h"

struct keep {
	void **items;
	unsigned count, capacity;
};

/* Takes over an allocation and returns it; NULL with err filled if it is NULL, or on failure. */
void *keep(struct keep *keep, void *allocation, struct error *err);

/* A zeroed array that is kept. */
void *keep_array(struct keep *keep, size_t count, size_t size, struct error *err);

/* A formatted text that is kept. */
char *keep_text(struct keep *keep, struct error *err, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

void keep_free(struct keep *keep);

#endif
