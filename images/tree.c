/*
 * The merged tree. The shape is the image author's choice, so nothing here recurses over it, and
 * lookup uses the C library's balanced trees, which no choice of names makes slow.
 */
#include "images/tree.h"

#include <assert.h>
#include <errno.h>
#include <search.h>
#include <stdlib.h>
#include <string.h>

#include "images/limits.h"
#include "vmm/base/cleanup.h"

int tree_compare_names(const char *a, size_t a_len, const char *b, size_t b_len)
{
	int order = memcmp(a, b, a_len < b_len ? a_len : b_len);

	if (order == 0)
		order = (a_len > b_len) - (a_len < b_len);
	return order;
}

static int compare_entries(const void *a, const void *b)
{
	const struct tree_entry *x = a, *y = b;

	return tree_compare_names(x->name, x->name_len, y->name, y->name_len);
}

static struct tree_entry *entry_new(const char *name, size_t len)
{
	struct tree_entry *entry = calloc(1, sizeof(*entry) + len + 1);

	if (entry) {
		memcpy(entry->name, name, len);
		entry->name_len = (uint8_t)len;
	}
	return entry;
}

/* The entry, its place in the index, and its slot when the directory is sorted (qsort() copies). */
static size_t entry_bytes(const struct tree_entry *entry)
{
	enum { INDEX_NODE = 3 * sizeof(void *), SLOTS = 2 * sizeof(void *) };

	return tree_heap_bytes(sizeof(*entry) + entry->name_len + 1) + tree_heap_bytes(INDEX_NODE) +
	       SLOTS;
}

static size_t node_bytes(const struct tree_node *node)
{
	size_t bytes = tree_heap_bytes(sizeof(*node));

	if (tree_is_directory(node))
		bytes += tree_heap_bytes(sizeof(*node->directory));
	else if (S_ISLNK(node->mode))
		bytes += tree_heap_bytes(node->size_bytes + 1);
	return bytes;
}

struct tree_node *tree_node_new(uint32_t mode)
{
	struct tree_node *node = calloc(1, sizeof(*node));

	if (!node)
		return NULL;
	node->mode = mode;
	if (tree_is_directory(node)) {
		node->directory = calloc(1, sizeof(*node->directory));
		if (!node->directory) {
			free(node);
			return NULL;
		}
	}
	return node;
}

void tree_node_free(struct tree *tree, struct tree_node *node)
{
	if (!node || node->links)
		return;
	if (tree_is_directory(node)) {
		assert(!node->directory->first);
		free(node->directory);
	} else if (S_ISLNK(node->mode)) {
		free(node->target);
	} else if (S_ISREG(node->mode) && tree->forget) {
		tree->forget(tree->forget_context, node);
	}
	free(node);
}

int tree_init(struct tree *tree, struct error *err)
{
	struct tree_node *root = tree_node_new(S_IFDIR | 0755);

	if (!root)
		return error_set(err, ENOMEM, "cannot merge layers");
	root->links = 1;
	*tree = (struct tree){ .root = root };
	return 0;
}

void tree_free(struct tree *tree)
{
	if (!tree->root)
		return;
	tree->forget = NULL;
	while (tree->root->directory->first)
		tree_remove(tree, tree->root->directory->first);
	tree->root->links = 0;
	tree_node_free(tree, tree->root);
	tree->root = NULL;
}

struct tree_entry *tree_lookup(const struct tree_node *directory, const char *name, size_t len)
{
	union {
		struct tree_entry entry;
		char room[sizeof(struct tree_entry) + IMAGE_NAME_MAX + 1];
	} key;
	struct tree_entry **found;

	if (len > IMAGE_NAME_MAX)
		return NULL;
	key.entry.name_len = (uint8_t)len;
	memcpy(key.room + offsetof(struct tree_entry, name), name, len);
	found = tfind(&key.entry, &directory->directory->index, compare_entries);
	return found ? *found : NULL;
}

static void attach(struct tree_node *directory, struct tree_entry *entry)
{
	struct tree_directory *d = directory->directory;

	entry->parent = directory;
	entry->next = d->first;
	if (d->first)
		d->first->previous = entry;
	d->first = entry;
	d->count++;
	if (tree_is_directory(entry->node)) {
		d->subdirectories++;
		entry->node->directory->self = entry;
		entry->node->directory->depth = d->depth + 1;
	}
}

struct tree_entry *tree_add(struct tree *tree, struct tree_node *directory, const char *name,
			    size_t len, struct tree_node *node, uint16_t layer, struct error *err)
{
	struct tree_entry *entry;

	assert(len && len <= IMAGE_NAME_MAX);
	if (tree->entries >= IMAGE_ENTRIES_MAX) {
		error_set(err, 0, "the image has more than %d entries", IMAGE_ENTRIES_MAX);
		return NULL;
	}
	if (directory->directory->depth >= IMAGE_DEPTH_MAX) {
		error_set(err, 0, "the image has directories more than %d deep", IMAGE_DEPTH_MAX);
		return NULL;
	}
	entry = entry_new(name, len);
	if (!entry || !tsearch(entry, &directory->directory->index, compare_entries)) {
		free(entry);
		error_set(err, ENOMEM, "cannot merge layers");
		return NULL;
	}
	entry->node = node;
	entry->layer = layer;
	tree->memory_bytes += entry_bytes(entry) + (node->links ? 0 : node_bytes(node));
	node->links++;
	attach(directory, entry);
	tree->entries++;
	return entry;
}

/* Removes one name, which leads to no directory or to an empty one. */
static void remove_one(struct tree *tree, struct tree_entry *entry)
{
	struct tree_directory *d = entry->parent->directory;

	(void)tdelete(entry, &d->index, compare_entries);
	if (entry->previous)
		entry->previous->next = entry->next;
	else
		d->first = entry->next;
	if (entry->next)
		entry->next->previous = entry->previous;
	d->count--;
	if (tree_is_directory(entry->node))
		d->subdirectories--;
	entry->node->links--;
	tree->memory_bytes -=
	    entry_bytes(entry) + (entry->node->links ? 0 : node_bytes(entry->node));
	tree_node_free(tree, entry->node);
	tree->entries--;
	free(entry);
}

static struct tree_entry *deepest_first(struct tree_entry *entry)
{
	while (tree_is_directory(entry->node) && entry->node->directory->first)
		entry = entry->node->directory->first;
	return entry;
}

/* Visits everything at and below top, children first, and removes what no layer protects. */
static void prune(struct tree *tree, struct tree_entry *top, int kept_layer)
{
	struct tree_entry *entry = deepest_first(top);

	for (;;) {
		bool is_top = entry == top;
		struct tree_entry *next = entry->next;
		struct tree_entry *parent = entry->parent->directory->self;
		bool has_children = tree_is_directory(entry->node) && entry->node->directory->first;

		if (!has_children && entry->layer != kept_layer)
			remove_one(tree, entry);
		if (is_top)
			return;
		entry = next ? deepest_first(next) : parent;
	}
}

void tree_remove(struct tree *tree, struct tree_entry *entry)
{
	prune(tree, entry, -1);
}

void tree_hide_lower(struct tree *tree, struct tree_entry *entry, uint16_t layer)
{
	prune(tree, entry, layer);
}

struct tree_entry *tree_next(const struct tree *tree, struct tree_entry *entry)
{
	if (!entry)
		return tree->root->directory->first;
	if (tree_is_directory(entry->node) && entry->node->directory->first)
		return entry->node->directory->first;
	while (entry && !entry->next)
		entry = entry->parent->directory->self;
	return entry ? entry->next : NULL;
}

static int compare_entry_slots(const void *a, const void *b)
{
	return compare_entries(*(struct tree_entry *const *)a, *(struct tree_entry *const *)b);
}

static int sort_directory(struct tree_directory *d)
{
	_cleanup_free_ struct tree_entry **slots = NULL;
	size_t count = 0;

	if (d->count < 2)
		return 0;
	slots = calloc(d->count, sizeof(struct tree_entry *));
	if (!slots)
		return -1;
	for (struct tree_entry *entry = d->first; entry; entry = entry->next)
		slots[count++] = entry;
	assert(count == d->count);
	qsort(slots, count, sizeof(struct tree_entry *), compare_entry_slots);
	d->first = slots[0];
	for (size_t i = 0; i < count; i++) {
		slots[i]->previous = i ? slots[i - 1] : NULL;
		slots[i]->next = i + 1 < count ? slots[i + 1] : NULL;
	}
	return 0;
}

int tree_sort(struct tree *tree, struct error *err)
{
	struct tree_entry *entry = NULL;

	if (sort_directory(tree->root->directory) < 0)
		return error_set(err, ENOMEM, "cannot merge layers");
	while ((entry = tree_next(tree, entry))) {
		if (tree_is_directory(entry->node) && sort_directory(entry->node->directory) < 0)
			return error_set(err, ENOMEM, "cannot merge layers");
	}
	return 0;
}
