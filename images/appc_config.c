/*
 * From an image manifest to the configuration that a pod starts with.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "images/appc_image.h"
#include "vmm/base/cleanup.h"

static int copy_list(struct string_list *out, const struct string_list *from)
{
	for (size_t i = 0; i < from->count; i++) {
		if (string_list_add(out, from->items[i], strlen(from->items[i])) < 0)
			return -1;
	}
	return 0;
}

/* root needs no /etc/passwd in the image: it is the user that every system has. */
static const char *owner(const char *text)
{
	return strcmp(text, "root") ? text : "0";
}

static int note(struct string_list *unapplied, const char *text)
{
	return string_list_add(unapplied, text, strlen(text));
}

static int note_unapplied(const struct appc_app *app, struct string_list *unapplied)
{
	for (size_t i = 0; i < app->isolators.names.count; i++) {
		if (note(unapplied, app->isolators.names.items[i]) < 0)
			return -1;
	}
	if (app->pre_start.count && note(unapplied, "pre-start") < 0)
		return -1;
	if (app->post_stop.count && note(unapplied, "post-stop") < 0)
		return -1;
	if (app->supplementary_gid_count && note(unapplied, "supplementary-gids") < 0)
		return -1;
	return 0;
}

static int fill(const struct appc_app *app, struct image_config *config,
		struct string_list *unapplied)
{
	if (asprintf(&config->user, "%s:%s", owner(app->user), owner(app->group)) < 0) {
		config->user = NULL;
		return -1;
	}
	config->working_dir = strdup(app->working_dir);
	if (!config->working_dir || copy_list(&config->entrypoint, &app->exec) < 0 ||
	    copy_list(&config->env, &app->environment) < 0)
		return -1;
	for (size_t i = 0; i < app->mount_point_count; i++) {
		const char *path = app->mount_points[i].path;

		if (string_list_add(&config->volumes, path, strlen(path)) < 0)
			return -1;
	}
	return note_unapplied(app, unapplied);
}

int appc_image_config(const struct appc_image *image, struct image_config *config,
		      struct string_list *unapplied, struct error *err)
{
	int result = 0;

	if (image->has_app) {
		result = fill(&image->app, config, unapplied);
	} else {
		config->user = strdup("");
		config->working_dir = strdup("");
		if (!config->user || !config->working_dir)
			result = -1;
	}
	return result < 0 ? error_set(err, ENOMEM, "cannot read a manifest") : 0;
}
