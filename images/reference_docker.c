/*
 * References of registries, in the grammar of the distribution specification and with the
 * shorthands that docker introduced: [HOST[:PORT]/]NAME[:TAG|@DIGEST].
 */
#include "images/reference.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "vmm/base/bytes.h"

#define DEFAULT_HOST "docker.io"
#define DEFAULT_PATH "library/"
#define DEFAULT_TAG  "latest"

enum { DOCKER_TAG_MAX = 128, HEX_ID_LEN = 64 };

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool is_lower(char c)
{
	return is_digit(c) || (c >= 'a' && c <= 'z');
}

static bool is_letter(char c)
{
	return is_lower(c) || (c >= 'A' && c <= 'Z');
}

/* A host's name means the same in capitals, and a rule of a policy must not miss it for them. */
static void lower_case(char *host)
{
	for (; *host; host++) {
		if (*host >= 'A' && *host <= 'Z')
			*host = (char)(*host - 'A' + 'a');
	}
}

/* Labels of letters, digits and inner hyphens, joined by dots; then a port. */
static bool host_is_valid(const char *host)
{
	const char *port = strchr(host, ':');
	size_t len = port ? (size_t)(port - host) : strlen(host);

	if (port && (!port[1] || port[1] == '0' || port[1 + strspn(port + 1, "0123456789")] ||
		     strlen(port) > 6))
		return false;
	for (size_t i = 0; i < len; i++) {
		bool begins = i == 0 || host[i - 1] == '.';
		bool ends = i + 1 == len || host[i + 1] == '.';

		if (is_letter(host[i]))
			continue;
		if (host[i] == '-' ? begins || ends : host[i] != '.' || begins || ends)
			return false;
	}
	return len > 0;
}

/* The length of ".", "_", "__" or any number of "-". */
static size_t separator_len(const char *text)
{
	if (text[0] == '.')
		return 1;
	if (text[0] == '_')
		return text[1] == '_' ? 2 : 1;
	return strspn(text, "-");
}

/* Components joined by slashes, each of lower-case runs joined by separators. */
static bool path_is_valid(const char *path)
{
	while (is_lower(*path)) {
		while (is_lower(*path))
			path++;
		if (!*path)
			return true;
		path += *path == '/' ? 1 : separator_len(path);
	}
	return false;
}

static bool tag_is_valid(const char *tag)
{
	if (!is_letter(*tag) && *tag != '_')
		return false;
	while (is_letter(*tag) || (*tag && strchr("_.-", *tag)))
		tag++;
	return !*tag;
}

/* What a first component must have to be a host: "localhost", a dot, a port, or a capital. */
static bool names_host(const char *text, size_t len)
{
	if (len == strlen("localhost") && !memcmp(text, "localhost", len))
		return true;
	for (size_t i = 0; i < len; i++) {
		if (text[i] == '.' || text[i] == ':' || (text[i] >= 'A' && text[i] <= 'Z'))
			return true;
	}
	return false;
}

/* The names of the one registry that has several. */
static bool is_default_host(const char *host)
{
	static const char *const hosts[] = { DEFAULT_HOST, "index." DEFAULT_HOST,
					     "registry-1." DEFAULT_HOST };
	size_t len = image_host_len(host);

	for (size_t i = 0; i < ARRAY_SIZE(hosts); i++) {
		if (strlen(hosts[i]) == len && !memcmp(hosts[i], host, len))
			return true;
	}
	return false;
}

size_t image_host_len(const char *text)
{
	static const char https[] = ":443";
	size_t len = strcspn(text, "/@");
	size_t bare = len - strlen(https);

	/* Without its port a host of one label would be taken for the name of an image. */
	if (len <= strlen(https) || memcmp(text + bare, https, strlen(https)) ||
	    !names_host(text, bare))
		return len;
	return bare;
}

static int split_host(struct image_reference *out, const char *name, struct error *err)
{
	const char *slash = strchr(name, '/');
	size_t len = slash ? (size_t)(slash - name) : 0;
	bool is_default = true;

	(void)snprintf(out->host, sizeof(out->host), DEFAULT_HOST);
	if (len > IMAGE_HOST_MAX)
		return error_set(err, 0, "\"%.300s\" is too long for the name of an image", name);
	if (slash && names_host(name, len)) {
		(void)snprintf(out->host, sizeof(out->host), "%.*s", (int)len, name);
		name = slash + 1;
		lower_case(out->host);
		is_default = is_default_host(out->host);
		if (is_default)
			(void)snprintf(out->host, sizeof(out->host), DEFAULT_HOST);
	}
	(void)snprintf(out->path, sizeof(out->path), "%s%s",
		       is_default && !strchr(name, '/') ? DEFAULT_PATH : "", name);
	/* One that is a host for its capitals alone would be read as another name without them. */
	if (!host_is_valid(out->host) || !names_host(out->host, strlen(out->host)))
		return error_set(err, 0, "\"%s\" is not a registry's HOST[:PORT]", out->host);
	if (!path_is_valid(out->path))
		return error_set(err, 0,
				 "\"%s\" is not the name of an image (lower-case letters and "
				 "digits, joined by . _ - or /)",
				 name);
	if (strlen(out->host) + 1 + strlen(out->path) > IMAGE_REPOSITORY_MAX)
		return error_set(err, 0, "the name %s/%s is longer than %d bytes", out->host,
				 out->path, IMAGE_REPOSITORY_MAX);
	return 0;
}

/* Takes ":TAG" or "@DIGEST" off the end of the name. */
static int split_version(struct image_reference *out, char *name, struct error *err)
{
	char *at = strchr(name, '@');
	char *slash = strrchr(name, '/');
	char *colon = strchr(slash ? slash : name, ':');
	struct digest digest;

	if (at) {
		*at++ = '\0';
		if (colon && colon < at)
			return error_set(err, 0,
					 "\"%s@%s\" has a tag and a digest: leave the tag out",
					 name, at);
		if (digest_parse(&digest, at, strlen(at), err) < 0)
			return -1;
		digest_format(&digest, out->digest);
		return 0;
	}
	(void)snprintf(out->tag, sizeof(out->tag), DEFAULT_TAG);
	if (!colon)
		return 0;
	*colon++ = '\0';
	if (strlen(colon) > DOCKER_TAG_MAX || !tag_is_valid(colon))
		return error_set(err, 0,
				 "\"%.200s\" is not a tag (at most %d letters, digits, _ . and -)",
				 colon, DOCKER_TAG_MAX);
	(void)snprintf(out->tag, sizeof(out->tag), "%s", colon);
	return 0;
}

int image_reference_parse_docker(struct image_reference *out, const char *text, size_t len,
				 struct error *err)
{
	char name[IMAGE_TAG_MAX + 1 + DIGEST_TEXT_SIZE];

	if (len == 0 || len >= sizeof(name) || memchr(text, '\0', len))
		return error_set(err, 0, "\"%.*s\" is not [HOST[:PORT]/]NAME[:TAG|@DIGEST]",
				 len > 300 ? 300 : (int)len, text);
	memcpy(name, text, len);
	name[len] = '\0';
	out->tag[0] = out->digest[0] = '\0';
	if (split_version(out, name, err) < 0)
		return -1;
	if (strlen(name) == HEX_ID_LEN && !name[strspn(name, "0123456789abcdef")])
		return error_set(err, 0, "\"%s\" is an identifier, not the name of an image", name);
	return split_host(out, name, err);
}

void image_reference_format_docker(const struct image_reference *reference,
				   char text[IMAGE_NAME_SIZE])
{
	bool by_digest = reference->digest[0] != '\0';

	(void)snprintf(text, IMAGE_NAME_SIZE, "%s/%s%s%s", reference->host, reference->path,
		       by_digest ? "@" : ":", by_digest ? reference->digest : reference->tag);
}
