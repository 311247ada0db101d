/*
 * What an app's process is: command, environment, user, groups, directory, root, handlers.
 *
 * Strings of images and manifests become arguments and environment in the guest and nothing else:
 * none reaches the kernel command line, a path of the host, or an option of ours.
 */
#include <stdlib.h>
#include <string.h>

#include "guest-init/metadata_protocol.h"
#include "vmm/base/bytes.h"
#include "vmm/pod/app_values.h"
#include "vmm/pod/merge_internal.h"
#include "vmm/pod/metadata.h"
#include "vmm/pod/upper.h"

static const char *masked_paths[] = {
	"/proc/acpi",
	"/proc/asound",
	"/proc/kcore",
	"/proc/keys",
	"/proc/latency_stats",
	"/proc/sched_debug",
	"/proc/scsi",
	"/proc/timer_list",
	"/proc/timer_stats",
	"/sys/firmware",
	"/sys/devices/virtual/powercap",
	NULL,
};

static const char *read_only_paths[] = {
	"/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger", NULL,
};

static const char *const no_strings[] = { NULL };

static size_t count_strings(const char *const *strings)
{
	size_t count = 0;

	while (strings[count])
		count++;
	return count;
}

/* The strings of two lists, borrowed, in a fresh array that is kept. */
static const char **join(struct merge_app *app, const char *const *first, const char *const *second,
			 struct error *err)
{
	size_t a = count_strings(first), b = count_strings(second);
	const char **joined = keep_array(&app->assembly->keep, a + b + 1, sizeof(*joined), err);

	if (!joined)
		return NULL;
	memcpy(joined, first, a * sizeof(*joined));
	memcpy(joined + a, second, b * sizeof(*joined));
	return joined;
}

/* COMMAND replaces the image's Cmd; --entrypoint replaces its Entrypoint and drops its Cmd. */
static int set_argv(struct merge_app *app, struct error *err)
{
	const char *entrypoint[] = { app->own->entrypoint, NULL };
	const char *const *first = app->base.entrypoint;
	const char *const *second = app->base.cmd;

	if (app->own->entrypoint) {
		first = app->own->entrypoint[0] ? entrypoint : no_strings;
		second = no_strings;
	}
	if (app->own->command[0])
		second = app->own->command;
	app->out->argv = join(app, first, second, err);
	if (!app->out->argv)
		return -1;
	if (!app->out->argv[0])
		return error_set(err, 0, "nothing to run: %s names no command; give one after --",
				 app->image->is_directory ? "a root directory" : "the image");
	return 0;
}

static size_t name_length(const char *variable)
{
	return strcspn(variable, "=");
}

/* Sets or replaces one variable. The array has room. */
static void set_variable(const char **env, const char *variable)
{
	size_t length = name_length(variable);
	unsigned i;

	for (i = 0; env[i]; i++)
		if (name_length(env[i]) == length && strncmp(env[i], variable, length) == 0)
			break;
	env[i] = variable;
}

/* --env NAME takes the caller's value, and is ignored where there is none. */
static int inherit_variable(struct merge_app *app, const char **env, const char *name,
			    struct error *err)
{
	const char *value = getenv(name);
	char *variable;

	if (!value)
		return 0;
	variable = keep_text(&app->assembly->keep, err, "%s=%s", name, value);
	if (!variable)
		return -1;
	set_variable(env, variable);
	return 0;
}

/* What an appc executor says to its apps (ace.md, "Execution Environment"). */
static int set_executor(struct merge_app *app, const char **env, struct error *err)
{
	char *name = keep_text(&app->assembly->keep, err, "AC_APP_NAME=%s", app->out->name);

	if (!name)
		return -1;
	set_variable(env, name);
	set_variable(env, "container=nacelle");
	return 0;
}

/* The app is told of the service that there is, whatever others say. */
static int set_metadata(struct merge_app *app, const char **env, struct error *err)
{
	char *url;

	if (!app->options->metadata_token)
		return 0;
	url = keep_text(&app->assembly->keep, err, METADATA_VARIABLE "=http://127.0.0.1:%d/%s",
			METADATA_PORT, app->options->metadata_token);
	if (!url)
		return -1;
	set_variable(env, url);
	return 0;
}

/* What apps of rkt have unless somebody says otherwise. */
static const char *const rkt_variables[] = { "SHELL=/bin/sh", "USER=root", "LOGNAME=root" };

static int set_env(struct merge_app *app, struct error *err)
{
	enum { OWN = 3 };
	const char *const *base = app->base.env;
	const struct text_list *options = &app->own->env;
	const char **env =
	    keep_array(&app->assembly->keep,
		       count_strings(base) + ARRAY_SIZE(rkt_variables) + OWN + options->count + 1,
		       sizeof(*env), err);

	if (!env)
		return -1;
	app->out->env = env;
	for (size_t i = 0; app->options->app_roots && i < ARRAY_SIZE(rkt_variables); i++)
		set_variable(env, rkt_variables[i]);
	for (unsigned i = 0; base[i]; i++)
		set_variable(env, base[i]);
	if ((app->base.is_appc || app->options->metadata_token) && set_executor(app, env, err) < 0)
		return -1;
	for (unsigned i = 0; i < options->count; i++) {
		const char *variable = options->items[i];

		if (name_length(variable) == 0)
			return error_set(err, 0, "--env %s: a variable needs a name", variable);
		if (variable[name_length(variable)] == '=')
			set_variable(env, variable);
		else if (inherit_variable(app, env, variable, err) < 0)
			return -1;
	}
	return set_metadata(app, env, err);
}

static int set_identity(struct merge_app *app, struct error *err)
{
	const struct app_options *own = app->own;
	const struct image_config *rest = app->base.rest;
	struct pod_app *out = app->out;

	if (own->workdir && own->workdir[0] != '/')
		return error_set(err, 0, "--workdir %s: an absolute path is expected",
				 own->workdir);
	out->user = own->user ? own->user : app->base.user[0] ? app->base.user : NULL;
	out->workdir = own->workdir ? own->workdir : app->base.workdir[0] ? app->base.workdir : "/";
	out->init = own->init;
	out->hold = app->options->hold;
	out->has_umask = own->has_umask;
	out->umask = own->umask;
	out->shm_size = own->shm_bytes;
	out->start_hooks = own->start_hooks;
	out->start_hook_count = own->start_hook_count;
	out->start_state = own->start_state;
	out->masked_paths = own->all_paths ? NULL : masked_paths;
	out->read_only_paths = own->all_paths ? NULL : read_only_paths;
	if (own->masked_paths)
		out->masked_paths = own->masked_paths;
	if (own->read_only_paths)
		out->read_only_paths = own->read_only_paths;
	out->supplementary_gids = rest->supplementary_gids;
	out->supplementary_gid_count = rest->supplementary_gid_count;
	if (!own->supplementary_gids.count)
		return 0;
	return app_value_gids(&own->supplementary_gids, &app->assembly->keep,
			      &out->supplementary_gids, &out->supplementary_gid_count, err);
}

static int set_handler(struct merge_app *app, const char *option, const char *text,
		       const struct string_list *base, const char ***out, struct error *err)
{
	if (text)
		return app_value_words(option, text, &app->assembly->keep, out, err);
	if (!base->count)
		return 0;
	*out = join(app, (const char *const *)base->items, no_strings, err);
	return *out ? 0 : -1;
}

static int set_life(struct merge_app *app, struct error *err)
{
	const struct app_options *own = app->own;
	const struct image_config *rest = app->base.rest;
	struct pod_app *out = app->out;

	out->stop_signal = (uint32_t)app->base.stop_signal;
	if (own->stop_signal && app_value_signal(own->stop_signal, &out->stop_signal, err) < 0)
		return -1;
	if (own->restart && app_value_restart(own->restart, &out->restart, err) < 0)
		return -1;
	if (set_handler(app, "--pre-start", own->pre_start, &rest->pre_start, &out->pre_start,
			err) < 0)
		return -1;
	return set_handler(app, "--post-stop", own->post_stop, &rest->post_stop, &out->post_stop,
			   err);
}

static int set_upper(struct merge_app *app, struct error *err)
{
	struct pod_root *root = &app->out->root;

	root->read_only = app->own->read_only;
	root->make_files = app->options->app_roots != NULL; /* they are there for this pod alone */
	return upper_parse(app->options->upper, &root->upper, &root->upper_size_bytes, err);
}

static int set_root(struct merge_app *app, struct error *err)
{
	struct pod_root *root = &app->out->root;
	bool none;

	if (set_upper(app, err) < 0)
		return -1;
	none = root->upper == POD_UPPER_NONE;
	if (!app->image->is_directory) {
		root->type = POD_ROOT_EROFS;
		root->source = app->image->disk;
		root->read_only = root->read_only || none;
		return 0;
	}
	root->type = POD_ROOT_9P;
	/* Only without an upper layer do the app's changes reach the host's directory. */
	root->source =
	    volume_set_adopt(&app->assembly->volumes, "root", -1, !none || root->read_only, err);
	return root->source ? 0 : -1;
}

int merge_process(struct merge_app *app, struct error *err)
{
	if (set_identity(app, err) < 0 || set_argv(app, err) < 0 || set_env(app, err) < 0 ||
	    set_life(app, err) < 0)
		return -1;
	return set_root(app, err);
}
