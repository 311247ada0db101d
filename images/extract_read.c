/*
 * The confined side of an extraction: walks the EROFS image and reports each name.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "images/extract_entry.h"
#include "images/extract_wire.h"
#include "images/message.h"

/* Everything of one message; attributes are at most 64 KiB, and their heads a little more. */
struct reading {
	struct erofs_reader erofs;
	int control;
	uint8_t *message;
	size_t len;
};

enum {
	XATTRS_ENCODED_MAX = 8 * IMAGE_XATTRS_MAX,
	ENTRY_MAX = sizeof(struct extract_entry_head) + IMAGE_NAME_MAX + IMAGE_PATH_MAX +
		    XATTRS_ENCODED_MAX,
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
	struct extract_xattr_head head = { le32_make((uint32_t)name_len),
					   le32_make(xattr->value_len) };

	if (reading->len + sizeof(head) + name_len + xattr->value_len > ENTRY_MAX)
		return erofs_reader_damaged(err, "too many extended attributes");
	append(reading, &head, sizeof(head));
	append(reading, xattr->name, name_len);
	append(reading, xattr->value, xattr->value_len);
	return 0;
}

static struct extract_entry_head make_head(const struct erofs_node *node)
{
	bool is_shared = node->links > 1 && !S_ISDIR(node->mode);

	return (struct extract_entry_head){
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
	struct extract_entry_head head = make_head(node);
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
		memset(reading->message, 0, sizeof(struct extract_entry_head));
		reading->len = sizeof(struct extract_entry_head);
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
