/*
 * nacelle export.
 */
#include "vmm/cli/pod_export_verb.h"

#include <stddef.h>

#include "vmm/cli/pod_verbs.h"
#include "vmm/pod/stdio.h"

#define FIELD(name) offsetof(struct export_options, name)

const struct option_spec pod_export_options[POD_EXPORT_OPTION_COUNT] = {
	{ "app", 0, OPTION_TEXT, "NAME", VALUE_OTHER, "of this app, if there are several",
	  FIELD(app) },
	{ "boot-timeout", 0, OPTION_NUMBER, "SECONDS", VALUE_OTHER,
	  "give up if the guest that reads the disk has not reported by then (default 30)",
	  FIELD(boot_timeout_s) },
	{ "format", 0, OPTION_TEXT, "FORMAT", VALUE_OTHER,
	  "tar (the whole root, default), oci-layer (what the app has changed) or oci-image (that "
	  "over its image)",
	  FIELD(format) },
	{ "output", 'o', OPTION_TEXT, "FILE", VALUE_FILE,
	  "write to this file instead of standard output; an image to oci:DIR[:TAG] or "
	  "oci-archive:FILE[:TAG]",
	  FIELD(output) },
	OPTION_ROW_ROOT(FIELD(root)),
	{ "uuid-file", 0, OPTION_TEXT, "FILE", VALUE_FILE,
	  "take the UUID from this file; no POD is given", FIELD(uuid_file) },
};

int cli_pod_export(const void *given, int argc, char **argv, struct error *err)
{
	const struct export_options *options = given;
	struct pod_directory pod;
	bool present[3];
	int result;

	stdio_reserve(present);
	if (!options->output && !present[1])
		return error_set(err, 0, "standard output is closed: name a file with --output");
	if (cli_only_pod(options->root, options->uuid_file, argc, argv, &pod, err) < 0)
		return -1;
	result = export_pod(options, &pod, err);
	directory_close(&pod);
	return result;
}
