/*
 * The check of an EROFS image against its tree: both are walked in the same order.
 */
#include "tests/unit/images/erofs_check.h"

#include <string.h>

#include "images/erofs_format.h"
#include "images/xattr.h"

struct image {
	const uint8_t *bytes;
	size_t len;
	uint64_t meta;
	uint64_t root_nid;
};

static const char *read_super(struct image *image)
{
	struct erofs_super super;

	if (image->len < EROFS_BLOCK || image->len % EROFS_BLOCK)
		return "the image's size";
	memcpy(&super, image->bytes + EROFS_SUPER_OFFSET, sizeof(super));
	if (le32_get(super.magic) != EROFS_MAGIC || super.block_bits != EROFS_BLOCK_BITS ||
	    le32_get(super.feature_incompat) || le32_get(super.blocks) != image->len / EROFS_BLOCK)
		return "the superblock";
	image->meta = (uint64_t)le32_get(super.meta_block) * EROFS_BLOCK;
	image->root_nid = le16_get(super.root_nid);
	return NULL;
}

static const char *read_inode(const struct image *image, uint64_t nid, struct erofs_inode *out,
			      uint64_t *after)
{
	uint64_t at = image->meta + nid * EROFS_SLOT;
	uint32_t xattr_count;

	if (nid == 0 || at + sizeof(*out) > image->len)
		return "an inode outside of the image";
	if (at / EROFS_BLOCK != (at + sizeof(*out) - 1) / EROFS_BLOCK)
		return "an inode across blocks";
	memcpy(out, image->bytes + at, sizeof(*out));
	xattr_count = le16_get(out->xattr_count);
	*after = at + sizeof(*out) + (xattr_count ? 12 + 4 * (uint64_t)(xattr_count - 1) : 0);
	return *after <= image->len ? NULL : "attributes outside of the image";
}

/* One piece of a node's data, up to a block: the address, or NULL if it lies outside. */
static const uint8_t *data_block(const struct image *image, const struct erofs_inode *inode,
				 uint64_t after, uint64_t index, uint64_t *len)
{
	uint64_t size = le64_get(inode->size_bytes);
	bool is_inline = (le16_get(inode->format) & 0xe) == EROFS_FLAT_INLINE;
	uint64_t at = ((uint64_t)le32_get(inode->where) + index) * EROFS_BLOCK;

	*len = size - index * EROFS_BLOCK < EROFS_BLOCK ? size - index * EROFS_BLOCK : EROFS_BLOCK;
	if (is_inline && index == size / EROFS_BLOCK) {
		at = after;
		if (at / EROFS_BLOCK != (at + *len - 1) / EROFS_BLOCK)
			return NULL;
	}
	return at + *len <= image->len && at >= EROFS_BLOCK ? image->bytes + at : NULL;
}

static const char *compare_node(const struct image *image, const struct erofs_inode *inode,
				uint64_t after, const struct tree_node *node)
{
	uint32_t links = S_ISDIR(node->mode) ? node->directory->subdirectories + 2 : node->links;
	uint64_t xattr_len = node->xattrs ? node->xattrs->len : 0;
	uint64_t len;
	const uint8_t *data;

	if (le16_get(inode->mode) != node->mode || le32_get(inode->uid) != node->uid ||
	    le32_get(inode->gid) != node->gid || le32_get(inode->links) != links ||
	    (int64_t)le64_get(inode->mtime_s) != node->mtime_s ||
	    le32_get(inode->mtime_ns) != node->mtime_ns ||
	    le64_get(inode->size_bytes) != node->size_bytes)
		return "an attribute";
	if (xattr_len && memcmp(image->bytes + after - xattr_len, node->xattrs->data, xattr_len))
		return "extended attributes";
	if ((S_ISCHR(node->mode) || S_ISBLK(node->mode)) && le32_get(inode->where) != node->rdev)
		return "a device number";
	if (S_ISREG(node->mode) && node->size_bytes &&
	    !data_block(image, inode, after, (node->size_bytes - 1) / EROFS_BLOCK, &len))
		return "file data outside of the image";
	if (!S_ISLNK(node->mode))
		return NULL;
	data = data_block(image, inode, after, 0, &len);
	return data && !memcmp(data, node->target, len) ? NULL : "a link's target";
}

/* Walks the names of a directory beside those of the tree. */
struct names {
	const struct tree_node *directory;
	const struct tree_entry *child;
	char last[256];
	size_t last_len;
	unsigned dots;
};

static uint8_t type_of(uint32_t mode)
{
	return S_ISDIR(mode)	? EROFS_TYPE_DIRECTORY
	       : S_ISLNK(mode)	? EROFS_TYPE_SYMLINK
	       : S_ISCHR(mode)	? EROFS_TYPE_CHAR
	       : S_ISBLK(mode)	? EROFS_TYPE_BLOCK
	       : S_ISFIFO(mode) ? EROFS_TYPE_FIFO
				: EROFS_TYPE_FILE;
}

static const char *check_name(struct names *names, const char *name, size_t len, uint64_t nid,
			      uint8_t type)
{
	const struct tree_node *parent = names->directory->directory->self
					     ? names->directory->directory->self->parent
					     : names->directory;
	const struct tree_node *expected = names->child ? names->child->node : NULL;

	if (len == 0 || len > 255 ||
	    (names->last_len && tree_compare_names(names->last, names->last_len, name, len) >= 0))
		return "the order of names";
	memcpy(names->last, name, len);
	names->last_len = len;
	if ((len == 1 && name[0] == '.') || (len == 2 && !memcmp(name, "..", 2))) {
		expected = len == 1 ? names->directory : parent;
		names->dots++;
	} else if (!names->child || names->child->name_len != len ||
		   memcmp(names->child->name, name, len)) {
		return "a name";
	} else {
		names->child = names->child->next;
	}
	return expected && nid == expected->nid && type == type_of(expected->mode)
		   ? NULL
		   : "where a name leads";
}

static const char *check_names(struct names *names, const uint8_t *block, uint64_t len)
{
	struct erofs_dirent dirent, next;
	uint64_t count;

	if (len < sizeof(dirent))
		return "a directory block";
	memcpy(&dirent, block, sizeof(dirent));
	count = le16_get(dirent.name_offset) / sizeof(dirent);
	if (count == 0 || count * sizeof(dirent) > len)
		return "a directory block";
	for (uint64_t i = 0; i < count; i++) {
		uint64_t offset, end;
		const char *why;

		memcpy(&dirent, block + i * sizeof(dirent), sizeof(dirent));
		offset = le16_get(dirent.name_offset);
		if (offset > len)
			return "a name's place";
		end = offset + strnlen((const char *)block + offset, len - offset);
		if (i + 1 < count) {
			memcpy(&next, block + (i + 1) * sizeof(dirent), sizeof(next));
			end = le16_get(next.name_offset);
		}
		if (end > len || end < offset)
			return "a name's place";
		why =
		    check_name(names, (const char *)block + offset, end - offset,
			       (uint64_t)le32_get(dirent.nid_high) << 32 | le32_get(dirent.nid_low),
			       dirent.type);
		if (why)
			return why;
	}
	return NULL;
}

static const char *check_directory(const struct image *image, const struct erofs_inode *inode,
				   uint64_t after, const struct tree_node *node)
{
	struct names names = { .directory = node, .child = node->directory->first };
	uint64_t size = le64_get(inode->size_bytes);

	for (uint64_t i = 0; i * EROFS_BLOCK < size; i++) {
		uint64_t len;
		const uint8_t *block = data_block(image, inode, after, i, &len);
		const char *why = block ? check_names(&names, block, len) : "a directory's place";

		if (why)
			return why;
	}
	return names.child || names.dots != 2 ? "a name is missing" : NULL;
}

static const char *check_node(const struct image *image, const struct tree_node *node)
{
	struct erofs_inode inode;
	uint64_t after;
	const char *why = read_inode(image, node->nid, &inode, &after);

	if (!why)
		why = compare_node(image, &inode, after, node);
	if (!why && S_ISDIR(node->mode))
		why = check_directory(image, &inode, after, node);
	return why;
}

const char *erofs_check(const uint8_t *bytes, size_t len, const struct tree *tree)
{
	struct image image = { .bytes = bytes, .len = len };
	struct tree_entry *entry = NULL;
	const char *why = read_super(&image);

	if (!why && image.root_nid != tree->root->nid)
		why = "the root";
	if (!why)
		why = check_node(&image, tree->root);
	while (!why && (entry = tree_next(tree, entry)))
		why = check_node(&image, entry->node);
	return why;
}
