/*
 * What is mounted in an app: what a manifest says, what the options say, and what its mount points
 * need beside that (appc spec, pods.md, "volumes").
 */
#include <string.h>

#include "vmm/pod/merge_internal.h"

static enum volume_flag flag(enum manifest_flag from)
{
	return from == MANIFEST_TRUE	? VOLUME_YES
	       : from == MANIFEST_FALSE ? VOLUME_NO
					: VOLUME_UNSET;
}

int merge_volumes(struct assembly *assembly, const struct pod_manifest *manifest, struct error *err)
{
	for (size_t i = 0; i < manifest->volume_count; i++) {
		const struct manifest_volume *from = &manifest->volumes[i];
		const struct volume volume = {
			.kind = from->kind == MANIFEST_VOLUME_HOST ? VOLUME_HOST : VOLUME_EMPTY,
			.text = from->name,
			.name = from->name,
			.source = from->source,
			.read_only = flag(from->read_only),
			.recursive = flag(from->recursive),
			.mode = from->mode,
			.uid = from->uid,
			.gid = from->gid,
		};

		if (volume_options_declare(&assembly->volume_options, &volume, err) < 0)
			return -1;
	}
	return 0;
}

static struct pod_mount *next_mount(struct merge_app *app, struct pod_mount *mounts,
				    struct error *err)
{
	if (app->out->mount_count < RECORD_MOUNTS_MAX)
		return &mounts[app->out->mount_count++];
	error_set(err, 0, "an app has at most %d volumes", RECORD_MOUNTS_MAX);
	return NULL;
}

static int mount_one(struct merge_app *app, struct pod_mount *mounts, const struct volume *volume,
		     const char *target, bool read_only, struct error *err)
{
	struct pod_mount *mount = next_mount(app, mounts, err);

	if (!mount)
		return -1;
	return volume_set_mount(&app->assembly->volumes, volume, target,
				read_only ? VOLUME_YES : VOLUME_UNSET, mount, err);
}

/* Whether the mount point on this path is read-only. */
static bool point_is_read_only(const struct image_config *config, const char *path)
{
	for (size_t i = 0; i < config->mount_point_count; i++)
		if (volume_same_target(config->mount_points[i].path, path))
			return config->mount_points[i].read_only;
	return false;
}

static int mount_manifest(struct merge_app *app, struct pod_mount *mounts, struct error *err)
{
	for (size_t i = 0; app->manifest && i < app->manifest->mount_count; i++) {
		const struct manifest_mount *from = &app->manifest->mounts[i];
		const struct volume *volume =
		    volume_options_find(&app->assembly->volume_options, from->volume);

		if (!volume)
			return error_set(err, 0, "the pod has no volume %s", from->volume);
		if (mount_one(app, mounts, volume, from->path,
			      point_is_read_only(app->base.rest, from->path), err) < 0)
			return -1;
	}
	return 0;
}

static bool is_mounted(const struct merge_app *app, const struct pod_mount *mounts,
		       const char *path)
{
	for (size_t i = 0; i < app->out->mount_count; i++)
		if (volume_same_target(mounts[i].target, path))
			return true;
	return false;
}

/* APP-POINT, with a number behind it if the pod has such a volume already. */
static const char *implicit_name(struct merge_app *app, const char *point, struct error *err)
{
	const struct volume_set *set = &app->assembly->volumes;
	const char *name = keep_text(&app->assembly->keep, err, "%s-%s", app->out->name, point);

	for (unsigned i = 0; name && i < set->volume_count; i++)
		if (strcmp(set->volumes[i].name, name) == 0)
			return keep_text(&app->assembly->keep, err, "%s-%s-%u", app->out->name,
					 point, set->volume_count);
	return name;
}

/* A mount point that nothing is mounted on gets the volume of its name, or an empty one. */
static int mount_points(struct merge_app *app, struct pod_mount *mounts, struct error *err)
{
	const struct image_config *config = app->base.rest;

	for (size_t i = 0; i < config->mount_point_count; i++) {
		const struct image_mount_point *point = &config->mount_points[i];
		const struct volume *volume =
		    volume_options_find(&app->assembly->volume_options, point->name);
		struct pod_mount *mount;
		const char *name;

		if (is_mounted(app, mounts, point->path))
			continue;
		if (volume) {
			if (mount_one(app, mounts, volume, point->path, point->read_only, err) < 0)
				return -1;
			continue;
		}
		name = implicit_name(app, point->name, err);
		mount = name ? next_mount(app, mounts, err) : NULL;
		if (!mount ||
		    volume_set_implicit(&app->assembly->volumes, name, point->path, mount, err) < 0)
			return -1;
		mount->read_only = point->read_only;
	}
	return 0;
}

static bool has_any(const struct merge_app *app)
{
	return app->own->host_mount_count || app->own->tmpfs_mount_count ||
	       app->options->volumes.count || app->own->volumes.count || app->own->mounts.count ||
	       app->own->tmpfs.count || app->base.volumes[0] || app->base.rest->mount_point_count ||
	       (app->manifest && app->manifest->mount_count);
}

int merge_mounts(struct merge_app *app, struct error *err)
{
	struct volume_set *set = &app->assembly->volumes;
	const struct volume_wishes wishes = {
		.app = app->out->name,
		.volumes = &app->own->volumes,
		.mounts = &app->own->mounts,
		.tmpfs = &app->own->tmpfs,
		.host_mounts = app->own->host_mounts,
		.host_mount_count = app->own->host_mount_count,
		.tmpfs_mounts = app->own->tmpfs_mounts,
		.tmpfs_mount_count = app->own->tmpfs_mount_count,
		.declared = app->base.rest->mount_point_count ? NULL : app->base.volumes,
	};
	struct pod_mount *mounts;

	if (!has_any(app))
		return 0;
	mounts = keep_array(&app->assembly->keep, RECORD_MOUNTS_MAX, sizeof(*mounts), err);
	if (!mounts)
		return -1;
	app->out->mounts = mounts;
	if (mount_manifest(app, mounts, err) < 0 ||
	    volume_options_mount(&app->assembly->volume_options, &wishes, set, mounts,
				 &app->out->mount_count, err) < 0 ||
	    mount_points(app, mounts, err) < 0)
		return -1;
	volume_sort_targets(mounts, app->out->mount_count);
	return 0;
}
