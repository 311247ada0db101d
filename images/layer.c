/*
 * Applying one layer to the merged tree. Names, links and numbers come from an image author; what
 * they can reach is the tree in memory and the image file, and no host path is ever made of them.
 */
#include "images/layer_internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "images/limits.h"
#include "images/tar.h"
#include "vmm/base/cleanup.h"

static void forget_file(void *context, const struct tree_node *file)
{
	struct image_builder *builder = context;

	if (!builder->discard_failed)
		builder->discard_failed =
		    erofs_data_discard(&builder->writer, file->block, file->size_bytes,
				       &builder->discard_error) < 0;
}

int image_builder_open(struct image_builder *builder, int fd, struct error *err)
{
	*builder = (struct image_builder){ 0 };
	if (tree_init(&builder->tree, err) < 0)
		return -1;
	if (erofs_open(&builder->writer, fd, err) < 0) {
		tree_free(&builder->tree);
		return -1;
	}
	builder->tree.forget = forget_file;
	builder->tree.forget_context = builder;
	return 0;
}

void image_builder_close(struct image_builder *builder)
{
	tree_free(&builder->tree);
	xattr_table_free(&builder->xattrs);
	erofs_close(&builder->writer);
}

int image_builder_finish(struct image_builder *builder, const uint8_t uuid[16],
			 uint64_t *size_bytes, struct error *err)
{
	if (builder->discard_failed)
		return error_set(err, 0, "%s", builder->discard_error.text);
	return erofs_finish(&builder->writer, &builder->tree, uuid, size_bytes, err);
}

int layer_clean_name(char *out, const char *name, struct error *err)
{
	unsigned depth = 0;
	char *at = out;

	if (strlen(name) > IMAGE_PATH_MAX)
		return error_set(err, 0, "the name is longer than %d bytes", IMAGE_PATH_MAX);
	for (;;) {
		size_t len;

		name += strspn(name, "/");
		len = strcspn(name, "/");
		if (len == 0)
			break;
		if (len == 2 && !memcmp(name, "..", 2))
			return error_set(err, 0, "the name leads upwards (..)");
		if (len > IMAGE_NAME_MAX)
			return error_set(err, 0, "a component of the name is longer than %d bytes",
					 IMAGE_NAME_MAX);
		if (len != 1 || *name != '.') {
			if (++depth > IMAGE_DEPTH_MAX)
				return error_set(err, 0,
						 "the name is more than %d directories deep",
						 IMAGE_DEPTH_MAX);
			if (at != out)
				*at++ = '/';
			memcpy(at, name, len);
			at += len;
		}
		name += len;
	}
	*at = '\0';
	return 0;
}

static uint32_t mode_of(const struct tar_entry *entry)
{
	static const uint32_t types[] = {
		[TAR_FILE] = S_IFREG,	     [TAR_SYMLINK] = S_IFLNK,
		[TAR_CHAR_DEVICE] = S_IFCHR, [TAR_BLOCK_DEVICE] = S_IFBLK,
		[TAR_DIRECTORY] = S_IFDIR,   [TAR_FIFO] = S_IFIFO,
	};

	if (entry->type == TAR_SYMLINK)
		return S_IFLNK | 0777;
	return types[entry->type] | entry->mode;
}

int layer_set_attributes(struct image_builder *builder, struct tree_node *node,
			 const struct tar_entry *entry, struct error *err)
{
	node->mode = mode_of(entry);
	node->uid = entry->uid;
	node->gid = entry->gid;
	node->mtime_s = entry->mtime_s;
	node->mtime_ns = entry->mtime_ns;
	return xattr_table_add(&builder->xattrs, entry->xattrs, entry->xattr_count, &node->xattrs,
			       err);
}

/* Appends a file's data, with its holes, to the image. */
static int copy_data(struct image_builder *builder, struct tree_node *node, struct tar *tar,
		     struct error *err)
{
	uint64_t at = 0, offset;
	const uint8_t *data;
	size_t len;
	int more;

	node->block = erofs_data_begin(&builder->writer);
	while ((more = tar_data(tar, &data, &len, &offset, err)) > 0) {
		builder->data_bytes += len;
		if (builder->data_bytes > IMAGE_DATA_MAX)
			return error_set(err, 0, "the image's files have more than %ju bytes",
					 (uintmax_t)IMAGE_DATA_MAX);
		if (erofs_data_zero(&builder->writer, offset - at, err) < 0 ||
		    erofs_data_write(&builder->writer, data, len, err) < 0)
			return -1;
		at = offset + len;
	}
	if (more < 0 || erofs_data_zero(&builder->writer, node->size_bytes - at, err) < 0)
		return -1;
	return erofs_data_end(&builder->writer, err);
}

static int set_target(struct tree_node *node, const char *target, struct error *err)
{
	size_t len = strlen(target);

	if (len == 0 || len > IMAGE_PATH_MAX)
		return error_set(err, 0, "the link's target is empty or longer than %d bytes",
				 IMAGE_PATH_MAX);
	node->target = strdup(target);
	if (!node->target)
		return error_set(err, ENOMEM, "cannot merge layers");
	node->size_bytes = len;
	return 0;
}

/* The 32 bits in which Linux's file systems keep a device number. */
static uint32_t encode_device(const struct tar_entry *entry)
{
	return (entry->dev_minor & 0xff) | entry->dev_major << 8 |
	       (entry->dev_minor & ~UINT32_C(0xff)) << 12;
}

static int fill_node(struct image_builder *builder, struct tree_node *node,
		     const struct tar_entry *entry, struct tar *tar, struct error *err)
{
	if (layer_set_attributes(builder, node, entry, err) < 0)
		return -1;
	switch (entry->type) {
	case TAR_FILE:
		node->size_bytes = entry->size_bytes;
		return copy_data(builder, node, tar, err);
	case TAR_SYMLINK:
		return set_target(node, entry->link, err);
	case TAR_CHAR_DEVICE:
	case TAR_BLOCK_DEVICE:
		node->rdev = encode_device(entry);
		return 0;
	case TAR_HARDLINK:
	case TAR_DIRECTORY:
	case TAR_FIFO:
	default:
		return 0;
	}
}

int layer_put_node(struct image_builder *builder, const struct layer_place *place,
		   struct tree_node *node, struct error *err)
{
	if (place->old)
		tree_remove(&builder->tree, place->old);
	return tree_add(&builder->tree, place->directory, place->name, place->len, node,
			builder->layers, err)
		   ? 0
		   : -1;
}

int layer_put_new(struct image_builder *builder, const struct layer_place *place,
		  const struct tar_entry *entry, struct tar *tar, struct error *err)
{
	struct tree_node *node = tree_node_new(mode_of(entry));

	if (!node)
		return error_set(err, ENOMEM, "cannot merge layers");
	if (fill_node(builder, node, entry, tar, err) < 0 ||
	    layer_put_node(builder, place, node, err) < 0) {
		tree_node_free(&builder->tree, node);
		return -1;
	}
	return 0;
}

/* A hard link's target is found in the tree as it is now, lower layers included. */
static int put_hardlink(struct image_builder *builder, const struct layer_place *place,
			const struct tar_entry *entry, struct error *err)
{
	struct tree_node *directory, *kept;
	struct tree_entry *target;
	char path[IMAGE_PATH_MAX + 1];
	const char *name;
	int found, result;

	if (layer_clean_name(path, entry->link, err) < 0)
		return error_prefix(err, "hard link to %.256s", entry->link);
	found = path[0] ? tree_walk(&builder->tree, path, TREE_WALK_FIND, builder->layers,
				    &directory, &name, err)
			: 0;
	if (found < 0)
		return -1;
	target = found ? tree_lookup(directory, name, strlen(name)) : NULL;
	if (!target || tree_is_directory(target->node))
		return error_set(err, 0, "the hard link's target %.256s %s", entry->link,
				 target ? "is a directory" : "does not exist");
	if (place->old && place->old->node == target->node) {
		place->old->layer = builder->layers;
		return 0;
	}
	kept = target->node;
	kept->links++; /* the target may lie below what is about to be replaced */
	result = layer_put_node(builder, place, kept, err);
	kept->links--;
	if (result < 0)
		tree_node_free(&builder->tree, kept);
	return result;
}

/* "." as a directory is the root; as anything else it would replace the root. */
static int put_root(struct image_builder *builder, const struct tar_entry *entry, struct error *err)
{
	if (entry->type != TAR_DIRECTORY)
		return error_set(err, 0, "the root of an image must be a directory");
	return layer_set_attributes(builder, builder->tree.root, entry, err);
}

static int put_entry(struct image_builder *builder, const char *path, const struct tar_entry *entry,
		     struct tar *tar, struct error *err)
{
	struct layer_place place;

	if (tree_walk(&builder->tree, path, TREE_WALK_CREATE, builder->layers, &place.directory,
		      &place.name, err) < 0)
		return -1;
	place.len = strlen(place.name);
	place.old = tree_lookup(place.directory, place.name, place.len);
	if (entry->type == TAR_HARDLINK)
		return put_hardlink(builder, &place, entry, err);
	if (entry->type == TAR_DIRECTORY && place.old && tree_is_directory(place.old->node)) {
		place.old->layer = builder->layers;
		return layer_set_attributes(builder, place.old->node, entry, err);
	}
	return layer_put_new(builder, &place, entry, tar, err);
}

/* Hides what lower layers have in a directory: all of it, or one name. */
static void hide(struct image_builder *builder, struct tree_node *directory, const char *name)
{
	struct tree_entry *entry, *next;

	if (name) {
		entry = tree_lookup(directory, name, strlen(name));
		if (entry)
			tree_hide_lower(&builder->tree, entry, builder->layers);
		return;
	}
	for (entry = directory->directory->first; entry; entry = next) {
		next = entry->next;
		tree_hide_lower(&builder->tree, entry, builder->layers);
	}
}

static int put_whiteout(struct image_builder *builder, const char *path, const char *marker,
			struct error *err)
{
	bool is_opaque = !strcmp(marker, ".wh..wh..opq");
	const char *hidden = marker + strlen(".wh.");
	struct tree_node *directory;
	const char *name;
	int found;

	if (!is_opaque && !strncmp(marker, ".wh..wh.", 8))
		return 0; /* what aufs kept for itself */
	if (!*hidden || !strcmp(hidden, ".") || !strcmp(hidden, ".."))
		return error_set(err, 0, "the whiteout hides no name");
	found = tree_walk(&builder->tree, path, TREE_WALK_FIND, builder->layers, &directory, &name,
			  err);
	if (found > 0)
		hide(builder, directory, is_opaque ? NULL : hidden);
	return found < 0 ? -1 : 0;
}

/* Whether the name lies below a directory with a whiteout's name: 1 to be skipped, -1 refused. */
static int below_marker(const char *path, struct error *err)
{
	for (const char *at = path; (at = strstr(at, ".wh.")); at++) {
		if ((at != path && at[-1] != '/') || !strchr(at, '/'))
			continue;
		if (!strncmp(at, ".wh..wh.", 8))
			return 1;
		return error_set(err, 0, "the name leads through a whiteout");
	}
	return 0;
}

static int apply_entry(void *context, const struct tar_entry *entry, struct tar *tar,
		       struct error *err)
{
	struct image_builder *builder = context;
	char path[IMAGE_PATH_MAX + 1];
	const char *last;
	int skip;

	if (layer_clean_name(path, entry->name, err) < 0)
		return -1;
	if (!path[0])
		return put_root(builder, entry, err);
	skip = below_marker(path, err);
	if (skip)
		return skip < 0 ? -1 : 0;
	last = strrchr(path, '/');
	last = last ? last + 1 : path;
	if (!strncmp(last, ".wh.", 4))
		return put_whiteout(builder, path, last, err);
	return put_entry(builder, path, entry, tar, err);
}

/* Names, links and attributes beyond the ordinary could fill the memory; so they are counted. */
static int check_memory(const struct image_builder *builder, struct error *err)
{
	size_t used = builder->tree.memory_bytes + builder->xattrs.memory_bytes;

	if (used > IMAGE_MEMORY_BASE &&
	    (used - IMAGE_MEMORY_BASE) / IMAGE_MEMORY_ENTRY > builder->tree.entries)
		return error_set(err, 0,
				 "the image's names, links and attributes need more memory than "
				 "%d MiB and %d bytes an entry",
				 IMAGE_MEMORY_BASE >> 20, IMAGE_MEMORY_ENTRY);
	return 0;
}

int layer_for_each(struct image_builder *builder, struct stream *stream, layer_entry_fn apply,
		   void *context, struct error *err)
{
	struct tar_entry entry;
	unsigned entries = 0;
	struct tar *tar;
	int more;

	if (tar_open(&tar, stream, err) < 0)
		return -1;
	while ((more = tar_next(tar, &entry, err)) > 0) {
		if (++entries > IMAGE_LAYER_ENTRIES_MAX)
			more = error_set(err, 0, "a layer has more than %d entries",
					 IMAGE_LAYER_ENTRIES_MAX);
		else if (apply(context, &entry, tar, err) < 0 || check_memory(builder, err) < 0)
			more = error_prefix(err, "%.256s", entry.name);
		if (more < 0)
			break;
	}
	tar_close(tar);
	return more;
}

int image_builder_apply(struct image_builder *builder, struct stream *tar, struct error *err)
{
	builder->layers++;
	return layer_for_each(builder, tar, apply_entry, builder, err);
}
