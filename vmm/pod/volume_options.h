/*
 * The options about volumes (--volume, --mount, --tmpfs) and what an image declares, app by app,
 * into one set.
 */
#ifndef NACELLE_POD_VOLUME_OPTIONS_H
#define NACELLE_POD_VOLUME_OPTIONS_H

#include <stddef.h>

#include "vmm/base/error.h"
#include "vmm/base/text_list.h"
#include "vmm/pod/pod.h"
#include "vmm/pod/volume.h"
#include "vmm/pod/volume_set.h"

/* Holds the texts that mounts point to: freed after the pod. */
struct volume_options {
	struct volume *volumes; /* of the pod, then of apps */
	unsigned count;
	unsigned pod_count;
	char **texts; /* allocations of mounts */
	unsigned text_count;
};

/* What one app asks for. */
struct volume_wishes {
	const char *app;		  /* its name */
	const struct text_list *volumes;  /* SRC:DST, in this app alone */
	const struct text_list *mounts;	  /* volume=NAME,target=PATH */
	const struct text_list *tmpfs;	  /* DST[:OPTION,...] */
	const char *const *declared;	  /* the image's: paths, NULL-terminated; or NULL */
	const struct volume *host_mounts; /* read already, with a target each */
	unsigned host_mount_count;
	const struct pod_mount *tmpfs_mounts;
	unsigned tmpfs_mount_count;
};

/* Reads the pod's --volume options. On failure volume_options_free() is still to be called. */
int volume_options_read(struct volume_options *options, const struct text_list *volumes,
			struct error *err);

/*
 * Adds one app's mounts to the *count that are at mounts, which has room for RECORD_MOUNTS_MAX: the
 * pod's SRC:DST, the app's own, those by name, tmpfs, and an empty volume for each path that the
 * image declares and that none of these is mounted on. Refuses two mounts on one path.
 */
int volume_options_mount(struct volume_options *options, const struct volume_wishes *wishes,
			 struct volume_set *set, struct pod_mount *mounts, size_t *count,
			 struct error *err);

/* Adds a volume with a name that a manifest tells of. */
int volume_options_declare(struct volume_options *options, const struct volume *volume,
			   struct error *err);

/* The volume of this name that --volume has told of, or NULL. */
const struct volume *volume_options_find(const struct volume_options *options, const char *name);

void volume_options_free(struct volume_options *options);

#endif
