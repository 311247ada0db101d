/*
 * The manifest.json of what docker save writes (image-spec v1.2 of moby, "Combined Image JSON +
 * Filesystem Changeset Format"), of the layouts before and since Docker 25, and of podman save and
 * skopeo. It is parsed in a confined process; what comes of it are places in the archive.
 */
#ifndef NACELLE_IMAGES_DOCKER_ARCHIVE_H
#define NACELLE_IMAGES_DOCKER_ARCHIVE_H

#include <stddef.h>
#include <stdint.h>

#include "images/archive.h"
#include "images/digest.h"
#include "images/limits.h"
#include "vmm/base/error.h"

/* An image in an archive: numbers of members. */
struct docker_image {
	uint64_t config;
	struct digest config_digest;	   /* what the configuration's name says */
	uint64_t layers[IMAGE_LAYERS_MAX]; /* lowest first */
	size_t layer_count;
};

/*
 * Finds the image of this normalized name, or with "" the only one. Returns 0, or -1 with err
 * filled: none or several fit (then the names that there are stand in the error), or a member that
 * the image needs is missing.
 */
int docker_archive_choose(struct docker_image *out, const struct archive *archive,
			  const char *manifest, size_t manifest_len, const char *tag,
			  struct error *err);

/* As bytes. Decoding checks the numbers against the archive. Return 0, or -1 (with err filled). */
int docker_image_encode(const struct docker_image *image, void **data, size_t *len);
int docker_image_decode(struct docker_image *image, const struct archive *archive, const void *data,
			size_t len, struct error *err);

/* The job of a confined process; results in an encoded image. */
struct docker_archive_job {
	const struct archive *archive;
	const char *manifest;
	size_t manifest_len;
	const char *tag;
};
int docker_archive_parse(void *context, int control, struct error *err);

#endif
