/*
 * The merged tree of an image: names and nodes in memory, no file data.
 *
 * A name (struct tree_entry) stands in one directory and leads to a node; a node other than a
 * directory may have several names. Each name remembers the layer that last set it, because a
 * whiteout hides what lower layers put there and nothing of its own layer.
 */
#ifndef NACELLE_IMAGES_TREE_H
#define NACELLE_IMAGES_TREE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

#include "vmm/base/error.h"

struct tree_entry;
struct xattr_set;

/* What only a directory has. */
struct tree_directory {
	struct tree_entry *self; /* its name; NULL for the root */
	struct tree_entry *first;
	void *index; /* a tsearch() tree of the same entries, by name */
	uint32_t count;
	uint32_t subdirectories;
	uint32_t depth; /* 0 for the root */
};

struct tree_node {
	uint32_t mode; /* S_IFMT and the permission bits */
	uint32_t uid;
	uint32_t gid;
	uint32_t links; /* names that lead here */
	int64_t mtime_s;
	uint32_t mtime_ns;
	uint32_t rdev; /* of a device, as Linux encodes it in 32 bits */
	uint64_t size_bytes;
	const struct xattr_set *xattrs; /* NULL: none */
	union {
		char *target;			  /* of a symbolic link, size_bytes long; owned */
		struct tree_directory *directory; /* owned */
		uint32_t block;			  /* first data block of a file */
	};
	uint64_t nid;		  /* given by the EROFS writer; 0 before */
	uint32_t directory_block; /* likewise: where a directory's or long link's blocks lie */
	bool is_inline;		  /* likewise */
};

struct tree_entry {
	struct tree_node *parent;
	struct tree_node *node;
	struct tree_entry *previous;
	struct tree_entry *next;
	uint16_t layer;
	uint8_t name_len;
	char name[]; /* with a NUL */
};

struct tree {
	struct tree_node *root;
	size_t entries;
	size_t memory_bytes; /* of all names and nodes, with what malloc() adds to them */
	/* Called when a file lost its last name, before it is freed. */
	void (*forget)(void *context, const struct tree_node *file);
	void *forget_context;
};

/* What malloc(len) takes. */
static inline size_t tree_heap_bytes(size_t len)
{
	return len <= 24 ? 32 : (len + 8 + 15) & ~(size_t)15;
}

/* A tree with nothing but the root directory, 0755 and root's. Returns 0, or -1: no memory. */
int tree_init(struct tree *tree, struct error *err);
void tree_free(struct tree *tree);

static inline bool tree_is_directory(const struct tree_node *node)
{
	return S_ISDIR(node->mode);
}

/* A node without a name; tree_node_free() releases it while it has none. */
struct tree_node *tree_node_new(uint32_t mode);
void tree_node_free(struct tree *tree, struct tree_node *node);

struct tree_entry *tree_lookup(const struct tree_node *directory, const char *name, size_t len);

/*
 * Gives a node a name that does not exist yet. Returns the entry, or NULL with err filled (too many
 * entries, too deep, no memory); then the node is still the caller's.
 */
struct tree_entry *tree_add(struct tree *tree, struct tree_node *directory, const char *name,
			    size_t len, struct tree_node *node, uint16_t layer, struct error *err);

/* Removes a name and everything below it. */
void tree_remove(struct tree *tree, struct tree_entry *entry);

/*
 * Removes everything at and below the name that the layer has not set itself. A directory that
 * still has something in it stays.
 */
void tree_hide_lower(struct tree *tree, struct tree_entry *entry, uint16_t layer);

/* The order of names in an EROFS directory: by unsigned bytes, a prefix first. */
int tree_compare_names(const char *a, size_t a_len, const char *b, size_t b_len);

/* Puts every directory's list of entries into that order. Returns 0, or -1: no memory. */
int tree_sort(struct tree *tree, struct error *err);

/* The entry after this one in a walk that visits directories before what is in them; NULL starts.
 */
struct tree_entry *tree_next(const struct tree *tree, struct tree_entry *entry);

enum tree_walk {
	TREE_WALK_FIND = 0, /* a directory on the way that is missing, or is none, is an outcome */
	TREE_WALK_CREATE = 1, /* ... is made, 0755 and root's */
};

/*
 * Finds the directory that a path leads to up to its last component. The path is relative to the
 * root and already clean (no empty, "." or ".." components; at least one component). Symbolic links
 * on the way are followed inside the tree; ".." in them stops at the root. *name points to the last
 * component in path. Returns 1; 0 if a directory is missing or is none (TREE_WALK_FIND); -1 with
 * err filled.
 */
int tree_walk(struct tree *tree, const char *path, enum tree_walk how, uint16_t layer,
	      struct tree_node **directory, const char **name, struct error *err);

#endif
