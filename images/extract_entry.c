/*
 * What the confined reader has reported, taken apart by the process that creates files.
 */
#include "images/extract_entry.h"

#include <stdlib.h>
#include <string.h>

#include "images/extract_wire.h"

static int nonsense(struct error *err)
{
	return error_set(err, 0, "the image reader reported nonsense");
}

/* Copies a text of a message, which may hold no NUL. Returns 0 or -1. */
static int take_text(struct cursor *c, uint32_t len, char *out, size_t size)
{
	const char *text = len < size ? cursor_take(c, len) : NULL;

	if (!text || memchr(text, '\0', len))
		return -1;
	memcpy(out, text, len);
	out[len] = '\0';
	return 0;
}

static bool name_is_component(const char *name)
{
	return !strchr(name, '/') && strcmp(name, ".") && strcmp(name, "..");
}

static int take_texts(struct extract_entry *entry, const struct extract_entry_head *head,
		      struct cursor *c)
{
	size_t xattrs_len = le32_get(head->xattrs_len);
	const void *xattrs;

	if (take_text(c, le32_get(head->name_len), entry->name, sizeof(entry->name)) < 0 ||
	    take_text(c, le32_get(head->target_len), entry->target, sizeof(entry->target)) < 0 ||
	    !name_is_component(entry->name) || S_ISLNK(entry->mode) != (entry->target[0] != '\0'))
		return -1;
	xattrs = cursor_take(c, xattrs_len);
	if (c->bad || cursor_left(c))
		return -1;
	if (xattrs_len == 0)
		return 0;
	entry->xattrs = malloc(xattrs_len);
	if (!entry->xattrs)
		return -1;
	memcpy(entry->xattrs, xattrs, xattrs_len);
	entry->xattrs_len = xattrs_len;
	return 0;
}

int extract_entry_decode(struct extract_entry *entry, uint64_t image_bytes, const void *data,
			 size_t len, struct error *err)
{
	struct cursor c = cursor_make(data, len);
	const void *start = cursor_take(&c, sizeof(struct extract_entry_head));
	struct extract_entry_head head;

	memset(entry, 0, sizeof(*entry));
	if (!start)
		return nonsense(err);
	memcpy(&head, start, sizeof(head));
	entry->mode = le32_get(head.mode);
	entry->is_end = entry->mode == 0;
	entry->uid = le32_get(head.uid);
	entry->gid = le32_get(head.gid);
	entry->rdev = le32_get(head.rdev);
	entry->mtime_s = (int64_t)le64_get(head.mtime_s);
	entry->mtime_ns = le32_get(head.mtime_ns);
	entry->size_bytes = le64_get(head.size_bytes);
	entry->data = le64_get(head.data);
	entry->identity = le64_get(head.identity);
	if (take_texts(entry, &head, &c) < 0 || entry->mode > 0xffff ||
	    entry->mtime_ns >= 1000000000)
		return nonsense(err);
	if (S_ISREG(entry->mode) &&
	    (entry->data > image_bytes || entry->size_bytes > image_bytes - entry->data))
		return nonsense(err);
	return 0;
}

void extract_entry_free(struct extract_entry *entry)
{
	free(entry->xattrs);
	entry->xattrs = NULL;
	entry->xattrs_len = 0;
}

/* What images may carry (xattr.c); a reader that was taken over may ask for others. */
static bool xattr_is_allowed(const char *name)
{
	return !strncmp(name, "user.", 5) || !strcmp(name, "security.capability") ||
	       !strcmp(name, "system.posix_acl_access") ||
	       !strcmp(name, "system.posix_acl_default");
}

int extract_entry_xattr(const struct extract_entry *entry, size_t *offset,
			struct extract_xattr *out)
{
	struct extract_xattr_head head;
	const void *start;
	struct cursor c;

	if (*offset == entry->xattrs_len)
		return 0;
	c = cursor_make(entry->xattrs + *offset, entry->xattrs_len - *offset);
	start = cursor_take(&c, sizeof(head));
	if (!start)
		return -1;
	memcpy(&head, start, sizeof(head));
	if (take_text(&c, le32_get(head.name_len), out->name, sizeof(out->name)) < 0 ||
	    !xattr_is_allowed(out->name))
		return -1;
	out->value_len = le32_get(head.value_len);
	out->value = cursor_take(&c, out->value_len);
	if (c.bad)
		return -1;
	*offset = entry->xattrs_len - cursor_left(&c);
	return 1;
}
