/*
 * Image references, in the syntax that users of skopeo and podman know: TRANSPORT:REST.
 *
 * A reference is what a user types, so it is trusted as far as the user is; it is still checked in
 * full here, because it becomes part of error texts and of the key of a record in the store.
 */
#ifndef NACELLE_IMAGES_REFERENCE_H
#define NACELLE_IMAGES_REFERENCE_H

#include <limits.h>

#include "vmm/base/error.h"

enum image_transport {
	IMAGE_OCI = 1, /* oci:DIR[:TAG], an OCI image layout directory */
	IMAGE_ROOTFS,  /* rootfs:DIR, a directory that is a root file system already */
};

enum { IMAGE_TAG_MAX = 255 };

struct image_reference {
	enum image_transport transport;
	char path[PATH_MAX];	     /* as typed, at least one byte */
	char tag[IMAGE_TAG_MAX + 1]; /* "" when the reference names none */
};

/*
 * Splits and checks a reference. The directory of oci: ends at the first colon (as skopeo splits
 * it), that of rootfs: at the end of the text; a tag has the characters that skopeo allows in an
 * org.opencontainers.image.ref.name. Returns 0, or -1 with err saying what is wrong; a transport
 * that a later version will have is named as such.
 */
int image_reference_parse(struct image_reference *out, const char *text, struct error *err);

#endif
