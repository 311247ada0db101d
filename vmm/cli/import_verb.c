/*
 * nacelle image import.
 */
#include "vmm/cli/import_verb.h"

#include <inttypes.h>
#include <stdio.h>

#include "images/import.h"

#define FIELD(name) offsetof(struct import_verb_options, name)

const struct option_spec import_options_table[IMPORT_OPTION_COUNT] = {
	{ "quiet", 'q', OPTION_FLAG, NULL, VALUE_OTHER, "print errors only", FIELD(quiet) },
	{ "root", 0, OPTION_TEXT, "DIR", VALUE_DIRECTORY,
	  "the store of images (default /var/lib/nacelle for root)", FIELD(root) },
};

static void print_result(const struct import_result *result)
{
	char digest[DIGEST_TEXT_SIZE];

	digest_format(&result->manifest, digest);
	if (result->dropped_xattrs)
		(void)fprintf(stderr,
			      "nacelle-image: note: %" PRIu64 " extended attributes were dropped "
			      "(user.*, security.capability and ACLs are kept)\n",
			      result->dropped_xattrs);
	printf("%s\n", digest);
}

int cli_image_import(const void *given, int argc, char **argv, struct error *err)
{
	const struct import_verb_options *options = given;
	const struct import_options import_options = { .root = options->root,
						       .quiet = options->quiet };
	struct import_result result;

	(void)argc;
	if (import_image(&import_options, argv[0], &result, err) < 0)
		return error_prefix(err, "cannot import %.200s", argv[0]);
	if (!options->quiet)
		print_result(&result);
	return 0;
}
