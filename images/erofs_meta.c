/*
 * Writing the directories and inodes of an EROFS image, in the order of the plan.
 */
#include <assert.h>
#include <string.h>
#include <sys/sysmacros.h>

#include "images/erofs_internal.h"
#include "images/xattr.h"

static uint8_t type_of(const struct tree_node *node)
{
	switch (node->mode & S_IFMT) {
	case S_IFDIR:
		return EROFS_TYPE_DIRECTORY;
	case S_IFLNK:
		return EROFS_TYPE_SYMLINK;
	case S_IFCHR:
		return EROFS_TYPE_CHAR;
	case S_IFBLK:
		return EROFS_TYPE_BLOCK;
	case S_IFIFO:
		return EROFS_TYPE_FIFO;
	default:
		assert(S_ISREG(node->mode));
		return EROFS_TYPE_FILE;
	}
}

/* A directory block that is being filled: names are collected, then laid out together. */
struct dir_block {
	struct erofs_name names[EROFS_BLOCK / (sizeof(struct erofs_dirent) + 1)];
	size_t count;
	uint32_t used;
};

static void lay_out(const struct dir_block *block, uint8_t out[EROFS_BLOCK])
{
	uint32_t offset = (uint32_t)(block->count * sizeof(struct erofs_dirent));

	memset(out, 0, EROFS_BLOCK);
	for (size_t i = 0; i < block->count; i++) {
		const struct erofs_name *name = &block->names[i];
		struct erofs_dirent dirent = {
			.nid_low = le32_make((uint32_t)name->node->nid),
			.nid_high = le32_make((uint32_t)(name->node->nid >> 32)),
			.name_offset = le16_make((uint16_t)offset),
			.type = type_of(name->node),
		};

		memcpy(out + i * sizeof(dirent), &dirent, sizeof(dirent));
		memcpy(out + offset, name->name, name->len);
		offset += (uint32_t)name->len;
	}
}

/* Collects the names of the next block, beginning with *name, which is valid if *more is. */
static void collect(struct dir_block *block, struct erofs_dirent_walk *walk,
		    struct erofs_name *name, bool *more)
{
	block->count = 0;
	block->used = 0;
	while (*more) {
		uint32_t need = (uint32_t)(sizeof(struct erofs_dirent) + name->len);

		if (block->used + need > EROFS_BLOCK)
			return;
		block->names[block->count++] = *name;
		block->used += need;
		*more = erofs_next_name(walk, name);
	}
}

/* Lays a directory out, writes the blocks outside of the inode, and leaves the last one in out. */
static int write_directory(struct erofs_writer *writer, const struct tree_node *node,
			   uint8_t out[EROFS_BLOCK], struct error *err)
{
	struct erofs_dirent_walk walk = erofs_dirents(node);
	struct dir_block block;
	struct erofs_name name;
	bool more = erofs_next_name(&walk, &name);

	for (uint32_t i = 0; more; i++) {
		collect(&block, &walk, &name, &more);
		lay_out(&block, out);
		if (writer && i < erofs_outside_blocks(node) &&
		    erofs_append(writer, out, EROFS_BLOCK, err) < 0)
			return -1;
	}
	return 0;
}

static int write_outside(struct erofs_writer *writer, const struct tree_node *node,
			 struct error *err)
{
	uint8_t out[EROFS_BLOCK] = { 0 };

	if (erofs_outside_blocks(node) == 0)
		return 0;
	assert(erofs_data_begin(writer) == node->directory_block);
	if (tree_is_directory(node))
		return write_directory(writer, node, out, err);
	memcpy(out, node->target, node->size_bytes);
	return erofs_append(writer, out, sizeof(out), err);
}

int erofs_write_directories(struct erofs_writer *writer, const struct tree *tree, struct error *err)
{
	struct tree_entry *directory = NULL, *entry = NULL;
	uint64_t last_nid = tree->root->nid;
	struct tree_node *node = tree->root;

	do {
		if (node != tree->root && node->nid <= last_nid)
			continue; /* another name of a node that was written */
		last_nid = node->nid;
		if (write_outside(writer, node, err) < 0)
			return -1;
	} while ((node = erofs_next_node(tree, &directory, &entry)));
	return 0;
}

static uint32_t where_of(const struct tree_node *node)
{
	if (S_ISREG(node->mode))
		return node->size_bytes ? node->block : 0;
	if (S_ISCHR(node->mode) || S_ISBLK(node->mode))
		return node->rdev;
	return erofs_outside_blocks(node) ? node->directory_block : 0;
}

static struct erofs_inode make_inode(const struct tree_node *node, uint32_t number)
{
	uint32_t xattr_len = node->xattrs ? node->xattrs->len : 0;
	uint32_t xattr_count =
	    xattr_len ? 1 + (xattr_len - (uint32_t)sizeof(struct erofs_xattr_header)) / 4 : 0;
	uint32_t links =
	    tree_is_directory(node) ? 2 + node->directory->subdirectories : node->links;

	return (struct erofs_inode){
		.format =
		    le16_make((uint16_t)(EROFS_EXTENDED |
					 (node->is_inline ? EROFS_FLAT_INLINE : EROFS_FLAT_PLAIN))),
		.xattr_count = le16_make((uint16_t)xattr_count),
		.mode = le16_make((uint16_t)node->mode),
		.size_bytes = le64_make(node->size_bytes),
		.where = le32_make(where_of(node)),
		.ino = le32_make(number),
		.uid = le32_make(node->uid),
		.gid = le32_make(node->gid),
		.mtime_s = le64_make((uint64_t)node->mtime_s),
		.mtime_ns = le32_make(node->mtime_ns),
		.links = le32_make(links),
	};
}

static int write_inline(struct erofs_writer *writer, const struct tree_node *node,
			struct error *err)
{
	uint8_t out[EROFS_BLOCK];
	uint32_t len = erofs_inline_len(node);

	if (len == 0)
		return 0;
	if (S_ISLNK(node->mode))
		return erofs_append(writer, node->target, len, err);
	if (write_directory(NULL, node, out, err) < 0)
		return -1;
	return erofs_append(writer, out, len, err);
}

static int write_inode(struct erofs_writer *writer, const struct tree_node *node, uint64_t *at,
		       uint32_t number, struct error *err)
{
	struct erofs_inode inode = make_inode(node, number);
	uint64_t start = node->nid * EROFS_SLOT;

	assert(start >= *at && start - *at <= EROFS_BLOCK);
	if (erofs_data_zero(writer, start - *at, err) < 0 ||
	    erofs_append(writer, &inode, sizeof(inode), err) < 0)
		return -1;
	*at = start + sizeof(inode);
	if (node->xattrs) {
		if (erofs_append(writer, node->xattrs->data, node->xattrs->len, err) < 0)
			return -1;
		*at += node->xattrs->len;
	}
	*at += erofs_inline_len(node);
	return write_inline(writer, node, err);
}

int erofs_write_inodes(struct erofs_writer *writer, const struct tree *tree,
		       const struct erofs_plan *plan, struct error *err)
{
	struct tree_entry *directory = NULL, *entry = NULL;
	struct tree_node *node = tree->root;
	uint64_t last_nid = 0;
	uint32_t number = 0;
	uint64_t at = 0;

	do {
		if (node->nid <= last_nid)
			continue; /* another name of a node that was written */
		last_nid = node->nid;
		if (write_inode(writer, node, &at, ++number, err) < 0)
			return -1;
	} while ((node = erofs_next_node(tree, &directory, &entry)));
	assert(at <= plan->meta_bytes && number == plan->inodes);
	return 0;
}
