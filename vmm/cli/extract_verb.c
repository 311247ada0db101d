/*
 * nacelle image extract.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "images/extract.h"
#include "vmm/cli/store_verbs.h"

const struct option_spec extract_options_table[EXTRACT_OPTION_COUNT] = {
	{ "quiet", 'q', OPTION_FLAG, NULL, VALUE_OTHER, "print errors only", STORE_FIELD(quiet) },
	STORE_OPTION_ROOT,
};

static void add_note(char *line, size_t size, uint64_t count, const char *what)
{
	size_t used = strlen(line);

	if (count)
		(void)snprintf(line + used, size - used, "%s %" PRIu64 " %s", used ? "," : "",
			       count, what);
}

static void print_note(const struct extract_result *result)
{
	char line[256] = "";

	add_note(line, sizeof(line), result->owners, "owners");
	add_note(line, sizeof(line), result->set_ids, "set-user-ID or set-group-ID bits");
	add_note(line, sizeof(line), result->devices, "device nodes");
	add_note(line, sizeof(line), result->xattrs, "extended attributes");
	if (line[0])
		(void)fprintf(stderr,
			      "nacelle-image: note: what the host does not let you create "
			      "was left out:%s\n",
			      line);
}

int cli_image_extract(const void *given, int argc, char **argv, struct error *err)
{
	const struct store_verb_options *options = given;
	struct extract_result result;
	struct store_verb_image image;
	int status;

	(void)argc;
	if (store_verb_open(options->root, argv[0], &image, err) < 0)
		return -1;
	status = extract_image(image.fd, image.record.size_bytes, argv[1], &result, err);
	store_verb_close(&image);
	if (status == 0 && !options->quiet)
		print_note(&result);
	return status;
}
