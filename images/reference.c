/*
 * Image references: one table of transports, and the tag grammar that skopeo enforces.
 */
#include "images/reference.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "vmm/base/bytes.h"

static const struct {
	const char *prefix;
	enum image_transport transport; /* 0: known, but not supported yet */
} transports[] = {
	{ "oci:", IMAGE_OCI },	  { "rootfs:", IMAGE_ROOTFS }, { "oci-archive:", 0 },
	{ "docker-archive:", 0 }, { "docker://", 0 },	       { "aci:", 0 },
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

static int parse_oci(struct image_reference *out, const char *rest, struct error *err)
{
	const char *colon = strchr(rest, ':');
	size_t path_len = colon ? (size_t)(colon - rest) : strlen(rest);

	if (path_len == 0 || path_len >= sizeof(out->path))
		return error_set(err, 0, "\"oci:%s\" names no usable directory (oci:DIR[:TAG])",
				 rest);
	memcpy(out->path, rest, path_len);
	out->path[path_len] = '\0';
	if (!colon)
		return 0;
	if (strlen(colon + 1) > IMAGE_TAG_MAX)
		return error_set(err, 0, "the tag of \"oci:%s\" is longer than %d bytes", out->path,
				 IMAGE_TAG_MAX);
	if (!tag_is_valid(colon + 1))
		return error_set(err, 0,
				 "\"%s\" is not a tag (letters and digits, joined by . - _ "
				 ": @ + or /)",
				 colon + 1);
	(void)snprintf(out->tag, sizeof(out->tag), "%s", colon + 1);
	return 0;
}

static int parse_rootfs(struct image_reference *out, const char *rest, struct error *err)
{
	size_t len = strlen(rest);

	if (len == 0 || len >= sizeof(out->path))
		return error_set(err, 0, "\"rootfs:%s\" names no usable directory (rootfs:DIR)",
				 rest);
	memcpy(out->path, rest, len + 1);
	return 0;
}

int image_reference_parse(struct image_reference *out, const char *text, struct error *err)
{
	struct image_reference reference = { 0 };
	int result;

	for (size_t i = 0; i < ARRAY_SIZE(transports); i++) {
		size_t len = strlen(transports[i].prefix);

		if (strncmp(text, transports[i].prefix, len))
			continue;
		if (!transports[i].transport)
			return error_set(err, 0,
					 "image references %s... are not supported yet; copy "
					 "the image to a layout first: skopeo copy %s oci:DIR:TAG",
					 transports[i].prefix, text);
		reference.transport = transports[i].transport;
		result = reference.transport == IMAGE_OCI
			     ? parse_oci(&reference, text + len, err)
			     : parse_rootfs(&reference, text + len, err);
		if (result == 0)
			*out = reference;
		return result;
	}
	return error_set(err, 0, "\"%s\" is not an image reference (oci:DIR[:TAG] or rootfs:DIR)",
			 text);
}
