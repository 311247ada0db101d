/*
 * The witness of a reference: bytes that change when what the reference names may have changed. An
 * import keeps those of the source that it read; a start compares them with those of now, which
 * costs a file to read or a stat.
 *
 *	oci:                            the bytes of index.json
 *	oci-archive: docker-archive: aci:   device, inode, size, times of the file
 *	docker:                         nothing: what was pulled stays until it is pulled again
 */
#ifndef NACELLE_IMAGES_WITNESS_H
#define NACELLE_IMAGES_WITNESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

#include "images/reference.h"
#include "vmm/base/error.h"

enum { WITNESS_FILE_LEN = 56, WITNESS_INDEX_MAX = 4 * 1024 * 1024 };

/* The witness of an open regular file. */
void witness_file(const struct stat *st, uint8_t out[WITNESS_FILE_LEN]);

/*
 * Whether a change from now on is sure to show in the witness. Times of files have a resolution:
 * one that was written within the last two seconds could be written again unseen.
 */
bool witness_is_settled(const struct stat *st);

/*
 * Reads what the witness of a reference is now, and writes its canonical text. The caller frees
 * *data. Returns 0; or -1 with err filled: the source is not there, or is none.
 */
int witness_read(const struct image_reference *reference, char canonical[IMAGE_NAME_SIZE],
		 uint8_t **data, size_t *len, struct error *err);

/* Reads a layout's index.json; path is for error texts. The caller frees *data. */
int witness_read_index(int layout_fd, const char *path, char **data, size_t *len,
		       struct error *err);

#endif
