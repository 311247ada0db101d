/*
 * Images back out of the store: an OCI image layout, as a directory or in an archive, or the file
 * of an ACI. Manifest, configuration and layers are the bytes that came in, each hashed again on
 * its way. What is written has another name until it is whole, and never takes anybody else's.
 */
#ifndef NACELLE_IMAGES_EXPORT_H
#define NACELLE_IMAGES_EXPORT_H

#include <stdbool.h>

#include "images/layout.h"
#include "images/record.h"
#include "images/signature.h"
#include "vmm/base/error.h"

struct export
{
	const struct store *store;
	const struct image_record *record;
	const struct signature_list
	    *signatures;	/* cosign's go into a layout, OpenPGP's beside an ACI */
	const char *media_type; /* of the manifest of an OCI image */
	const char *tag;	/* in the layout */
};

/*
 * Each needs a path that is free, and a path with .partial behind it. On failure nothing is left;
 * after a kill the partial one is. Return 0, or -1 with err filled.
 */
int export_directory(const struct export *export, const char *path, struct error *err);
int export_archive(const struct export *export, const char *path, struct error *err);
int export_aci(const struct export *export, const char *path, struct error *err);

/* Whether there are cosign signatures that a layout of this one image cannot carry: an index's. */
bool export_loses_signatures(const struct export *export);

#endif
