/*
 * The app section of an image's manifest, as a pod manifest has it: for pods whose manifest leaves
 * it to the image.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "images/appc_image.h"
#include "images/pod_manifest.h"
#include "vmm/base/cleanup.h"

static int take_section(struct manifest_app *app, const struct appc_image *image, struct error *err)
{
	if (!image->has_app)
		return error_set(err, 0, "it has no app section, and neither has the pod's");
	app->name = strdup("app");
	app->reference = strdup(image->name);
	if (!app->name || !app->reference)
		return error_set(err, ENOMEM, "cannot read a manifest");
	app->has_app = true;
	return appc_app_config(&image->app, &app->app, err);
}

int pod_manifest_read_image(struct pod_manifest *manifest, const char *text, size_t len,
			    struct error *err)
{
	_cleanup_free_ struct appc_image *image = calloc(1, sizeof(*image));
	int result;

	*manifest = (struct pod_manifest){ .apps = calloc(1, sizeof(*manifest->apps)) };
	if (!image || !manifest->apps) {
		pod_manifest_free(manifest);
		return error_set(err, ENOMEM, "cannot read a manifest");
	}
	manifest->app_count = 1;
	result = appc_image_read(image, text, len, err);
	if (result == 0)
		result = take_section(&manifest->apps[0], image, err);
	appc_image_free(image);
	if (result < 0)
		pod_manifest_free(manifest);
	return result;
}
