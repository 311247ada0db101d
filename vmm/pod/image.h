/*
 * The image of a run: found in the store or imported into it, or a directory.
 */
#ifndef NACELLE_POD_IMAGE_H
#define NACELLE_POD_IMAGE_H

#include <stdbool.h>

#include "images/store.h"
#include "vmm/base/error.h"

struct pod_image {
	bool is_directory;
	int directory_fd;	  /* O_PATH, if it is a directory */
	struct store_image image; /* else */
};

/*
 * Resolves a reference, and refuses what a policy does not allow (nacelle-policy(5)). An image that
 * is not in the store is imported by nacelle-image, which also decides about an image for which no
 * verdict was kept; its reason for a failure becomes err.
 */
int pod_image_open(struct pod_image *image, const char *reference, const char *store_root,
		   struct error *err);
void pod_image_close(struct pod_image *image);

#endif
