/*
 * What an app has changed as a layer over its image: nacelle-image, which reads the image's
 * documents, makes the new one of it.
 */
#ifndef NACELLE_POD_EXPORT_IMAGE_H
#define NACELLE_POD_EXPORT_IMAGE_H

#include "images/reference.h"
#include "vmm/base/error.h"

enum { EXPORT_TARGET_SIZE = IMAGE_NAME_SIZE };

/*
 * Where it is to go: oci:DIR[:TAG], oci-archive:FILE[:TAG], or a path, which stands for oci:. To be
 * asked before anything costly: nothing may be there yet. Returns 0 with target filled, or -1.
 */
int export_image_check(const char *output, char target[EXPORT_TARGET_SIZE], struct error *err);

/*
 * Writes the image of this digest in the store under root (NULL: the default), with the layer,
 * a regular file, on top of it. Returns 0, or -1 with err filled and nothing written.
 */
int export_image_write(const char *root, const char *digest, int layer_fd,
		       const char target[EXPORT_TARGET_SIZE], struct error *err);

#endif
