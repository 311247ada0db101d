/*
 * The archive of an App Container Image (appc spec 0.8.11, aci.md, "Image Archives"): a tar stream
 * with the file `manifest` and the directory `rootfs`, in any order, and nothing beside them.
 */
#ifndef NACELLE_IMAGES_ACI_ARCHIVE_H
#define NACELLE_IMAGES_ACI_ARCHIVE_H

#include <stddef.h>

#include "images/limits.h"
#include "images/stream.h"
#include "images/tar.h"
#include "vmm/base/error.h"

enum aci_member {
	ACI_TOP = 1,  /* the directory that both are in */
	ACI_MANIFEST, /* a file of at most IMAGE_DOCUMENT_MAX bytes */
	ACI_ROOT,     /* the directory rootfs */
	ACI_ENTRY,    /* something below it */
};

/*
 * Says what an entry is, by its name and type; path, of IMAGE_PATH_MAX + 1 bytes, is its clean name
 * below rootfs, or "". Returns 0, or -1 with err filled: it may not be in such an archive.
 */
int aci_classify(const struct tar_entry *entry, enum aci_member *member, char *path,
		 struct error *err);

/* Cleans the target of a hard link, which is a name in the archive, likewise. Returns 0 or -1. */
int aci_clean_target(const char *target, char *path, struct error *err);

/*
 * Reads the stream to its end, and the manifest from it, into an allocation that the caller frees;
 * a NUL that is not counted follows. Returns 0, or -1 with err filled.
 */
int aci_read_manifest(struct stream *archive, char **manifest, size_t *len, struct error *err);

/* The same up to the manifest, of an archive that has been read to its end before. */
int aci_find_manifest(struct stream *archive, char **manifest, size_t *len, struct error *err);

#endif
