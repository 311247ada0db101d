/*
 * Applying one App Container Image below those that were applied before. Nothing is ever replaced:
 * what a name is stays what the highest image made it. Every image has two numbers of a layer: the
 * even one marks what its archive names, the odd one before it the directories that are there
 * because something lies in them.
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

static bool is_implied(const struct tree_entry *entry)
{
	return entry->layer % 2;
}

/*
 * Steps into one component on the way, which is made if need be: 1; 0 if a higher image has made
 * something else of it; -1 with err filled.
 */
static int enter(struct image_builder *builder, struct layer_place *place, struct error *err)
{
	uint16_t implied = (uint16_t)(builder->layers - 1);
	struct tree_node *node;

	place->old = tree_lookup(place->directory, place->name, place->len);
	if (place->old && tree_is_directory(place->old->node)) {
		place->directory = place->old->node;
		return 1;
	}
	if (place->old && is_ours(builder, place->old))
		return error_set(err, 0, "%.*s on the way is not a directory", (int)place->len,
				 place->name);
	if (place->old)
		return 0;
	node = tree_node_new(S_IFDIR | 0755);
	if (!node)
		return error_set(err, ENOMEM, "cannot merge layers");
	if (!tree_add(&builder->tree, place->directory, place->name, place->len, node, implied,
		      err)) {
		tree_node_free(&builder->tree, node);
		return -1;
	}
	place->directory = node;
	return 1;
}

/* Finds the place of a clean path, whose way is made: as enter(). */
static int find_place(struct image_builder *builder, const char *path, struct layer_place *place,
		      struct error *err)
{
	int found = 1;

	place->directory = builder->tree.root;
	for (;;) {
		place->name = path;
		place->len = strcspn(path, "/");
		if (!path[place->len])
			break;
		found = enter(builder, place, err);
		if (found <= 0)
			return found;
		path += place->len + 1;
	}
	place->old = tree_lookup(place->directory, place->name, place->len);
	return 1;
}

/* What a hard link leads to, whichever image it is from. */
static struct tree_node *find_target(const struct image_builder *builder, const char *path)
{
	const struct tree_node *directory = builder->tree.root;

	for (;;) {
		size_t len = strcspn(path, "/");
		struct tree_entry *entry = tree_lookup(directory, path, len);
		bool is_directory = entry && tree_is_directory(entry->node);

		if (!path[len])
			return entry && !is_directory ? entry->node : NULL;
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
				 "the hard link's target %.256s is no file that was named before "
				 "and that the pathWhitelist lists",
				 entry->link);
	return layer_put_node(builder, place, target, err);
}

/* The name is there already. */
static int meet(struct image_builder *builder, struct tree_entry *old,
		const struct tar_entry *entry, struct error *err)
{
	bool is_ours_too = is_ours(builder, old);

	if (old->layer == builder->layers)
		return error_set(err, 0, "it is there twice");
	if (entry->type == TAR_DIRECTORY && is_implied(old)) {
		old->layer = builder->layers;
		return layer_set_attributes(builder, old->node, entry, err);
	}
	return is_ours_too ? error_set(err, 0, "it is no directory, but has something in it") : 0;
}

static int put_entry(struct image_builder *builder, const char *path, const struct tar_entry *entry,
		     struct tar *tar, struct error *err)
{
	struct layer_place place;
	int found = find_place(builder, path, &place, err);

	if (found <= 0)
		return found;
	if (place.old)
		return meet(builder, place.old, entry, err);
	if (entry->type == TAR_HARDLINK)
		return put_hardlink(builder, &place, entry, err);
	return layer_put_new(builder, &place, entry, tar, err);
}

/* The root is what the highest image that names it makes it. */
static int put_root(struct image_builder *builder, const struct tar_entry *entry, struct error *err)
{
	if (builder->has_root)
		return 0;
	builder->has_root = true;
	return layer_set_attributes(builder, builder->tree.root, entry, err);
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
		return put_root(layer->builder, entry, err);
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
