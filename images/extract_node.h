/*
 * Making one node of an extracted tree, and giving it its attributes.
 */
#ifndef NACELLE_IMAGES_EXTRACT_NODE_H
#define NACELLE_IMAGES_EXTRACT_NODE_H

#include "images/extract.h"
#include "images/extract_entry.h"

/*
 * Makes the entry, which is no directory, under its name in directory_fd. Returns 1, 0 if it is a
 * device that the caller may not make (counted), -1 with err filled.
 */
int extract_node_make(const struct extract_entry *entry, int image_fd, int directory_fd,
		      struct extract_result *result, struct error *err);

/* Gives an open file or directory the entry's owner, attributes, mode and times. */
int extract_node_finish(const struct extract_entry *entry, int fd, struct extract_result *result,
			struct error *err);

#endif
