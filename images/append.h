/*
 * An image with one layer more: what an app has changed, over the image that it ran from. The
 * manifest is made anew, the configuration is the image's with the layer in it, and all other
 * layers stay as they are.
 */
#ifndef NACELLE_IMAGES_APPEND_H
#define NACELLE_IMAGES_APPEND_H

#include <stddef.h>

#include "images/record.h"
#include "images/reference.h"
#include "images/store.h"
#include "vmm/base/error.h"

struct append {
	const struct image_record *base; /* an OCI image of the store */
	int layer_fd;	     /* a file that is an uncompressed tar archive, from its beginning */
	const char *created; /* RFC 3339 */
	const char *tag;     /* in the layout */
};

/*
 * Writes the image as a layout to target, oci: or oci-archive:, as image export does. The store is
 * as before. Returns 0, or -1 with err filled.
 */
int append_export(struct store *store, const struct append *append,
		  const struct image_reference *target, struct error *err);

/* What a configuration (image-spec 1.1, config.md) is to say of the new layer. */
struct append_entry {
	const char *diff_id;
	const char *created;
};

/*
 * The confined process's part: the configuration with the layer in rootfs.diff_ids, and in the
 * history if it has one. Returns 0 with *out to be freed, or -1 with err filled.
 */
int append_config(const char *config, size_t len, const struct append_entry *entry, char **out,
		  struct error *err);

#endif
