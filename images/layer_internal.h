/*
 * What the two ways of applying a layer share: layer.c (OCI) and layer_aci.c (App Container
 * Images).
 */
#ifndef NACELLE_IMAGES_LAYER_INTERNAL_H
#define NACELLE_IMAGES_LAYER_INTERNAL_H

#include "images/layer.h"
#include "images/tar.h"

/* Where an entry goes. */
struct layer_place {
	struct tree_node *directory;
	const char *name;
	size_t len;
	struct tree_entry *old; /* what has the name now; NULL: nothing */
};

/* Mode, owner, time and extended attributes of the entry become the node's. Returns 0 or -1. */
int layer_set_attributes(struct image_builder *builder, struct tree_node *node,
			 const struct tar_entry *entry, struct error *err);

/* Gives the node the name, instead of what has it now. Returns 0 or -1. */
int layer_put_node(struct image_builder *builder, const struct layer_place *place,
		   struct tree_node *node, struct error *err);

/* The same with a new node of what the entry says, its data included; not for hard links. */
int layer_put_new(struct image_builder *builder, const struct layer_place *place,
		  const struct tar_entry *entry, struct tar *tar, struct error *err);

typedef int (*layer_entry_fn)(void *context, const struct tar_entry *entry, struct tar *tar,
			      struct error *err);

/* Calls apply for every entry of the stream, within the limits of an image. Returns 0 or -1. */
int layer_for_each(struct image_builder *builder, struct stream *stream, layer_entry_fn apply,
		   void *context, struct error *err);

#endif
