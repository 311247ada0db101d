/*
 * What the files of the EROFS writer share: erofs.c (output, data, superblock), erofs_plan.c (where
 * everything goes) and erofs_meta.c (directories and inodes).
 */
#ifndef NACELLE_IMAGES_EROFS_INTERNAL_H
#define NACELLE_IMAGES_EROFS_INTERNAL_H

#include "images/erofs.h"
#include "images/erofs_format.h"

/* One walk over the names of a directory with "." and ".." among them, in their order. */
struct erofs_dirent_walk {
	const struct tree_node *directory;
	const struct tree_entry *child;
	unsigned dots; /* how many of "." and ".." were visited */
};

struct erofs_name {
	const char *name;
	size_t len;
	const struct tree_node *node;
};

struct erofs_dirent_walk erofs_dirents(const struct tree_node *directory);
bool erofs_next_name(struct erofs_dirent_walk *walk, struct erofs_name *out);

struct erofs_plan {
	uint32_t meta_block;
	uint64_t meta_bytes; /* until the end of the last inode */
	uint64_t inodes;
	uint32_t root_nid;
};

/*
 * Gives every node of a sorted tree its number and every directory its size and blocks, the first
 * of them first_block. Returns 0, or -1 with err filled: the image is too large.
 */
int erofs_plan_tree(struct tree *tree, uint32_t first_block, struct erofs_plan *plan,
		    struct error *err);

/*
 * The nodes in the order of their numbers: the root, then the children of each directory,
 * directories in the order of tree_next(). Call with *entry and *directory NULL first. A node with
 * several names comes several times.
 */
struct tree_node *erofs_next_node(const struct tree *tree, struct tree_entry **directory,
				  struct tree_entry **entry);

/* Bytes that lie inline after the inode: a directory's last part, a link's target. */
uint32_t erofs_inline_len(const struct tree_node *node);

/* Blocks that a directory or a long link has outside of the inode. */
uint32_t erofs_outside_blocks(const struct tree_node *node);

int erofs_append(struct erofs_writer *writer, const void *data, size_t len, struct error *err);
int erofs_write_directories(struct erofs_writer *writer, const struct tree *tree,
			    struct error *err);
int erofs_write_inodes(struct erofs_writer *writer, const struct tree *tree,
		       const struct erofs_plan *plan, struct error *err);

#endif
