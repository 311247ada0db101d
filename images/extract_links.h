/*
 * Where the nodes with several names got their first one.
 */
#ifndef NACELLE_IMAGES_EXTRACT_LINKS_H
#define NACELLE_IMAGES_EXTRACT_LINKS_H

#include <stddef.h>
#include <stdint.h>

#include "vmm/base/error.h"

struct extract_links {
	void *nodes; /* a tsearch() tree */
	size_t total_bytes;
};

/* The path of the first name, or NULL. */
const char *extract_links_find(const struct extract_links *links, uint64_t identity);

/* Remembers it. Returns 0, or -1 with err filled: too much, no memory. */
int extract_links_add(struct extract_links *links, uint64_t identity, const char *path,
		      struct error *err);
void extract_links_free(struct extract_links *links);

/*
 * Gives what stands at path below top_fd another name in directory_fd. Every component of the path
 * is a directory that was made here; none is followed if it is a link. Returns 0, or -1 with errno
 * set.
 */
int extract_links_make(int top_fd, const char *path, int directory_fd, const char *name);

#endif
