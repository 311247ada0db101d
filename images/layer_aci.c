/*
 * Applying one App Container Image. What a name is allowed to replace follows from who set it, so
 * every image has two numbers of a layer: the even one marks what its archive names, the odd one
 * before it the directories that are there because something lies in them.
 */
#include "images/layer_aci.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "images/aci_archive.h"
#include "images/layer_internal.h"
#include "images/limits.h"

struct aci_layer {
	struct image_builder *builder;
	const struct aci_filter *filter;
	bool has_root;
	bool has_manifest;
};

static int compare_names(const void *name, const void *item)
{
	return strcmp(name, *(const char *const *)item);
}

static bool lists(const struct string_list *list, const char *path)
{
	if (!list || !list->count)
		return true;
	return bsearch(path, list->items, list->count, sizeof(*list->items), compare_names) != NULL;
}

static bool is_taken(const struct aci_filter *filter, const struct tar_entry *entry,
		     const char *path)
{
	return (entry->type == TAR_DIRECTORY || lists(filter->own, path)) &&
	       lists(filter->upper, path);
}

/* Whether this image has named it, or something in it. */
static bool is_ours(const struct image_builder *builder, const struct tree_entry *entry)
{
	return entry->layer + 1 >= builder->layers;
}

/* The directory of one component on the way, made if need be. NULL: err is filled. */
static struct tree_node *enter(struct image_builder *builder, struct layer_place *place,
			       struct error *err)
{
	uint16_t implied = (uint16_t)(builder->layers - 1);
	struct tree_node *node;

	place->old = tree_lookup(place->directory, place->name, place->len);
	if (place->old && tree_is_directory(place->old->node)) {
		if (!is_ours(builder, place->old))
			place->old->layer = implied;
		return place->old->node;
	}
	if (place->old && is_ours(builder, place->old)) {
		(void)error_set(err, 0, "%.*s on the way is not a directory", (int)place->len,
				place->name);
		return NULL;
	}
	if (place->old)
		tree_remove(&builder->tree, place->old);
	node = tree_node_new(S_IFDIR | 0755);
	if (!node) {
		(void)error_set(err, ENOMEM, "cannot merge layers");
		return NULL;
	}
	if (!tree_add(&builder->tree, place->directory, place->name, place->len, node, implied,
		      err)) {
		tree_node_free(&builder->tree, node);
		return NULL;
	}
	return node;
}

/* Finds the place of a clean path, whose way is made. */
static int find_place(struct image_builder *builder, const char *path, struct layer_place *place,
		      struct error *err)
{
	place->directory = builder->tree.root;
	for (;;) {
		place->name = path;
		place->len = strcspn(path, "/");
		if (!path[place->len])
			break;
		place->directory = enter(builder, place, err);
		if (!place->directory)
			return -1;
		path += place->len + 1;
	}
	place->old = tree_lookup(place->directory, place->name, place->len);
	return 0;
}

/* The node that a hard link leads to: a file that the same archive has named before. */
static struct tree_node *find_target(const struct image_builder *builder, const char *path)
{
	const struct tree_node *directory = builder->tree.root;

	for (;;) {
		size_t len = strcspn(path, "/");
		struct tree_entry *entry = tree_lookup(directory, path, len);
		bool is_directory = entry && tree_is_directory(entry->node);

		if (!path[len])
			return entry && !is_directory && entry->layer == builder->layers
				   ? entry->node
				   : NULL;
		if (!is_directory)
			return NULL;
		directory = entry->node;
		path += len + 1;
	}
}

static int put_hardlink(struct image_builder *builder, const struct layer_place *place,
			const struct tar_entry *entry, struct error *err)
{
	char path[IMAGE_PATH_MAX + 1];
	struct tree_node *target;

	if (aci_clean_target(entry->link, path, err) < 0)
		return error_prefix(err, "hard link to %.256s", entry->link);
	target = find_target(builder, path);
	if (!target)
		return error_set(err, 0,
				 "the hard link's target %.256s is no file that the archive has "
				 "named before and the pathWhitelist lists",
				 entry->link);
	return layer_put_node(builder, place, target, err);
}

static int put_entry(struct image_builder *builder, const char *path, const struct tar_entry *entry,
		     struct tar *tar, struct error *err)
{
	struct layer_place place;

	if (find_place(builder, path, &place, err) < 0)
		return -1;
	if (place.old && place.old->layer == builder->layers)
		return error_set(err, 0, "it is there twice");
	if (entry->type == TAR_DIRECTORY && place.old && tree_is_directory(place.old->node)) {
		place.old->layer = builder->layers;
		return layer_set_attributes(builder, place.old->node, entry, err);
	}
	if (place.old && is_ours(builder, place.old))
		return error_set(err, 0, "it is no directory, but has something in it");
	if (entry->type == TAR_HARDLINK)
		return put_hardlink(builder, &place, entry, err);
	return layer_put_new(builder, &place, entry, tar, err);
}

static int apply_entry(void *context, const struct tar_entry *entry, struct tar *tar,
		       struct error *err)
{
	struct aci_layer *layer = context;
	char path[IMAGE_PATH_MAX + 1];
	enum aci_member member;

	if (aci_classify(entry, &member, path, err) < 0)
		return -1;
	switch (member) {
	case ACI_TOP:
		return 0;
	case ACI_MANIFEST:
		if (layer->has_manifest)
			return error_set(err, 0, "it is there twice");
		layer->has_manifest = true;
		return 0;
	case ACI_ROOT:
		if (layer->has_root)
			return error_set(err, 0, "it is there twice");
		layer->has_root = true;
		return layer_set_attributes(layer->builder, layer->builder->tree.root, entry, err);
	case ACI_ENTRY:
	default:
		return is_taken(layer->filter, entry, path)
			   ? put_entry(layer->builder, path, entry, tar, err)
			   : 0;
	}
}

int image_builder_apply_aci(struct image_builder *builder, struct stream *tar,
			    const struct aci_filter *filter, struct error *err)
{
	struct aci_layer layer = { .builder = builder, .filter = filter };

	builder->layers = (uint16_t)(builder->layers + 2);
	return layer_for_each(builder, tar, apply_entry, &layer, err);
}
