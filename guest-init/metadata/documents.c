/*
 * What there is to tell.
 */
#include "guest-init/metadata/documents.h"

#include <string.h>

#include "vmm/base/bytes.h"

static int take(struct documents *documents, struct cursor *at)
{
	uint32_t kind = cursor_le32(at), name_len = cursor_le32(at), len = cursor_le32(at);
	struct document document = { .name = cursor_take(at, name_len),
				     .name_len = name_len,
				     .body = cursor_take(at, len),
				     .len = len,
				     .is_json = kind == METADATA_JSON };

	if (at->bad)
		return -1;
	if (kind == METADATA_TOKEN && !documents->token && len && len <= METADATA_TOKEN_MAX) {
		documents->token = document.body;
		documents->token_len = len;
		return 0;
	}
	if ((kind != METADATA_TEXT && kind != METADATA_JSON) ||
	    documents->count == METADATA_ENTRIES_MAX ||
	    documents_find(documents, document.name, name_len))
		return -1;
	documents->items[documents->count++] = document;
	return 0;
}

int documents_read(struct documents *documents, const void *data, size_t len)
{
	struct cursor at = cursor_make(data, len);

	*documents = (struct documents){ .count = 0 };
	while (cursor_left(&at))
		if (take(documents, &at) < 0)
			return -1;
	documents->uuid =
	    documents_find(documents, METADATA_UUID_NAME, sizeof(METADATA_UUID_NAME) - 1);
	return documents->token && documents->uuid ? 0 : -1;
}

const struct document *documents_find(const struct documents *documents, const char *name,
				      size_t name_len)
{
	for (size_t i = 0; i < documents->count; i++) {
		const struct document *document = &documents->items[i];

		if (document->name_len == name_len && memcmp(document->name, name, name_len) == 0)
			return document;
	}
	return NULL;
}
