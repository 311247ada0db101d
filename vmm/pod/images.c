/*
 * The images of several apps. Those that are one are opened once.
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "vmm/pod/disk_name.h"
#include "vmm/pod/image.h"
#include "vmm/pod/launch_record.h"

static bool is_same(const struct pod_image *a, const struct pod_image *b)
{
	return !a->is_directory && !b->is_directory &&
	       strcmp(a->image.manifest_digest, b->image.manifest_digest) == 0;
}

/* Of a prepared pod, what prepare has found it to be. */
static int open_image(struct pod_image *image, const struct run_options *options,
		      const char *reference, struct error *err)
{
	const struct launch_record *launch = options->launch;

	for (size_t i = 0; launch && i < launch->references.count; i++)
		if (strcmp(launch->references.items[i], reference) == 0)
			return pod_image_open_pinned(image, launch->digests.items[i],
						     launch->names.items[i], options->store_root,
						     err);
	/* Who rendered an app's image made the directory around it: a root that is a link is the
	 * image's, and may lead anywhere. */
	return pod_image_open(image, reference,
			      options->app_roots ? IMAGE_LINKS_NOT_LAST : IMAGE_LINKS_ALL,
			      options->store_root, err);
}

static int open_one(struct pod_images *images, const struct run_options *options, unsigned app,
		    struct error *err)
{
	struct pod_image *image = &images->images[images->count];

	const struct app_options *own = run_app_options(options, app);

	if (own->root_directory
		? pod_image_open_directory(image, own->root_directory, IMAGE_LINKS_ALL, err) < 0
		: open_image(image, options, own->reference, err) < 0)
		return -1;
	for (unsigned i = 0; i < images->count; i++) {
		if (!is_same(&images->images[i], image))
			continue;
		pod_image_close(image);
		images->of_app[app] = i;
		return 0;
	}
	if (!image->is_directory)
		disk_name(image->disk, images->disk_count++);
	images->of_app[app] = images->count++;
	return 0;
}

int pod_images_open(struct pod_images *images, const struct run_options *options, struct error *err)
{
	images->count = images->disk_count = 0;
	for (unsigned i = 0; i < options->app_count; i++) {
		if (open_one(images, options, i, err) < 0) {
			pod_images_close(images);
			return -1;
		}
	}
	return 0;
}

static void let_go(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

void pod_images_let_go(struct pod_images *images)
{
	for (unsigned i = 0; i < images->count; i++) {
		struct pod_image *image = &images->images[i];

		let_go(image->is_directory ? &image->directory_fd : &image->image.fd);
	}
}

void pod_images_close(struct pod_images *images)
{
	for (unsigned i = 0; i < images->count; i++)
		pod_image_close(&images->images[i]);
	images->count = 0;
}
