/*
 * All pods of a user: listed, and found by what people type.
 *
 * Other processes make, end and remove pods meanwhile; what is not there any more when it is looked
 * at counts as never seen.
 */
#ifndef NACELLE_POD_PODS_H
#define NACELLE_POD_PODS_H

#include <stdbool.h>
#include <stddef.h>

#include "vmm/pod/directory.h"

struct pod_entry {
	char uuid[UUID_TEXT_SIZE];
	enum pod_place place;
};

struct pod_entries {
	struct pod_entry *items; /* in the order of their UUIDs */
	size_t count, capacity;
};

/* Each pod once, where it was seen last. pod_entries_free() must follow. */
int pods_list(int pods_fd, struct pod_entries *out, struct error *err);
void pod_entries_free(struct pod_entries *entries);

/*
 * Opens the pod that a name (pod_name.h), a UUID or the beginning of one fits; err names the pods
 * that an ambiguous beginning fits. Returns 0, or -1 with err filled (code ENOENT: there is none).
 */
int pods_find(int pods_fd, const char *text, struct pod_directory *out, struct error *err);

/* The same from the root of the tree on, which it opens for the rest of the process. */
int pods_find_below(const char *root, const char *text, struct pod_directory *out,
		    struct error *err);

/* Opens a pod by its whole UUID, wherever it is. Returns 1, 0 if it is nowhere, -1. */
int pods_open_one(int pods_fd, const char *uuid, struct pod_directory *out, struct error *err);

#endif
