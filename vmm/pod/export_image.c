/*
 * An app's changes as an image. The layer's bytes are not looked at here, nor any document.
 */
#include "vmm/pod/export_image.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "vmm/base/bytes.h"
#include "vmm/pod/image_program.h"

static bool has_transport(const char *output)
{
	static const char *const known[] = { "oci:", "oci-archive:" };

	for (size_t i = 0; i < ARRAY_SIZE(known); i++) {
		if (strncmp(output, known[i], strlen(known[i])) == 0)
			return true;
	}
	return false;
}

int export_image_check(const char *output, char target[EXPORT_TARGET_SIZE], struct error *err)
{
	struct image_reference parsed;
	struct stat st;

	if (!output)
		return error_set(err, 0,
				 "an image needs a place: --output oci:DIR[:TAG] or "
				 "oci-archive:FILE[:TAG]");
	if (snprintf(target, EXPORT_TARGET_SIZE, "%s%s",
		     has_transport(output) ? "" : "oci:", output) >= EXPORT_TARGET_SIZE)
		return error_set(err, ENAMETOOLONG, "--output");
	if (image_reference_parse(&parsed, target, err) < 0)
		return error_prefix(err, "--output");
	return lstat(parsed.path, &st) == 0 ? error_set(err, EEXIST, "--output: %s", parsed.path)
					    : 0;
}

int export_image_write(const char *root, const char *digest, int layer_fd,
		       const char target[EXPORT_TARGET_SIZE], struct error *err)
{
	const char *arguments[8] = { "nacelle-image", "append" };
	char line[IMAGE_PROGRAM_LINE_MAX];
	size_t count = 2;

	if (root) {
		arguments[count++] = "--root";
		arguments[count++] = root;
	}
	arguments[count++] = "--";
	arguments[count++] = digest;
	arguments[count++] = target;
	return image_program_feed(arguments, layer_fd, line, err);
}
