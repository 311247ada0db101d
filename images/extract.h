/*
 * The tree of an image as files on the host, for people: the one place where names that an image
 * author chose are created.
 *
 * A confined process reads the EROFS image and says what there is; this one creates it, each name
 * by openat() and its like in a directory that it has just made and has open, never through a link,
 * and nothing outside of the new directory. Where a node's owner, device number or attribute cannot
 * be given to it, as for an ordinary user, the rest is made, and counted.
 */
#ifndef NACELLE_IMAGES_EXTRACT_H
#define NACELLE_IMAGES_EXTRACT_H

#include <stdint.h>

#include "vmm/base/error.h"

struct extract_result {
	uint64_t names;
	/* What could not be kept: */
	uint64_t owners;
	uint64_t set_ids; /* set-user-ID and set-group-ID bits, of files with another owner */
	uint64_t devices;
	uint64_t xattrs;
};

/*
 * Makes the directory, whose name must be free, and fills it. It is named path with .partial behind
 * it until it is whole and durable; on failure nothing of it is left. The directory belongs to the
 * caller, with mode 0700, because what is in it was chosen by a stranger: programs that run as
 * root, devices. Returns 0, or -1 with err filled.
 */
int extract_image(int image_fd, uint64_t size_bytes, const char *path, struct extract_result *out,
		  struct error *err);

/* The same into an open, empty directory, which is left as it is when something fails. */
int extract_into(int image_fd, uint64_t size_bytes, int directory_fd, struct extract_result *out,
		 struct error *err);

#endif
