/*
 * Records of App Container Images that an earlier version wrote, read anew from the image's own
 * file, which the store keeps.
 */
#ifndef NACELLE_IMAGES_REFRESH_H
#define NACELLE_IMAGES_REFRESH_H

#include "vmm/base/error.h"

/*
 * Brings the record of an image to the present version, if it is older. digest is the image's, as
 * text ("sha512:..."). Returns 0, or -1 with err filled.
 */
int image_refresh(const char *root, const char *digest, struct error *err);

#endif
