/*
 * Where everything goes in an EROFS image: node numbers, sizes of directories, blocks. Nothing is
 * written here; erofs_meta.c writes in the same order and asserts that it lands where planned.
 */
#include "images/erofs_internal.h"
#include "images/xattr.h"

/* Slots 0 and 1 stay empty, because a file whose number is 0 is invisible to readdir(). */
enum { FIRST_INODE = 2 * EROFS_SLOT };

struct erofs_dirent_walk erofs_dirents(const struct tree_node *directory)
{
	return (struct erofs_dirent_walk){ .directory = directory,
					   .child = directory->directory->first };
}

bool erofs_next_name(struct erofs_dirent_walk *walk, struct erofs_name *out)
{
	const struct tree_directory *d = walk->directory->directory;
	const struct tree_entry *child = walk->child;
	size_t dots_len = walk->dots + 1;

	if (walk->dots < 2 &&
	    (!child || tree_compare_names("..", dots_len, child->name, child->name_len) < 0)) {
		const struct tree_node *parent = d->self ? d->self->parent : walk->directory;

		*out = (struct erofs_name){ "..", dots_len, walk->dots ? parent : walk->directory };
		walk->dots++;
		return true;
	}
	if (!child)
		return false;
	*out = (struct erofs_name){ child->name, child->name_len, child->node };
	walk->child = child->next;
	return true;
}

/* The size of a directory's contents: full blocks, and what the last one holds. */
static uint64_t directory_size(const struct tree_node *directory)
{
	struct erofs_dirent_walk walk = erofs_dirents(directory);
	struct erofs_name name;
	uint64_t full = 0;
	uint32_t used = 0;

	while (erofs_next_name(&walk, &name)) {
		uint32_t need = (uint32_t)(sizeof(struct erofs_dirent) + name.len);

		if (used + need > EROFS_BLOCK) {
			full++;
			used = 0;
		}
		used += need;
	}
	return full * EROFS_BLOCK + used;
}

static uint32_t fixed_len(const struct tree_node *node)
{
	return (uint32_t)sizeof(struct erofs_inode) + (node->xattrs ? node->xattrs->len : 0);
}

uint32_t erofs_inline_len(const struct tree_node *node)
{
	return node->is_inline ? (uint32_t)(node->size_bytes % EROFS_BLOCK) : 0;
}

uint32_t erofs_outside_blocks(const struct tree_node *node)
{
	if (!tree_is_directory(node) && !S_ISLNK(node->mode))
		return 0;
	if (node->is_inline)
		return (uint32_t)(node->size_bytes >> EROFS_BLOCK_BITS);
	return (uint32_t)(align_up(node->size_bytes, EROFS_BLOCK) >> EROFS_BLOCK_BITS);
}

/*
 * Places one inode at or after *at. It may not cross a block's end, and neither may what is inline:
 * such a body starts in a fresh block, and one larger than a block has nothing inline.
 */
static void place(struct tree_node *node, uint64_t *at)
{
	bool may_inline = tree_is_directory(node) || S_ISLNK(node->mode);
	uint32_t tail = (uint32_t)(node->size_bytes % EROFS_BLOCK);
	uint32_t together;

	node->is_inline = may_inline && tail && fixed_len(node) + tail <= EROFS_BLOCK;
	together = node->is_inline ? fixed_len(node) + tail : (uint32_t)sizeof(struct erofs_inode);
	if (*at % EROFS_BLOCK + together > EROFS_BLOCK)
		*at = align_up(*at, EROFS_BLOCK);
	node->nid = *at / EROFS_SLOT;
	*at = align_up(*at + fixed_len(node) + erofs_inline_len(node), EROFS_SLOT);
}

struct tree_node *erofs_next_node(const struct tree *tree, struct tree_entry **directory,
				  struct tree_entry **entry)
{
	if (!*entry) {
		*entry = tree->root->directory->first;
		return *entry ? (*entry)->node : NULL;
	}
	*entry = (*entry)->next;
	while (!*entry) {
		do
			*directory = tree_next(tree, *directory);
		while (*directory && !tree_is_directory((*directory)->node));
		if (!*directory)
			return NULL;
		*entry = (*directory)->node->directory->first;
	}
	return (*entry)->node;
}

static void clear_numbers(struct tree *tree)
{
	struct tree_entry *entry = NULL;

	tree->root->nid = 0;
	while ((entry = tree_next(tree, entry)))
		entry->node->nid = 0;
}

static void plan_node(struct tree_node *node, uint64_t *block, uint64_t *at,
		      struct erofs_plan *plan)
{
	if (node->nid)
		return;
	if (tree_is_directory(node))
		node->size_bytes = directory_size(node);
	place(node, at);
	node->directory_block = (uint32_t)*block;
	*block += erofs_outside_blocks(node);
	plan->inodes++;
}

int erofs_plan_tree(struct tree *tree, uint32_t first_block, struct erofs_plan *plan,
		    struct error *err)
{
	struct tree_entry *directory = NULL, *entry = NULL;
	uint64_t block = first_block;
	uint64_t at = FIRST_INODE;
	struct tree_node *node;

	*plan = (struct erofs_plan){ 0 };
	clear_numbers(tree);
	plan_node(tree->root, &block, &at, plan);
	while ((node = erofs_next_node(tree, &directory, &entry)))
		plan_node(node, &block, &at, plan);
	if (block + (at >> EROFS_BLOCK_BITS) + 1 > UINT32_MAX)
		return error_set(err, 0, "the image is larger than EROFS can be");
	plan->meta_block = (uint32_t)block;
	plan->meta_bytes = at;
	plan->root_nid = (uint32_t)tree->root->nid;
	return 0;
}
