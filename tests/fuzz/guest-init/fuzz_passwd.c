/*
 * USER[:GROUP] against an image's passwd and group files. The input is the three texts, each ended
 * by a NUL byte.
 */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "guest-init/users.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The bytes up to the next NUL, in an allocation of just that size. */
static struct text take(const uint8_t **data, size_t *size)
{
	const uint8_t *end = *size ? memchr(*data, '\0', *size) : NULL;
	struct text text = { NULL, end ? (size_t)(end - *data) : *size };
	size_t gone = end ? text.len + 1 : text.len;
	char *copy = malloc(text.len ? text.len : 1);

	assert(copy);
	if (text.len)
		memcpy(copy, *data, text.len);
	text.at = copy;
	*data += gone;
	*size -= gone;
	return text;
}

static void drop(struct text text)
{
	union {
		const char *from;
		void *to;
	} p = { text.at };

	free(p.to);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct text spec = take(&data, &size);
	struct text passwd = take(&data, &size);
	struct text group = take(&data, &size);
	char *text = strndup(spec.at, spec.len);
	struct error err = ERROR_NONE;
	struct user user;

	assert(text);
	if (user_resolve(text, passwd, group, &user, &err) == 0) {
		assert(user.uid != UINT32_MAX && user.gid != UINT32_MAX);
		assert(user.group_count <= USER_GROUPS_MAX);
		assert(user.home[0] == '/' && memchr(user.home, '\0', sizeof(user.home)));
	} else {
		assert(err.text[0]);
	}
	free(text);
	drop(spec);
	drop(passwd);
	drop(group);
	return 0;
}
