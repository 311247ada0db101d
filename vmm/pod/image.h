/*
 * The image of a run: found in the store or imported into it, or a directory.
 */
#ifndef NACELLE_POD_IMAGE_H
#define NACELLE_POD_IMAGE_H

#include <stdbool.h>

#include "images/store.h"
#include "vmm/base/error.h"
#include "vmm/pod/run.h"

struct pod_image {
	bool is_directory;
	int directory_fd;	  /* O_PATH, if it is a directory */
	char *directory;	  /* then: rootfs: and its path without links */
	struct store_image image; /* else */
	char disk[8];		  /* and the name of its disk in the guest: "vda" */
};

/* The images of a pod's apps; apps of one image share it. */
struct pod_images {
	struct pod_image images[RUN_APPS_MAX];
	unsigned count;
	unsigned disk_count;	       /* how many are no directories; in this order */
	unsigned of_app[RUN_APPS_MAX]; /* index of an app's image */
};

/* Which symbolic links are followed in the path of a directory. */
enum image_links {
	IMAGE_LINKS_ALL,
	IMAGE_LINKS_NOT_LAST, /* the last component is somebody else's */
	IMAGE_LINKS_NONE,     /* of a path that had none when it was noted */
};

/*
 * Resolves a reference, and refuses what a policy does not allow (nacelle-policy(5)). An image that
 * is not in the store is imported by nacelle-image, which also decides about an image for which no
 * verdict was kept; its reason for a failure becomes err.
 */
int pod_image_open(struct pod_image *image, const char *reference, enum image_links links,
		   const char *store_root, struct error *err);
/* A directory that the caller answers for: no policy is asked. */
int pod_image_open_directory(struct pod_image *image, const char *path, enum image_links links,
			     struct error *err);
/* As pod_image_open(), for an image that a prepared pod has pinned: by digest, with the name for
 * policies. */
int pod_image_open_pinned(struct pod_image *image, const char *digest, const char *name,
			  const char *store_root, struct error *err);
void pod_image_close(struct pod_image *image);

/* Opens those of all apps; on failure none stays open. */
int pod_images_open(struct pod_images *images, const struct run_options *options,
		    struct error *err);
void pod_images_close(struct pod_images *images);

/* Closes the descriptors alone. */
void pod_images_let_go(struct pod_images *images);

static inline const struct pod_image *pod_images_of_app(const struct pod_images *images,
							unsigned app)
{
	return &images->images[images->of_app[app]];
}

#endif
