/*
 * What an exported layout consists of, whatever it is written into.
 */
#ifndef NACELLE_IMAGES_EXPORT_LAYOUT_H
#define NACELLE_IMAGES_EXPORT_LAYOUT_H

#include <stddef.h>

#include "images/export.h"

/* Takes the parts, in an order in which what is named comes before what names it. */
struct export_target {
	/* Directories are made before what is in them; names are relative, blobs/sha256/... */
	int (*directory)(struct export_target *target, const char *name, struct error *err);
	int (*bytes)(struct export_target *target, const char *name, const void *data, size_t len,
		     struct error *err);
	int (*blob)(struct export_target *target, const char *name, const struct image_blob *blob,
		    struct error *err);
};

/* Writes the whole layout. Returns 0, or -1 with err filled. */
int export_layout(const struct export *export, struct export_target *target, struct error *err);

#endif
