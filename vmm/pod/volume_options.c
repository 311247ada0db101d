/*
 * Options about volumes, put together for each app. The image's paths come from outside: they
 * become mount targets, which the guest resolves inside the app's root.
 */
#include "vmm/pod/volume_options.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Where the mounts of one app go. */
struct target {
	struct volume_options *options;
	struct volume_set *set;
	struct pod_mount *mounts;
	size_t *count;
	struct error *err;
};

/* Keeps an allocation for as long as the options live. Takes it over, also if it fails. */
static char *keep(const struct target *to, char *text)
{
	struct volume_options *options = to->options;
	char **texts = realloc(options->texts, (options->text_count + 1) * sizeof(*texts));

	if (texts)
		options->texts = texts;
	if (!texts || !text) {
		free(text);
		(void)error_set(to->err, ENOMEM, "cannot hold the volumes");
		return NULL;
	}
	return texts[options->text_count++] = text;
}

static int read_one(struct volume_options *options, const char *text, struct error *err)
{
	struct volume *volumes = realloc(options->volumes, (options->count + 1) * sizeof(*volumes));

	if (!volumes)
		return error_set(err, ENOMEM, "--volume %s", text);
	options->volumes = volumes;
	if (volume_parse(text, &volumes[options->count], err) < 0)
		return -1;
	options->count++;
	return 0;
}

const struct volume *volume_options_find(const struct volume_options *options, const char *name)
{
	for (unsigned i = 0; i < options->pod_count; i++) {
		if (options->volumes[i].name && strcmp(options->volumes[i].name, name) == 0)
			return &options->volumes[i];
	}
	return NULL;
}

int volume_options_read(struct volume_options *options, const struct text_list *volumes,
			struct error *err)
{
	*options = (struct volume_options){ 0 };
	for (unsigned i = 0; i < volumes->count; i++) {
		const struct volume *volume;

		if (read_one(options, volumes->items[i], err) < 0)
			return -1;
		volume = &options->volumes[i];
		if (volume->name && volume_options_find(options, volume->name))
			return error_set(err, 0, "--volume %s: there are two of this name",
					 volume->text);
		options->pod_count = options->count;
	}
	return 0;
}

int volume_options_declare(struct volume_options *options, const struct volume *volume,
			   struct error *err)
{
	struct volume *volumes = realloc(options->volumes, (options->count + 1) * sizeof(*volumes));

	if (!volumes)
		return error_set(err, ENOMEM, "the volume %s", volume->name);
	options->volumes = volumes;
	if (volume_options_find(options, volume->name))
		return error_set(err, 0, "the volume %s: there are two of this name", volume->name);
	volumes[options->count++] = *volume;
	options->pod_count = options->count;
	return 0;
}

static struct pod_mount *next_mount(const struct target *to)
{
	if (*to->count == RECORD_MOUNTS_MAX) {
		(void)error_set(to->err, 0, "an app has at most %d volumes", RECORD_MOUNTS_MAX);
		return NULL;
	}
	return &to->mounts[(*to->count)++];
}

static int mount_volume(const struct target *to, const struct volume *volume, const char *target,
			enum volume_flag read_only)
{
	struct pod_mount *mount = next_mount(to);

	return mount ? volume_set_mount(to->set, volume, target, read_only, mount, to->err) : -1;
}

/* The app's own: their texts stay in the options, so the array may move. */
static int mount_own(const struct target *to, const char *text)
{
	struct volume_options *options = to->options;
	const struct volume *volume;

	if (read_one(options, text, to->err) < 0)
		return -1;
	volume = &options->volumes[options->count - 1];
	if (volume->name)
		return error_set(to->err, 0,
				 "--volume %s: a volume with a name is the pod's: it stands before "
				 "the first image, and --mount says which app has it",
				 text);
	return mount_volume(to, volume, volume->target, VOLUME_UNSET);
}

static int mount_named(const struct target *to, const char *text)
{
	const struct volume *volume;
	struct volume_mount named;

	if (volume_mount_parse(text, &named, to->err) < 0 || !keep(to, named.memory))
		return -1;
	volume = volume_options_find(to->options, named.volume);
	if (!volume)
		return error_set(to->err, 0, "--mount %s: no --volume %s,kind=... tells of it",
				 text, named.volume);
	return mount_volume(to, volume, named.target, named.read_only);
}

static int mount_tmpfs(const struct target *to, const char *text)
{
	struct pod_mount *mount = next_mount(to);
	char *memory;

	if (!mount || volume_tmpfs_parse(text, mount, &memory, to->err) < 0)
		return -1;
	return keep(to, memory) ? 0 : -1;
}

/* An image's path that nothing else is mounted on. */
static int mount_declared(const struct target *to, const char *app, const char *path)
{
	struct pod_mount *mount;
	char *name;

	if (path[0] != '/')
		return error_set(to->err, 0, "the image declares a volume at %s, no absolute path",
				 path);
	for (size_t i = 0; i < *to->count; i++) {
		if (volume_same_target(to->mounts[i].target, path))
			return 0;
	}
	mount = next_mount(to);
	if (!mount || asprintf(&name, "%s-%u", app, to->set->volume_count) < 0 || !keep(to, name))
		return -1;
	return volume_set_implicit(to->set, name, path, mount, to->err);
}

static int mount_list(const struct target *to, const struct text_list *list,
		      int (*mount)(const struct target *, const char *))
{
	for (unsigned i = 0; list && i < list->count; i++) {
		if (mount(to, list->items[i]) < 0)
			return -1;
	}
	return 0;
}

static int mount_made(const struct target *to, const struct volume_wishes *wishes)
{
	for (unsigned i = 0; i < wishes->host_mount_count; i++) {
		const struct volume *volume = &wishes->host_mounts[i];

		if (mount_volume(to, volume, volume->target, VOLUME_UNSET) < 0)
			return -1;
	}
	for (unsigned i = 0; i < wishes->tmpfs_mount_count; i++) {
		struct pod_mount *mount = next_mount(to);

		if (!mount)
			return -1;
		*mount = wishes->tmpfs_mounts[i];
	}
	return 0;
}

int volume_options_mount(struct volume_options *options, const struct volume_wishes *wishes,
			 struct volume_set *set, struct pod_mount *mounts, size_t *count,
			 struct error *err)
{
	const struct target to = {
		.options = options, .set = set, .mounts = mounts, .count = count, .err = err
	};

	for (unsigned i = 0; i < options->pod_count; i++) {
		const struct volume *volume = &options->volumes[i];

		if (volume->target && mount_volume(&to, volume, volume->target, VOLUME_UNSET) < 0)
			return -1;
	}
	if (mount_made(&to, wishes) < 0 || mount_list(&to, wishes->volumes, mount_own) < 0 ||
	    mount_list(&to, wishes->mounts, mount_named) < 0 ||
	    mount_list(&to, wishes->tmpfs, mount_tmpfs) < 0 ||
	    volume_check_targets(mounts, *count, err) < 0)
		return -1;
	for (const char *const *path = wishes->declared; path && *path; path++) {
		if (mount_declared(&to, wishes->app, *path) < 0)
			return -1;
	}
	volume_sort_targets(mounts, *count);
	return 0;
}

void volume_options_free(struct volume_options *options)
{
	for (unsigned i = 0; i < options->count; i++)
		volume_free(&options->volumes[i]);
	for (unsigned i = 0; i < options->text_count; i++)
		free(options->texts[i]);
	free(options->volumes);
	free(options->texts);
	*options = (struct volume_options){ 0 };
}
