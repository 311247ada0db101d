/*
 * What makes a pod.
 */
#include "vmm/pod/sources.h"

#include "vmm/pod/metadata.h"

static const struct pod_manifest *manifest_of(const struct sources *sources)
{
	return sources->options.pod_file ? &sources->manifest : NULL;
}

int sources_read(struct sources *sources, const struct run_options *options, struct error *err)
{
	sources->options = *options;
	if (options->pod_file &&
	    manifest_load(&sources->manifest, options->pod_file, options->app_roots, err) < 0)
		return -1;
	if (metadata_settle(&sources->options, &sources->keep, err) < 0)
		return -1;
	if (manifest_settle_options(&sources->options, manifest_of(sources), &sources->keep, err) <
	    0)
		return -1;
	return pod_images_open(&sources->images, &sources->options, err);
}

int sources_assemble(const struct sources *sources, struct assembly *assembly, struct error *err)
{
	return assemble(assembly, &sources->options, manifest_of(sources), &sources->images, err);
}
