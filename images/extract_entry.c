/*
 * Both sides of the messages: the confined reader writes them, the extracting process reads them.
 */
#include "images/extract_entry.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "images/message.h"
#include "vmm/base/bytes.h"

struct entry_head {
	le32 mode; /* 0: the end of a directory */
	le32 uid;
	le32 gid;
	le32 rdev;
	le64 mtime_s;
	le64 size_bytes;
	le64 data;
	le64 identity;
	le32 mtime_ns;
	le32 name_len;
	le32 target_len;
	le32 xattrs_len;
};

struct xattr_head {
	le32 name_len;
	le32 value_len;
};

/* Everything of one message; attributes are at most 64 KiB, and their heads a little more. */
struct reading {
	struct erofs_reader erofs;
	int control;
	uint8_t *message;
	size_t len;
};

enum {
	XATTRS_ENCODED_MAX = 8 * IMAGE_XATTRS_MAX,
	ENTRY_MAX =
	    sizeof(struct entry_head) + IMAGE_NAME_MAX + IMAGE_PATH_MAX + XATTRS_ENCODED_MAX,
};

static void append(struct reading *reading, const void *data, size_t len)
{
	memcpy(reading->message + reading->len, data, len);
	reading->len += len;
}

static int append_xattr(void *context, const struct erofs_xattr *xattr, struct error *err)
{
	struct reading *reading = context;
	size_t name_len = strlen(xattr->name);
	struct xattr_head head = { le32_make((uint32_t)name_len), le32_make(xattr->value_len) };

	if (reading->len + sizeof(head) + name_len + xattr->value_len > ENTRY_MAX)
		return erofs_reader_damaged(err, "too many extended attributes");
	append(reading, &head, sizeof(head));
	append(reading, xattr->name, name_len);
	append(reading, xattr->value, xattr->value_len);
	return 0;
}

static struct entry_head make_head(const struct erofs_node *node)
{
	bool is_shared = node->links > 1 && !S_ISDIR(node->mode);

	return (struct entry_head){
		.mode = le32_make(node->mode),
		.uid = le32_make(node->uid),
		.gid = le32_make(node->gid),
		.rdev = le32_make(node->rdev),
		.mtime_s = le64_make((uint64_t)node->mtime_s),
		.mtime_ns = le32_make(node->mtime_ns),
		.size_bytes = le64_make(node->size_bytes),
		.data = le64_make(node->data),
		.identity = le64_make(is_shared ? node->nid : 0),
	};
}

static int send_node(struct reading *reading, const char *name, const struct erofs_node *node,
		     struct error *err)
{
	struct entry_head head = make_head(node);
	char target[IMAGE_PATH_MAX + 1];
	size_t before;

	reading->len = sizeof(head);
	head.name_len = le32_make((uint32_t)strlen(name));
	append(reading, name, strlen(name));
	if (S_ISLNK(node->mode)) {
		if (erofs_read_target(&reading->erofs, node, target, err) < 0)
			return -1;
		head.target_len = le32_make((uint32_t)node->size_bytes);
		append(reading, target, (size_t)node->size_bytes);
	}
	before = reading->len;
	if (erofs_read_xattrs(&reading->erofs, node, append_xattr, reading, err) < 0)
		return -1;
	head.xattrs_len = le32_make((uint32_t)(reading->len - before));
	memcpy(reading->message, &head, sizeof(head));
	return 0;
}

static int send_entry(void *context, const char *name, const struct erofs_node *node,
		      struct error *err)
{
	struct reading *reading = context;

	if (node && send_node(reading, name, node, err) < 0)
		return -1;
	if (!node) {
		memset(reading->message, 0, sizeof(struct entry_head));
		reading->len = sizeof(struct entry_head);
	}
	if (message_send(reading->control, MESSAGE_ENTRY, reading->message, reading->len) < 0)
		return error_set(err, errno, "cannot report what is in the image");
	return 0;
}

int extract_read(void *context, int control, struct error *err)
{
	const struct extract_read *job = context;
	struct reading reading = { .control = control, .message = malloc(ENTRY_MAX) };
	int result;

	if (!reading.message)
		return error_set(err, ENOMEM, "cannot read the EROFS image");
	result = erofs_reader_open(&reading.erofs, job->image_fd, job->size_bytes, err);
	if (result == 0)
		result = erofs_reader_walk(&reading.erofs, send_entry, &reading, err);
	if (result == 0 && message_send(control, MESSAGE_RESULT, "", 0) < 0)
		result = error_set(err, errno, "cannot report what is in the image");
	erofs_reader_close(&reading.erofs);
	free(reading.message);
	return result;
}

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

static int take_texts(struct extract_entry *entry, const struct entry_head *head, struct cursor *c)
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
	const void *start = cursor_take(&c, sizeof(struct entry_head));
	struct entry_head head;

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
	struct cursor c = cursor_make(entry->xattrs + *offset, entry->xattrs_len - *offset);
	const void *start;
	struct xattr_head head;

	if (cursor_left(&c) == 0)
		return 0;
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
