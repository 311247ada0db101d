/*
 * Applying layers: tar entries in, the merged tree and the image's file data out.
 *
 * Layers come lowest first and each is read once, from front to back, so that every entry meets the
 * tree exactly as it was when the layer was made: names are resolved through the links that are
 * there at that moment, whiteouts and replacements act on what lies below (image-spec, layer.md).
 */
#ifndef NACELLE_IMAGES_LAYER_H
#define NACELLE_IMAGES_LAYER_H

#include <stdbool.h>
#include <stdint.h>

#include "images/erofs.h"
#include "images/stream.h"
#include "images/tree.h"
#include "images/xattr.h"
#include "vmm/base/error.h"

/* An image in the making. */
struct image_builder {
	struct tree tree;
	struct xattr_table xattrs;
	struct erofs_writer writer;
	uint64_t data_bytes; /* of file data, over all layers, replaced files included */
	uint16_t layers;
	struct error discard_error; /* of a callback that cannot fail */
	bool discard_failed;
	bool has_root; /* App Container Images: one has named its root */
};

/* Starts an image in fd, an empty file. Returns 0, or -1 with err filled. */
int image_builder_open(struct image_builder *builder, int fd, struct error *err);
void image_builder_close(struct image_builder *builder);

/* Applies the layer whose tar stream this is, to the stream's end. Returns 0, or -1. */
int image_builder_apply(struct image_builder *builder, struct stream *tar, struct error *err);

/* Writes what remains; *size_bytes is the image's size. Does not fsync. */
int image_builder_finish(struct image_builder *builder, const uint8_t uuid[16],
			 uint64_t *size_bytes, struct error *err);

/*
 * Cleans a name of an archive: no leading, doubled or final slashes, no "." components. out, of
 * IMAGE_PATH_MAX + 1 bytes, is "" for the root. Returns 0, or -1 with err filled: "..", a component
 * or the whole too long, too deep.
 */
int layer_clean_name(char *out, const char *name, struct error *err);

#endif
