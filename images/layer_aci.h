/*
 * Applying App Container Images to the tree of an image in the making (appc spec 0.8.11, aci.md,
 * "dependencies" and "pathWhitelist").
 *
 * The images come highest first: the image itself, then what it depends on, the last that its
 * manifest lists before the others, each before what it depends on itself. The first that names
 * something decides what it is, as in the reference implementation's renderer; a hard link leads to
 * what its target's name has become. Names are taken literally: nothing leads through a symbolic
 * link.
 */
#ifndef NACELLE_IMAGES_LAYER_ACI_H
#define NACELLE_IMAGES_LAYER_ACI_H

#include "images/layer.h"
#include "images/stream.h"
#include "images/string_list.h"
#include "vmm/base/error.h"

/*
 * What of an image is taken. Lists are sorted and hold clean names, relative to the root; NULL or
 * an empty one takes everything.
 */
struct aci_filter {
	const struct string_list *own;	 /* the image's pathWhitelist: of what is no directory */
	const struct string_list *upper; /* of the highest image above that has one: of all */
};

/* Applies the image whose tar stream this is, to the stream's end. Returns 0 or -1. */
int image_builder_apply_aci(struct image_builder *builder, struct stream *tar,
			    const struct aci_filter *filter, struct error *err);

#endif
