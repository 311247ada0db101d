/*
 * Importing an image: from a reference to an EROFS image and its records in the store. The entry
 * function of the library `import`.
 */
#ifndef NACELLE_IMAGES_IMPORT_H
#define NACELLE_IMAGES_IMPORT_H

#include <stdbool.h>
#include <stdint.h>

#include "images/digest.h"
#include "vmm/base/error.h"

struct import_result {
	struct digest manifest;
	uint64_t size_bytes;	 /* of the EROFS image */
	uint64_t dropped_xattrs; /* extended attributes that no image may carry into a pod */
	bool built;		 /* the EROFS image was made now, and not found */
};

/*
 * Imports what the reference names into the store under root (NULL: the default). Safe with any
 * number of processes at once, and with the death of any of them at any moment: what stands in the
 * store under its name is complete, durable and verified. The caller has SIGPIPE ignored and no
 * other threads. Returns 0, or -1 with err filled.
 */
int import_image(const char *root, const char *reference, struct import_result *out,
		 struct error *err);

#endif
