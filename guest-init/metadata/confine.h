/*
 * What the metadata service gives up before it reads a byte of an app.
 */
#ifndef NACELLE_METADATA_CONFINE_H
#define NACELLE_METADATA_CONFINE_H

#include <stdint.h>

/* No app of an image has it: it is beyond what subuid ranges and distributions give out. */
enum { CONFINE_ID = 0x7ffffff0 };

/*
 * From root with all capabilities to a user of its own in an empty directory, with a handful of
 * system calls on the descriptors that it has, and room for `descriptors`. Returns 0, or -1 with
 * errno set.
 */
int confine(uint64_t descriptors);

#endif
