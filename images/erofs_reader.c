/*
 * Reading the superblock, inodes, link targets and attributes of an EROFS image. Every offset is
 * checked against the image's size before it is used; blocks of metadata are kept in a small cache.
 */
#include "images/erofs_reader.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "vmm/base/bytes.h"
#include "vmm/base/cleanup.h"
#include "vmm/base/io.h"

enum { CACHE_BLOCKS = 256 };

struct erofs_block {
	uint64_t number; /* 0: empty, for no metadata lies in block 0 */
	uint8_t bytes[EROFS_BLOCK];
};

int erofs_reader_damaged(struct error *err, const char *what)
{
	return error_set(err, 0, "the EROFS image in the store is damaged: %s", what);
}

static const uint8_t *block_at(struct erofs_reader *reader, uint64_t number, struct error *err)
{
	struct erofs_block *block = &reader->cache[number % CACHE_BLOCKS];

	if (block->number == number)
		return block->bytes;
	block->number = 0;
	if (io_pread_full(reader->fd, block->bytes, EROFS_BLOCK, number * EROFS_BLOCK) !=
	    EROFS_BLOCK) {
		error_set(err, errno, "cannot read the EROFS image");
		return NULL;
	}
	block->number = number;
	return block->bytes;
}

static bool is_inside(const struct erofs_reader *reader, uint64_t offset, uint64_t len)
{
	return offset >= EROFS_BLOCK && offset <= reader->size_bytes &&
	       len <= reader->size_bytes - offset;
}

int erofs_reader_bytes(struct erofs_reader *reader, uint64_t offset, void *out, size_t len,
		       struct error *err)
{
	uint8_t *to = out;

	if (!is_inside(reader, offset, len))
		return erofs_reader_damaged(err, "something lies outside of it");
	while (len) {
		size_t start = offset % EROFS_BLOCK;
		size_t take = EROFS_BLOCK - start < len ? EROFS_BLOCK - start : len;
		const uint8_t *block = block_at(reader, offset / EROFS_BLOCK, err);

		if (!block)
			return -1;
		memcpy(to, block + start, take);
		to += take;
		offset += take;
		len -= take;
	}
	return 0;
}

static int read_super(struct erofs_reader *reader, struct error *err)
{
	struct erofs_super super;

	if (reader->size_bytes < 2 * EROFS_BLOCK || reader->size_bytes % EROFS_BLOCK ||
	    io_pread_full(reader->fd, &super, sizeof(super), EROFS_SUPER_OFFSET) != sizeof(super))
		return erofs_reader_damaged(err, "its size");
	if (le32_get(super.magic) != EROFS_MAGIC || super.block_bits != EROFS_BLOCK_BITS ||
	    le32_get(super.feature_incompat) ||
	    le32_get(super.blocks) != reader->size_bytes / EROFS_BLOCK)
		return erofs_reader_damaged(err, "its superblock");
	reader->meta = (uint64_t)le32_get(super.meta_block) * EROFS_BLOCK;
	reader->root_nid = le16_get(super.root_nid);
	return 0;
}

int erofs_reader_open(struct erofs_reader *reader, int fd, uint64_t size_bytes, struct error *err)
{
	*reader = (struct erofs_reader){ .fd = fd, .size_bytes = size_bytes };
	if (read_super(reader, err) < 0)
		return -1;
	reader->cache = calloc(CACHE_BLOCKS, sizeof(*reader->cache));
	return reader->cache ? 0 : error_set(err, ENOMEM, "cannot read the EROFS image");
}

void erofs_reader_close(struct erofs_reader *reader)
{
	free(reader->cache);
	*reader = (struct erofs_reader){ .fd = -1 };
}

/* The sizes that a node of its kind may have, and whether its contents lie in the image. */
static int check_contents(const struct erofs_reader *reader, const struct erofs_node *node,
			  struct error *err)
{
	uint64_t outside = node->size_bytes;
	uint64_t tail = node->is_inline ? node->size_bytes % EROFS_BLOCK : 0;

	switch (node->mode & S_IFMT) {
	case S_IFREG:
		if (node->is_inline)
			return erofs_reader_damaged(err, "a file inside of its inode");
		break;
	case S_IFLNK:
		if (node->size_bytes == 0 || node->size_bytes > IMAGE_PATH_MAX)
			return erofs_reader_damaged(err, "the length of a link's target");
		break;
	case S_IFDIR:
		break;
	case S_IFCHR:
	case S_IFBLK:
	case S_IFIFO:
		return node->size_bytes ? erofs_reader_damaged(err, "a device with contents") : 0;
	default:
		return erofs_reader_damaged(err, "a node of an unknown kind");
	}
	if (tail && node->after % EROFS_BLOCK + tail > EROFS_BLOCK)
		return erofs_reader_damaged(err, "contents across the end of a block");
	outside -= tail;
	if (outside && !is_inside(reader, node->data, outside))
		return erofs_reader_damaged(err, "contents outside of it");
	return 0;
}

int erofs_read_node(struct erofs_reader *reader, uint64_t nid, struct erofs_node *out,
		    struct error *err)
{
	uint64_t at = reader->meta + nid * EROFS_SLOT;
	struct erofs_inode inode;
	uint32_t xattr_count;
	uint16_t format;

	if (nid > reader->size_bytes / EROFS_SLOT || at % EROFS_BLOCK + sizeof(inode) > EROFS_BLOCK)
		return erofs_reader_damaged(err, "an inode outside of it");
	if (erofs_reader_bytes(reader, at, &inode, sizeof(inode), err) < 0)
		return -1;
	format = le16_get(inode.format);
	if (format != (EROFS_EXTENDED | EROFS_FLAT_PLAIN) &&
	    format != (EROFS_EXTENDED | EROFS_FLAT_INLINE))
		return erofs_reader_damaged(err, "an inode of another format");
	xattr_count = le16_get(inode.xattr_count);
	*out = (struct erofs_node){
		.nid = nid,
		.mode = le16_get(inode.mode),
		.uid = le32_get(inode.uid),
		.gid = le32_get(inode.gid),
		.links = le32_get(inode.links),
		.mtime_s = (int64_t)le64_get(inode.mtime_s),
		.mtime_ns = le32_get(inode.mtime_ns),
		.size_bytes = le64_get(inode.size_bytes),
		.data = (uint64_t)le32_get(inode.where) * EROFS_BLOCK,
		.is_inline = format == (EROFS_EXTENDED | EROFS_FLAT_INLINE),
		.xattrs_len = xattr_count ? (uint32_t)sizeof(struct erofs_xattr_header) +
						4 * (xattr_count - 1)
					  : 0,
	};
	out->after = at + sizeof(inode) + out->xattrs_len;
	if (S_ISCHR(out->mode) || S_ISBLK(out->mode))
		out->rdev = le32_get(inode.where);
	if (out->mtime_ns >= 1000000000)
		return erofs_reader_damaged(err, "a time");
	if (out->xattrs_len > IMAGE_XATTRS_MAX)
		return erofs_reader_damaged(err, "the length of extended attributes");
	return check_contents(reader, out, err);
}

int erofs_read_target(struct erofs_reader *reader, const struct erofs_node *node,
		      char target[IMAGE_PATH_MAX + 1], struct error *err)
{
	if (erofs_reader_bytes(reader, node->is_inline ? node->after : node->data, target,
			       (size_t)node->size_bytes, err) < 0)
		return -1;
	target[node->size_bytes] = '\0';
	if (strlen(target) != node->size_bytes)
		return erofs_reader_damaged(err, "a link's target");
	return 0;
}

/* The text that an attribute's index stands for, or NULL; is_whole: there is nothing behind it. */
static const char *xattr_prefix(uint8_t index, bool *is_whole)
{
	*is_whole = index == EROFS_XATTR_ACL_ACCESS || index == EROFS_XATTR_ACL_DEFAULT;
	switch (index) {
	case EROFS_XATTR_USER:
		return "user.";
	case EROFS_XATTR_ACL_ACCESS:
		return "system.posix_acl_access";
	case EROFS_XATTR_ACL_DEFAULT:
		return "system.posix_acl_default";
	case EROFS_XATTR_SECURITY:
		return "security.";
	default:
		return NULL;
	}
}

static int next_xattr(struct cursor *c, struct erofs_xattr *out, struct error *err)
{
	uint8_t name_len = cursor_u8(c);
	uint8_t index = cursor_u8(c);
	uint16_t value_len = cursor_le16(c);
	const char *suffix = cursor_take(c, name_len);
	const void *value = cursor_take(c, value_len);
	bool is_whole;
	const char *prefix = xattr_prefix(index, &is_whole);

	(void)cursor_take(c, -(size_t)(name_len + value_len) & 3);
	if (c->bad || !prefix || (name_len == 0) != is_whole || memchr(suffix, '\0', name_len))
		return erofs_reader_damaged(err, "an extended attribute");
	(void)snprintf(out->name, sizeof(out->name), "%s%.*s", prefix, name_len, suffix);
	out->value = value;
	out->value_len = value_len;
	return 0;
}

int erofs_read_xattrs(struct erofs_reader *reader, const struct erofs_node *node,
		      int (*take)(void *context, const struct erofs_xattr *xattr,
				  struct error *err),
		      void *context, struct error *err)
{
	_cleanup_free_ uint8_t *bytes = NULL;
	struct erofs_xattr_header header;
	struct cursor c;

	if (node->xattrs_len == 0)
		return 0;
	bytes = malloc(node->xattrs_len);
	if (!bytes)
		return error_set(err, ENOMEM, "cannot read extended attributes");
	if (erofs_reader_bytes(reader, node->after - node->xattrs_len, bytes, node->xattrs_len,
			       err) < 0)
		return -1;
	memcpy(&header, bytes, sizeof(header));
	if (header.shared_count)
		return erofs_reader_damaged(err, "shared extended attributes");
	c = cursor_make(bytes + sizeof(header), node->xattrs_len - sizeof(header));
	while (cursor_left(&c)) {
		struct erofs_xattr xattr;

		if (next_xattr(&c, &xattr, err) < 0 || take(context, &xattr, err) < 0)
			return -1;
	}
	return 0;
}
