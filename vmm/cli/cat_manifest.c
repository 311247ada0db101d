/*
 * nacelle cat-manifest: the file that a pod has written when it started, as it is.
 */
#include "vmm/cli/cat_manifest.h"

#include <errno.h>
#include <stdio.h>

#include "vmm/base/cleanup.h"
#include "vmm/base/io.h"
#include "vmm/cli/pod_verbs.h"
#include "vmm/pod/manifest_json.h"

enum { MANIFEST_MAX = 64 * 1024 * 1024 };

const struct option_spec cat_manifest_options[CAT_MANIFEST_OPTION_COUNT] = {
	POD_OPTION_ROOT,
	POD_OPTION_UUID_FILE,
};

static int print_manifest(const struct pod_verb_options *options, struct pod_directory *pod,
			  struct error *err)
{
	_cleanup_free_ char *text = NULL;
	size_t len;

	(void)options;
	if (io_read_file(pod->fd, POD_MANIFEST_NAME, MANIFEST_MAX, &text, &len, err) < 0)
		return err->code == ENOENT
			   ? error_set(err, ENOENT, "the pod %s has not been started", pod->uuid)
			   : -1;
	(void)fwrite(text, 1, len, stdout);
	return 0;
}

int cli_cat_manifest(const void *options, int argc, char **argv, struct error *err)
{
	return cli_each_pod(options, argc, argv, print_manifest, err);
}
