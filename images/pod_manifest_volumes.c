/*
 * The volumes of a pod manifest, and the mounts of its apps, which name them or bring their own.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "images/appc_app.h"
#include "images/limits.h"
#include "images/pod_manifest_internal.h"

enum { VOLUME_MODE_DEFAULT = 0755, VOLUME_MODE_MAX = 07777 };

/* Digits of a mode, octal, as a string, or a number as Go's encoder writes it. */
static int read_mode(const struct appc_node *item, uint32_t *out, struct error *err)
{
	const char *text;
	char *end;
	unsigned long mode;
	int found = appc_string(item, "mode", &text, err);

	if (found <= 0)
		return found;
	mode = strtoul(text, &end, 8);
	if (*text < '0' || *text > '7' || *end || mode > VOLUME_MODE_MAX)
		return appc_refuse(item, "mode", err, "\"%.64s\" is no octal mode", text);
	*out = (uint32_t)mode;
	return 1;
}

static int read_id(const struct appc_node *item, const char *key, uint32_t *out, struct error *err)
{
	uint64_t value = 0;
	int found = appc_uint(item, key, IMAGE_ID_MAX, &value, err);

	if (found > 0)
		*out = (uint32_t)value;
	return found;
}

static int read_flag(const struct appc_node *item, const char *key, enum manifest_flag *out,
		     struct error *err)
{
	bool value = false;
	int found = appc_bool(item, key, &value, err);

	if (found > 0)
		*out = value ? MANIFEST_TRUE : MANIFEST_FALSE;
	return found;
}

static int check_host(const struct appc_node *item, const char *source, bool has_owner,
		      struct manifest_volume *volume, struct error *err)
{
	volume->kind = MANIFEST_VOLUME_HOST;
	if (has_owner)
		return appc_refuse(item, NULL, err,
				   "mode, uid and gid are for empty volumes, this is one of the "
				   "host");
	if (!*source)
		return appc_refuse(item, "source", err, "it is missing");
	if (!appc_is_clean_path(source))
		return appc_refuse(item, "source", err, "\"%.200s\" is no absolute, clean path",
				   source);
	return pod_manifest_take(source, &volume->source, err);
}

static int check_empty(const struct appc_node *item, const char *source,
		       struct manifest_volume *volume, struct error *err)
{
	volume->kind = MANIFEST_VOLUME_EMPTY;
	if (*source)
		return appc_refuse(item, "source", err, "an empty volume has none");
	if (volume->recursive)
		return appc_refuse(item, "recursive", err, "an empty volume has nothing below it");
	return 0;
}

static int read_volume(const struct appc_node *item, struct manifest_volume *volume,
		       struct error *err)
{
	const char *kind, *source;
	int mode, uid, gid;

	volume->mode = VOLUME_MODE_DEFAULT;
	if (pod_manifest_read_name(item, "name", &volume->name, err) < 0 ||
	    appc_need_string(item, "kind", &kind, err) < 0 ||
	    appc_string(item, "source", &source, err) < 0 ||
	    read_flag(item, "readOnly", &volume->read_only, err) < 0 ||
	    read_flag(item, "recursive", &volume->recursive, err) < 0)
		return -1;
	mode = read_mode(item, &volume->mode, err);
	uid = mode < 0 ? -1 : read_id(item, "uid", &volume->uid, err);
	gid = uid < 0 ? -1 : read_id(item, "gid", &volume->gid, err);
	if (gid < 0)
		return -1;
	if (!strcmp(kind, "host"))
		return check_host(item, source, mode || uid || gid, volume, err);
	if (!strcmp(kind, "empty"))
		return check_empty(item, source, volume, err);
	return appc_refuse(item, "kind", err, "\"%.64s\" is neither host nor empty", kind);
}

static int add_volume(const struct appc_node *item, struct pod_manifest *manifest,
		      struct error *err)
{
	struct manifest_volume *volumes = manifest->volumes;
	struct manifest_volume *last = &volumes[manifest->volume_count++];

	if (read_volume(item, last, err) < 0)
		return -1;
	for (const struct manifest_volume *volume = volumes; volume < last; volume++)
		if (!strcmp(volume->name, last->name))
			return appc_refuse(item, "name", err, "%s stands there twice", last->name);
	return 0;
}

int pod_manifest_read_volumes(const struct appc_node *json, struct pod_manifest *manifest,
			      struct error *err)
{
	struct appc_node list, item = { 0 };
	void *room = NULL;
	int more;

	if (pod_manifest_open_list(json, "volumes", POD_MANIFEST_VOLUMES_MAX,
				   sizeof(*manifest->volumes), &list, &room, err) < 0)
		return -1;
	manifest->volumes = room;
	while ((more = appc_next_object(&list, &item, err)) > 0)
		if (add_volume(&item, manifest, err) < 0)
			return -1;
	return more;
}

static bool has_volume(const struct pod_manifest *manifest, const char *name)
{
	for (size_t i = 0; i < manifest->volume_count; i++)
		if (!strcmp(manifest->volumes[i].name, name))
			return true;
	return false;
}

/* A volume that stands within a mount becomes one of the pod. */
static int add_inline(const struct appc_node *item, struct pod_manifest *manifest,
		      const struct manifest_mount *mount, struct error *err)
{
	struct manifest_volume *grown;
	struct appc_node inner;
	int found = appc_object(item, "appVolume", &inner, err);

	if (found <= 0)
		return found;
	if (manifest->volume_count == POD_MANIFEST_VOLUMES_MAX)
		return appc_refuse(item, "appVolume", err, "it is one volume too many");
	grown = reallocarray(manifest->volumes, manifest->volume_count + 1, sizeof(*grown));
	if (!grown)
		return error_set(err, ENOMEM, "cannot read a manifest");
	manifest->volumes = grown;
	grown[manifest->volume_count] = (struct manifest_volume){ 0 };
	if (add_volume(&inner, manifest, err) < 0)
		return -1;
	if (strcmp(grown[manifest->volume_count - 1].name, mount->volume))
		return appc_refuse(item, "appVolume", err, "its name is not that of the mount, %s",
				   mount->volume);
	return 1;
}

static int read_mount(const struct appc_node *item, struct pod_manifest *manifest,
		      struct manifest_app *app, struct error *err)
{
	struct manifest_mount *mount = &app->mounts[app->mount_count++];
	const char *path;

	if (pod_manifest_read_name(item, "volume", &mount->volume, err) < 0 ||
	    appc_need_string(item, "path", &path, err) < 0)
		return -1;
	if (!appc_is_clean_path(path))
		return appc_refuse(item, "path", err, "\"%.200s\" is no absolute, clean path",
				   path);
	if (pod_manifest_take(path, &mount->path, err) < 0 ||
	    add_inline(item, manifest, mount, err) < 0)
		return -1;
	if (!has_volume(manifest, mount->volume))
		return appc_refuse(item, "volume", err, "the pod has no volume %s", mount->volume);
	return 0;
}

int pod_manifest_read_mounts(const struct appc_node *json, struct pod_manifest *manifest,
			     struct manifest_app *app, struct error *err)
{
	struct appc_node list, item = { 0 };
	void *room = NULL;
	int more;

	if (pod_manifest_open_list(json, "mounts", POD_MANIFEST_MOUNTS_MAX, sizeof(*app->mounts),
				   &list, &room, err) < 0)
		return -1;
	app->mounts = room;
	while ((more = appc_next_object(&list, &item, err)) > 0)
		if (read_mount(&item, manifest, app, err) < 0)
			return -1;
	return more;
}
