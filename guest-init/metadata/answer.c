/*
 * From a request to its answer.
 */
#include "guest-init/metadata/answer.h"

#include <string.h>

#include "guest-init/metadata/form.h"

#define BASE "acMetadata/v1/"

const char *answer_reason(int status)
{
	static const struct {
		int status;
		const char *words;
	} reasons[] = {
		{ 200, "OK" },
		{ 400, "Bad Request" },
		{ 401, "Unauthorized" },
		{ 403, "Forbidden" },
		{ 404, "Not Found" },
		{ 405, "Method Not Allowed" },
		{ 411, "Length Required" },
		{ 413, "Content Too Large" },
		{ 431, "Request Header Fields Too Large" },
		{ 505, "HTTP Version Not Supported" },
	};
	size_t i = 0;

	while (i < sizeof(reasons) / sizeof(*reasons) - 1 && reasons[i].status != status)
		i++;
	return reasons[i].words;
}

void answer_refuse(struct answer *answer, int status)
{
	answer->status = status;
	answer->is_json = false;
	answer->body = answer_reason(status);
	answer->len = strlen(answer->body);
}

static void sign(struct answer *answer, struct identity *identity, char *body, size_t len)
{
	struct form_field content = { .name = "content" };

	if (form_read(body, len, &content, 1) < 0 || !content.value) {
		answer_refuse(answer, 400);
		return;
	}
	identity_sign(identity, content.value, content.len, answer->text);
	answer->body = answer->text;
	answer->len = sizeof(answer->text);
}

/* Keys are one for each pod, so what another pod has signed is not verified here. */
static void verify(struct answer *answer, struct identity *identity, char *body, size_t len)
{
	enum { CONTENT, UUID, SIGNATURE, FIELDS };
	struct form_field fields[FIELDS] = { { .name = "content" },
					     { .name = "uuid" },
					     { .name = "signature" } };

	if (form_read(body, len, fields, FIELDS) < 0 || !fields[CONTENT].value ||
	    !fields[UUID].value || !fields[SIGNATURE].value) {
		answer_refuse(answer, 400);
		return;
	}
	if (!identity_equal(fields[UUID].value, fields[UUID].len, identity->uuid,
			    identity->uuid_len) ||
	    !identity_verify(identity, fields[CONTENT].value, fields[CONTENT].len,
			     fields[SIGNATURE].value, fields[SIGNATURE].len))
		answer_refuse(answer, 403);
}

/* The rest of the path, if it begins with these bytes. */
static bool skip(const char **path, size_t *path_len, const char *prefix, size_t len)
{
	if (*path_len < len || memcmp(*path, prefix, len) != 0)
		return false;
	*path += len;
	*path_len -= len;
	return true;
}

/* "/TOKEN/acMetadata/v1/...": the token is a secret, so it is not compared byte by byte. */
static int enter(const struct documents *documents, const char **path, size_t *path_len)
{
	const char *slash;
	size_t len;

	*path += 1; /* a path begins with a slash */
	*path_len -= 1;
	slash = memchr(*path, '/', *path_len);
	len = slash ? (size_t)(slash - *path) : *path_len;
	if (!identity_equal(*path, len, documents->token, documents->token_len))
		return 401;
	*path += len;
	*path_len -= len;
	return skip(path, path_len, "/" BASE, sizeof("/" BASE) - 1) ? 200 : 404;
}

void answer_make(struct answer *answer, const struct documents *documents,
		 struct identity *identity, const struct request *request, char *body)
{
	const char *path = request->path;
	size_t path_len = request->path_len;
	const struct document *document;
	bool signs, verifies;
	int status = request->has_flavor ? enter(documents, &path, &path_len) : 403;

	answer_refuse(answer, status);
	if (status != 200)
		return;
	signs = path_len == strlen(METADATA_SIGN_NAME) &&
		memcmp(path, METADATA_SIGN_NAME, path_len) == 0;
	verifies = path_len == strlen(METADATA_VERIFY_NAME) &&
		   memcmp(path, METADATA_VERIFY_NAME, path_len) == 0;
	document = documents_find(documents, path, path_len);
	if (!signs && !verifies && !document)
		answer_refuse(answer, 404);
	else if (request->method != (document ? REQUEST_GET : REQUEST_POST))
		answer_refuse(answer, 405);
	else if (signs)
		sign(answer, identity, body, request->body_len);
	else if (verifies)
		verify(answer, identity, body, request->body_len);
	else {
		answer->is_json = document->is_json;
		answer->body = document->body;
		answer->len = document->len;
	}
}
