/*
 * auth.json: what it says about one registry. Errors say what is wrong, never what stands there.
 */
#include "images/authfile.h"

#include <stdio.h>
#include <string.h>

#include "images/base64.h"
#include "images/json.h"

enum { KEY_MAX = 512 }; /* a host and a repository */

void credential_wipe(struct credential *credential)
{
	explicit_bzero(credential, sizeof(*credential));
}

/* "user:password" in base64. */
static int read_auth(struct credential *out, const char *auth, struct error *err)
{
	char plain[CREDENTIAL_USER_SIZE + CREDENTIAL_SECRET_SIZE];
	ssize_t len = base64_decode(plain, sizeof(plain) - 1, auth, strlen(auth));
	char *colon;
	int result = -1;

	plain[len > 0 ? len : 0] = '\0';
	colon = strchr(plain, ':');
	if (len <= 0 || !colon)
		(void)error_set(err, 0, "\"auth\" is not a user and a password in base64");
	else if (colon - plain >= CREDENTIAL_USER_SIZE ||
		 strlen(colon + 1) >= CREDENTIAL_SECRET_SIZE)
		(void)error_set(err, 0, "\"auth\" is too long");
	else
		result = 0;
	if (result == 0) {
		*colon = '\0';
		memcpy(out->user, plain, (size_t)(colon - plain) + 1);
		memcpy(out->secret, colon + 1, strlen(colon + 1) + 1);
		out->found = true;
	}
	explicit_bzero(plain, sizeof(plain));
	return result;
}

static int read_entry(struct credential *out, const struct cJSON *entry, struct error *err)
{
	const char *auth, *token;
	int has_auth, has_token;

	if (!json_is_object(entry))
		return error_set(err, 0, "an entry of \"auths\" is not an object");
	has_auth = json_string(entry, "auth", &auth, err);
	has_token = json_string(entry, "identitytoken", &token, err);
	if (has_auth < 0 || has_token < 0)
		return -1;
	if (has_auth && auth[0] && read_auth(out, auth, err) < 0)
		return -1;
	if (!has_token || !token[0])
		return 0;
	if (strlen(token) >= sizeof(out->secret))
		return error_set(err, 0, "\"identitytoken\" is too long");
	memcpy(out->secret, token, strlen(token) + 1);
	out->is_identity_token = true;
	out->found = true;
	return 0;
}

/* The member with exactly this key. Keys are hosts, so two that differ in case are two. */
static const struct cJSON *member(const struct cJSON *object, const char *key)
{
	const struct cJSON *at = json_first(object);

	while (at && strcmp(json_key(at), key) != 0)
		at = json_next(at);
	return at;
}

/* The host that an older key, which may be a URL, stands for. */
static void key_host(const char *key, char host[KEY_MAX])
{
	if (strncmp(key, "https://", 8) == 0)
		key += 8;
	else if (strncmp(key, "http://", 7) == 0)
		key += 7;
	(void)snprintf(host, KEY_MAX, "%.*s", (int)strcspn(key, "/"), key);
	if (strcmp(host, "index.docker.io") == 0 || strcmp(host, "registry-1.docker.io") == 0)
		(void)snprintf(host, KEY_MAX, "docker.io");
}

static const struct cJSON *older_member(const struct cJSON *object, const char *host)
{
	char found[KEY_MAX];

	for (const struct cJSON *at = json_first(object); at; at = json_next(at)) {
		/* A key with a path that is no URL stands for a namespace alone. */
		bool is_url = strncmp(json_key(at), "http", 4) == 0 && strstr(json_key(at), "://");

		if (!is_url && strchr(json_key(at), '/'))
			continue;
		key_host(json_key(at), found);
		if (strcmp(found, host) == 0)
			return at;
	}
	return NULL;
}

static const struct cJSON *longest_member(const struct cJSON *object, const char *host,
					  const char *repository)
{
	char key[KEY_MAX];
	int len = snprintf(key, sizeof(key), "%s/%s", host, repository);

	if (len < 0 || (size_t)len >= sizeof(key))
		return NULL;
	for (;;) {
		const struct cJSON *found = member(object, key);
		char *slash = strrchr(key, '/');

		if (found)
			return found;
		if (!slash)
			return older_member(object, host);
		*slash = '\0';
	}
}

/* A helper for this registry: credHelpers has one, or credsStore keeps what "auths" leaves out. */
static int read_helper(struct credential *out, const struct cJSON *file, bool listed,
		       const char *host, const char *repository, struct error *err)
{
	const struct cJSON *helpers, *one = NULL;
	const char *name = NULL;
	int found = json_object(file, "credHelpers", &helpers, err);

	if (found < 0)
		return -1;
	if (found)
		one = longest_member(helpers, host, repository);
	if (one)
		name = json_text(one);
	else if (listed && json_string(file, "credsStore", &name, err) < 0)
		return -1;
	if (name)
		(void)snprintf(out->helper, sizeof(out->helper), "%s", name);
	return 0;
}

static int match(struct credential *out, const struct cJSON *file, const char *host,
		 const char *repository, struct error *err)
{
	const struct cJSON *auths, *entry = NULL;
	int found;

	if (!json_is_object(file))
		return error_set(err, 0, "it is not an object");
	found = json_object(file, "auths", &auths, err);
	if (found < 0)
		return -1;
	if (found)
		entry = longest_member(auths, host, repository);
	if (entry && read_entry(out, entry, err) < 0)
		return -1;
	if (out->found)
		return 0;
	return read_helper(out, file, entry != NULL, host, repository, err);
}

int authfile_match(struct credential *out, const char *text, size_t len, const char *host,
		   const char *repository, struct error *err)
{
	struct cJSON *file;
	int result;

	credential_wipe(out);
	if (json_parse(&file, text, len, err) < 0)
		return -1;
	result = match(out, file, host, repository, err);
	json_wipe(file); /* what this process leaves in freed memory, its parsers inherit */
	json_free(file);
	if (result < 0)
		credential_wipe(out);
	return result;
}
