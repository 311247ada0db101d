/*
 * Following a path through the merged tree, as the kernel would in a process whose root is the
 * tree: real images write through links such as lib -> usr/lib. No host path is involved anywhere.
 */
#include <assert.h>
#include <errno.h>
#include <string.h>

#include "images/limits.h"
#include "images/tree.h"

/* What is still to be walked; a link's target is put in front of it. */
struct route {
	char text[2 * IMAGE_PATH_MAX + 2];
	const char *at;
	unsigned links;
};

static struct tree_node *parent_of(struct tree *tree, struct tree_node *directory)
{
	struct tree_entry *self = directory->directory->self;

	return self ? self->parent : tree->root;
}

/* Replaces the route by the link's target and, if there is any, what follows the link. */
static int follow(struct route *route, const struct tree_node *link, struct error *err)
{
	size_t rest_len = strlen(route->at);
	size_t target_len = (size_t)link->size_bytes;

	if (++route->links > IMAGE_SYMLINKS_MAX)
		return error_set(err, 0, "the way leads through more than %d symbolic links",
				 IMAGE_SYMLINKS_MAX);
	if (target_len + 1 + rest_len >= sizeof(route->text))
		return error_set(err, 0, "the way through symbolic links is too long");
	memmove(route->text + target_len + 1, route->at, rest_len + 1);
	memcpy(route->text, link->target, target_len);
	route->text[target_len] = '/';
	route->at = route->text;
	return 0;
}

static struct tree_node *make_directory(struct tree *tree, struct tree_node *directory,
					const char *name, size_t len, uint16_t layer,
					struct error *err)
{
	struct tree_node *node = tree_node_new(S_IFDIR | 0755);

	if (!node) {
		error_set(err, ENOMEM, "cannot merge layers");
		return NULL;
	}
	if (!tree_add(tree, directory, name, len, node, layer, err)) {
		tree_node_free(tree, node);
		return NULL;
	}
	return node;
}

/* One step into a component that is neither "." nor "..": as tree_walk(). */
static int step(struct tree *tree, struct route *route, enum tree_walk how, uint16_t layer,
		struct tree_node **directory, const char *name, size_t len, struct error *err)
{
	struct tree_entry *entry = tree_lookup(*directory, name, len);
	struct tree_node *node = entry ? entry->node : NULL;

	if (len > IMAGE_NAME_MAX)
		return error_set(err, 0, "a component of a symbolic link is longer than %d bytes",
				 IMAGE_NAME_MAX);
	if (!node && how == TREE_WALK_FIND)
		return 0;
	if (!node)
		node = make_directory(tree, *directory, name, len, layer, err);
	if (!node)
		return -1;
	if (S_ISLNK(node->mode)) {
		if (node->target[0] == '/')
			*directory = tree->root;
		return follow(route, node, err) < 0 ? -1 : 1;
	}
	if (!tree_is_directory(node) && how == TREE_WALK_FIND)
		return 0;
	if (!tree_is_directory(node))
		return error_set(err, 0, "%.*s on the way is not a directory", (int)len, name);
	*directory = node;
	return 1;
}

int tree_walk(struct tree *tree, const char *path, enum tree_walk how, uint16_t layer,
	      struct tree_node **directory, const char **name, struct error *err)
{
	struct route route = { .at = route.text };
	const char *last = strrchr(path, '/');
	size_t way_len = last ? (size_t)(last - path) : 0;

	*name = last ? last + 1 : path;
	*directory = tree->root;
	assert(way_len <= IMAGE_PATH_MAX);
	memcpy(route.text, path, way_len);
	route.text[way_len] = '\0';
	for (;;) {
		const char *component = route.at + strspn(route.at, "/");
		size_t len = strcspn(component, "/");
		int result = 1;

		route.at = component + len;
		if (len == 0)
			return 1;
		if (len == 2 && component[0] == '.' && component[1] == '.')
			*directory = parent_of(tree, *directory);
		else if (len != 1 || component[0] != '.')
			result = step(tree, &route, how, layer, directory, component, len, err);
		if (result <= 0)
			return result;
	}
}
