/*
 * Walking the directories of an EROFS image. A directory's "." and ".." must name itself and the
 * directory that it was found in, so that no walk goes in circles; depth and number of names are
 * limited besides.
 */
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "images/erofs_reader.h"
#include "images/tree.h"
#include "vmm/base/bytes.h"
#include "vmm/base/cleanup.h"

struct directory {
	struct erofs_node node;
	uint64_t parent_nid;
	uint64_t block;	  /* the block that is read */
	uint32_t entry;	  /* the next entry of it */
	uint32_t entries; /* how many it has; 0: it was not looked at yet */
	uint32_t dots;	  /* how many of "." and ".." have come */
	size_t name_len;
	char name[IMAGE_NAME_MAX + 1]; /* the last name */
};

struct walk {
	struct erofs_reader *reader;
	struct directory *stack; /* IMAGE_DEPTH_MAX + 1 of them */
	size_t depth;
	uint64_t names;
};

/* Where the directory's block is, and how much of it belongs to the directory. */
static uint64_t block_place(const struct directory *dir, uint32_t *len)
{
	uint64_t left = dir->node.size_bytes - dir->block * EROFS_BLOCK;

	*len = left < EROFS_BLOCK ? (uint32_t)left : EROFS_BLOCK;
	if (dir->node.is_inline && left < EROFS_BLOCK)
		return dir->node.after;
	return dir->node.data + dir->block * EROFS_BLOCK;
}

static int read_dirent(struct erofs_reader *reader, uint64_t place, uint32_t index, uint32_t len,
		       struct erofs_dirent *out, struct error *err)
{
	if ((index + 1) * sizeof(*out) > len)
		return erofs_reader_damaged(err, "a directory's entries");
	return erofs_reader_bytes(reader, place + index * sizeof(*out), out, sizeof(*out), err);
}

/* The number of entries of a block follows from where the first one's name is. */
static int begin_block(struct erofs_reader *reader, struct directory *dir, uint64_t place,
		       uint32_t len, struct error *err)
{
	struct erofs_dirent first;
	uint16_t names;

	if (read_dirent(reader, place, 0, len, &first, err) < 0)
		return -1;
	names = le16_get(first.name_offset);
	if (names < sizeof(first) || names % sizeof(first) || names > len)
		return erofs_reader_damaged(err, "a directory's entries");
	dir->entries = (uint32_t)(names / sizeof(first));
	dir->entry = 0;
	return 0;
}

/* Reads the name of an entry, which ends where the next one's begins, or at a NUL in the last. */
static int read_name(struct erofs_reader *reader, const struct directory *dir, uint64_t place,
		     uint32_t len, const struct erofs_dirent *dirent, char name[IMAGE_NAME_MAX + 2],
		     size_t *name_len, struct error *err)
{
	uint32_t start = le16_get(dirent->name_offset), end = len;
	struct erofs_dirent next;

	if (dir->entry + 1 < dir->entries) {
		if (read_dirent(reader, place, dir->entry + 1, len, &next, err) < 0)
			return -1;
		end = le16_get(next.name_offset);
	} else if (end > start && end - start > IMAGE_NAME_MAX) {
		end = start + IMAGE_NAME_MAX + 1; /* zeros fill the block */
	}
	if (end > len || start >= end || end - start > IMAGE_NAME_MAX + 1)
		return erofs_reader_damaged(err, "a name's place");
	if (erofs_reader_bytes(reader, place + start, name, end - start, err) < 0)
		return -1;
	name[end - start] = '\0';
	*name_len = strlen(name);
	if (*name_len == 0 || *name_len > IMAGE_NAME_MAX || memchr(name, '/', *name_len) ||
	    (dir->entry + 1 < dir->entries && *name_len != end - start))
		return erofs_reader_damaged(err, "a name");
	return 0;
}

/* Checks the order, and takes "." and ".." away: 1 for one of these, 0, -1. */
static int check_name(struct directory *dir, const char *name, size_t name_len, uint64_t nid,
		      struct error *err)
{
	bool is_self = strcmp(name, ".") == 0;

	if (dir->name_len && tree_compare_names(dir->name, dir->name_len, name, name_len) >= 0)
		return erofs_reader_damaged(err, "the order of names");
	memcpy(dir->name, name, name_len + 1);
	dir->name_len = name_len;
	if (!is_self && strcmp(name, "..") != 0)
		return 0;
	if (nid != (is_self ? dir->node.nid : dir->parent_nid))
		return erofs_reader_damaged(err, "a directory in two places");
	dir->dots++;
	return 1;
}

/* The next name of the directory, in dir->name: 1, 0 at its end, -1 with err filled. */
static int next_name(struct erofs_reader *reader, struct directory *dir, uint64_t *nid,
		     uint8_t *type, struct error *err)
{
	while (dir->block * EROFS_BLOCK < dir->node.size_bytes) {
		char name[IMAGE_NAME_MAX + 2];
		struct erofs_dirent dirent;
		size_t name_len = 0;
		uint32_t len;
		uint64_t place = block_place(dir, &len);
		int is_dots;

		if (!dir->entries && begin_block(reader, dir, place, len, err) < 0)
			return -1;
		if (read_dirent(reader, place, dir->entry, len, &dirent, err) < 0 ||
		    read_name(reader, dir, place, len, &dirent, name, &name_len, err) < 0)
			return -1;
		if (++dir->entry == dir->entries) {
			dir->block++;
			dir->entries = 0;
		}
		*nid = (uint64_t)le32_get(dirent.nid_high) << 32 | le32_get(dirent.nid_low);
		*type = dirent.type;
		is_dots = check_name(dir, name, name_len, *nid, err);
		if (is_dots <= 0)
			return is_dots < 0 ? -1 : 1;
	}
	return dir->dots == 2 ? 0 : erofs_reader_damaged(err, "a directory without itself in it");
}

static uint8_t type_of(uint32_t mode)
{
	switch (mode & S_IFMT) {
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
		return EROFS_TYPE_FILE;
	}
}

static int push(struct walk *walk, const struct erofs_node *node, struct error *err)
{
	struct directory *dir = &walk->stack[walk->depth];

	if (walk->depth > IMAGE_DEPTH_MAX)
		return erofs_reader_damaged(err, "directories too deep");
	*dir = (struct directory){ .node = *node };
	dir->parent_nid = walk->depth ? dir[-1].node.nid : node->nid;
	walk->depth++;
	return 0;
}

static int step(struct walk *walk, struct erofs_node *node, struct error *err)
{
	struct directory *dir = &walk->stack[walk->depth - 1];
	uint64_t nid = 0;
	uint8_t type = 0;
	int more = next_name(walk->reader, dir, &nid, &type, err);

	if (more <= 0)
		return more;
	if (++walk->names > IMAGE_ENTRIES_MAX)
		return erofs_reader_damaged(err, "too many names");
	if (erofs_read_node(walk->reader, nid, node, err) < 0)
		return -1;
	if (type != type_of(node->mode))
		return erofs_reader_damaged(err, "a name leads to another kind of node");
	return 1;
}

int erofs_reader_walk(struct erofs_reader *reader,
		      int (*visit)(void *context, const char *name, const struct erofs_node *node,
				   struct error *err),
		      void *context, struct error *err)
{
	_cleanup_free_ struct directory *stack = calloc(IMAGE_DEPTH_MAX + 2, sizeof(*stack));
	struct walk walk = { .reader = reader, .stack = stack };
	struct erofs_node node;

	if (!stack)
		return error_set(err, ENOMEM, "cannot read the EROFS image");
	if (erofs_read_node(reader, reader->root_nid, &node, err) < 0)
		return -1;
	if (!S_ISDIR(node.mode))
		return erofs_reader_damaged(err, "its root");
	if (visit(context, "", &node, err) < 0 || push(&walk, &node, err) < 0)
		return -1;
	while (walk.depth) {
		int more = step(&walk, &node, err);
		const char *name = more > 0 ? stack[walk.depth - 1].name : "";

		if (more < 0 || visit(context, name, more ? &node : NULL, err) < 0)
			return -1;
		if (!more)
			walk.depth--;
		else if (S_ISDIR(node.mode) && push(&walk, &node, err) < 0)
			return -1;
	}
	return 0;
}
