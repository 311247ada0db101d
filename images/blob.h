/*
 * The blobs of an OCI image layout, as the importer hands them out: opened by digest, sized, and
 * hashed while they are read. It parses nothing of them.
 */
#ifndef NACELLE_IMAGES_BLOB_H
#define NACELLE_IMAGES_BLOB_H

#include <stdint.h>

#include "images/digest.h"
#include "vmm/base/error.h"

/* Opens a blob that has exactly this size. Returns the descriptor, or -1 with err filled. */
int blob_open(int layout_fd, const struct digest *digest, uint64_t size_bytes, struct error *err);

/* Reads a small blob whole and verifies it; the caller frees *data. */
int blob_read(int layout_fd, const struct digest *digest, uint64_t size_bytes, char **data,
	      struct error *err);

/*
 * Writes a blob into a pipe, byte for byte what is hashed. Returns 1 if all of it was written and
 * verified; 0 if the reader has gone away, but the blob is sound; -1 with err filled.
 */
int blob_pump(int layout_fd, const struct digest *digest, uint64_t size_bytes, int pipe_fd,
	      struct error *err);

#endif
