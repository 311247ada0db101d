/*
 * Image references: one table of transports, and the tag grammar that skopeo enforces.
 */
#include "images/reference.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "vmm/base/bytes.h"

#define DOCKER_PREFIX "docker://"

enum { OCI_TAG_MAX = 255 };

static const struct transport {
	const char *prefix;
	enum image_transport transport;
	const char *form; /* for error texts */
	bool has_tag;	  /* the path ends at the first colon */
} transports[] = {
	{ "oci:", IMAGE_OCI, "oci:DIR[:TAG]", true },
	{ "oci-archive:", IMAGE_OCI_ARCHIVE, "oci-archive:FILE[:TAG]", true },
	{ "docker-archive:", IMAGE_DOCKER_ARCHIVE, "docker-archive:FILE[:NAME:TAG]", true },
	{ DOCKER_PREFIX, IMAGE_DOCKER, "docker://HOST/NAME[:TAG]", false },
	{ "aci:", IMAGE_ACI, "aci:FILE", false },
	{ "rootfs:", IMAGE_ROOTFS, "rootfs:DIR", false },
};

static bool is_alphanumeric(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/*
 * The length of the separator at text: one of ".-_:@+", or "--"; 0 if there is none.
 */
static size_t separator_len(const char *text)
{
	if (text[0] == '-' && text[1] == '-')
		return 2;
	return text[0] && strchr("-._:@+", text[0]) ? 1 : 0;
}

/* component ("/" component)*, a component being alphanumeric runs joined by single separators. */
static bool tag_is_valid(const char *tag)
{
	while (is_alphanumeric(*tag)) {
		while (is_alphanumeric(*tag))
			tag++;
		if (!*tag)
			return true;
		tag += *tag == '/' ? 1 : separator_len(tag);
	}
	return false;
}

static int take_oci_tag(struct image_reference *out, const char *tag, struct error *err)
{
	if (strlen(tag) > OCI_TAG_MAX)
		return error_set(err, 0, "the tag of \"%s\" is longer than %d bytes", out->path,
				 OCI_TAG_MAX);
	if (!tag_is_valid(tag))
		return error_set(err, 0,
				 "\"%s\" is not a tag (letters and digits, joined by . - _ "
				 ": @ + or /)",
				 tag);
	(void)snprintf(out->tag, sizeof(out->tag), "%s", tag);
	return 0;
}

/* The name in an archive, in the one form that every name of a registry has. */
static int take_docker_tag(struct image_reference *out, const char *tag, struct error *err)
{
	struct image_reference named = { 0 };
	char text[IMAGE_NAME_SIZE];

	if (image_reference_parse_docker(&named, tag, strlen(tag), err) < 0)
		return -1;
	if (named.digest[0])
		return error_set(err, 0, "\"%s\": images in an archive are named by tag", tag);
	image_reference_format_docker(&named, text);
	memcpy(out->tag, text, strlen(text) + 1);
	return 0;
}

static int parse_local(struct image_reference *out, const struct transport *t, const char *rest,
		       struct error *err)
{
	const char *colon = t->has_tag ? strchr(rest, ':') : NULL;
	size_t path_len = colon ? (size_t)(colon - rest) : strlen(rest);

	if (path_len == 0 || path_len >= sizeof(out->path))
		return error_set(err, 0, "\"%s%s\" names no usable %s (%s)", t->prefix, rest,
				 strstr(t->form, "DIR") ? "directory" : "file", t->form);
	memcpy(out->path, rest, path_len);
	out->path[path_len] = '\0';
	if (!colon)
		return 0;
	if (t->transport == IMAGE_DOCKER_ARCHIVE)
		return take_docker_tag(out, colon + 1, err);
	return take_oci_tag(out, colon + 1, err);
}

int image_reference_parse(struct image_reference *out, const char *text, struct error *err)
{
	struct image_reference reference = { 0 };

	for (size_t i = 0; i < ARRAY_SIZE(transports); i++) {
		const struct transport *t = &transports[i];
		const char *rest = text + strlen(t->prefix);
		int result;

		if (strncmp(text, t->prefix, strlen(t->prefix)))
			continue;
		reference.transport = t->transport;
		result = t->transport == IMAGE_DOCKER
			     ? image_reference_parse_docker(&reference, rest, strlen(rest), err)
			     : parse_local(&reference, t, rest, err);
		if (result == 0)
			*out = reference;
		return result;
	}
	return error_set(err, 0,
			 "\"%s\" is not an image reference (oci:DIR[:TAG], docker://HOST/NAME:TAG, "
			 "oci-archive:FILE, docker-archive:FILE, aci:FILE or rootfs:DIR)",
			 text);
}

const char *image_transport_prefix(enum image_transport transport)
{
	size_t i = 0;

	while (transports[i].transport != transport)
		i++;
	return transports[i].prefix;
}

void image_reference_name(const char *canonical, char name[IMAGE_NAME_SIZE])
{
	if (!strncmp(canonical, DOCKER_PREFIX, strlen(DOCKER_PREFIX))) {
		const char *host = canonical + strlen(DOCKER_PREFIX);

		(void)snprintf(name, IMAGE_NAME_SIZE, "%.*s%s", (int)image_host_len(host), host,
			       host + strcspn(host, "/"));
		return;
	}
	(void)snprintf(name, IMAGE_NAME_SIZE, "%s", strncmp(canonical, "aci:", 4) ? canonical : "");
}
