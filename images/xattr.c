/*
 * Extended attributes: which ones an image may carry, and their encoding in EROFS.
 *
 * trusted.* and security.* but the file capability steer kernels and runtimes on the host's side of
 * a mount (overlayfs, LSMs), so no image may set them.
 */
#include "images/xattr.h"

#include <errno.h>
#include <search.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "images/erofs_format.h"
#include "images/limits.h"
#include "images/tree.h"
#include "vmm/base/cleanup.h"

static const struct {
	const char *prefix;
	uint8_t index;
	bool is_whole; /* the prefix is the whole name */
	size_t keep;   /* how many of its last bytes stand in the image */
} allowed[] = {
	{ "user.", EROFS_XATTR_USER, false, 0 },
	{ "system.posix_acl_access", EROFS_XATTR_ACL_ACCESS, true, 0 },
	{ "system.posix_acl_default", EROFS_XATTR_ACL_DEFAULT, true, 0 },
	{ "security.capability", EROFS_XATTR_SECURITY, true, 10 },
};

struct item {
	uint8_t index;
	const char *suffix;
	size_t suffix_len;
	const struct tar_xattr *xattr;
};

static bool make_item(const struct tar_xattr *xattr, struct item *out)
{
	for (size_t i = 0; i < sizeof(allowed) / sizeof(allowed[0]); i++) {
		size_t len = strlen(allowed[i].prefix);

		if (xattr->name_len < len || memcmp(xattr->name, allowed[i].prefix, len))
			continue;
		if (allowed[i].is_whole != (xattr->name_len == len))
			continue;
		out->index = allowed[i].index;
		out->suffix = xattr->name + len - allowed[i].keep;
		out->suffix_len = xattr->name_len - len + allowed[i].keep;
		out->xattr = xattr;
		return true;
	}
	return false;
}

static int compare_items(const void *a, const void *b)
{
	const struct item *x = a, *y = b;
	size_t len = x->suffix_len < y->suffix_len ? x->suffix_len : y->suffix_len;
	int order = x->index - y->index;

	if (order == 0)
		order = memcmp(x->suffix, y->suffix, len);
	if (order == 0)
		order = (x->suffix_len > y->suffix_len) - (x->suffix_len < y->suffix_len);
	return order;
}

static size_t item_len(const struct item *item)
{
	return align_up(
	    sizeof(struct erofs_xattr_entry) + item->suffix_len + item->xattr->value_len, 4);
}

static int check_items(const struct item *items, size_t count, size_t *len, struct error *err)
{
	*len = sizeof(struct erofs_xattr_header);
	for (size_t i = 0; i < count; i++) {
		if (i && compare_items(&items[i - 1], &items[i]) == 0)
			return error_set(err, 0, "the extended attribute %.*s is given twice",
					 (int)items[i].xattr->name_len, items[i].xattr->name);
		if (items[i].suffix_len > IMAGE_NAME_MAX ||
		    items[i].xattr->value_len > IMAGE_XATTR_VALUE_MAX)
			return error_set(err, 0, "an extended attribute is too long");
		*len += item_len(&items[i]);
		if (*len > IMAGE_XATTRS_MAX)
			return error_set(err, 0,
					 "the extended attributes of one file are too long");
	}
	return 0;
}

static struct xattr_set *encode(const struct item *items, size_t count, size_t len)
{
	struct xattr_set *set = calloc(1, sizeof(*set) + len);
	uint8_t *at;

	if (!set)
		return NULL;
	set->len = (uint32_t)len;
	at = set->data + sizeof(struct erofs_xattr_header);
	for (size_t i = 0; i < count; i++) {
		const struct item *item = &items[i];
		struct erofs_xattr_entry entry = {
			.name_len = (uint8_t)item->suffix_len,
			.name_index = item->index,
			.value_len = le16_make((uint16_t)item->xattr->value_len),
		};

		memcpy(at, &entry, sizeof(entry));
		memcpy(at + sizeof(entry), item->suffix, item->suffix_len);
		if (item->xattr->value_len)
			memcpy(at + sizeof(entry) + item->suffix_len, item->xattr->value,
			       item->xattr->value_len);
		at += item_len(item);
	}
	return set;
}

static int compare_sets(const void *a, const void *b)
{
	const struct xattr_set *x = a, *y = b;

	if (x->len != y->len)
		return x->len < y->len ? -1 : 1;
	return memcmp(x->data, y->data, x->len);
}

/* Keeps the set, or frees it and takes the equal one that is there already. */
static int intern(struct xattr_table *table, struct xattr_set *set, const struct xattr_set **out,
		  struct error *err)
{
	struct xattr_set **kept = tsearch(set, &table->sets, compare_sets);

	if (!kept) {
		free(set);
		return error_set(err, ENOMEM, "cannot keep extended attributes");
	}
	*out = *kept;
	if (*kept != set) {
		free(set);
		return 0;
	}
	table->memory_bytes += tree_heap_bytes(sizeof(*set) + set->len) + tree_heap_bytes(24);
	return 0;
}

int xattr_table_add(struct xattr_table *table, const struct tar_xattr *xattrs, size_t count,
		    const struct xattr_set **out, struct error *err)
{
	_cleanup_free_ struct item *items = NULL;
	struct xattr_set *set;
	size_t kept = 0, len;

	*out = NULL;
	if (count == 0)
		return 0;
	items = calloc(count, sizeof(*items));
	if (!items)
		return error_set(err, ENOMEM, "cannot keep extended attributes");
	for (size_t i = 0; i < count; i++)
		kept += make_item(&xattrs[i], &items[kept]);
	table->dropped += count - kept;
	if (kept == 0)
		return 0;
	qsort(items, kept, sizeof(*items), compare_items);
	if (check_items(items, kept, &len, err) < 0)
		return -1;
	set = encode(items, kept, len);
	if (!set)
		return error_set(err, ENOMEM, "cannot keep extended attributes");
	return intern(table, set, out, err);
}

void xattr_table_free(struct xattr_table *table)
{
	tdestroy(table->sets, free);
	*table = (struct xattr_table){ 0 };
}
