/*
 * The merge, from top to bottom: names, then app by app, then what the pod has of all of them.
 */
#include "vmm/pod/merge.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "images/appc_types.h"
#include "vmm/pod/merge_internal.h"

static const char *const no_strings[] = { NULL };

static const char *const *borrow(char **strings)
{
	return strings ? (const char *const *)strings : no_strings;
}

static struct merge_base base_of_manifest(const struct manifest_app *app)
{
	return (struct merge_base){
		.entrypoint = borrow(app->app.entrypoint.items),
		.cmd = no_strings,
		.env = borrow(app->app.env.items),
		.volumes = no_strings,
		.user = app->app.user,
		.workdir = app->app.working_dir,
		.is_appc = true,
		.rest = &app->app,
	};
}

static struct merge_base base_of_image(const struct pod_image *pod_image)
{
	static const struct image_config nothing;
	const struct store_image *image = &pod_image->image;

	if (pod_image->is_directory)
		return (struct merge_base){ .entrypoint = no_strings,
					    .cmd = no_strings,
					    .env = no_strings,
					    .volumes = no_strings,
					    .user = "",
					    .workdir = "",
					    .rest = &nothing };
	return (struct merge_base){
		.entrypoint = borrow(image->entrypoint),
		.cmd = borrow(image->cmd),
		.env = borrow(image->env),
		.volumes = borrow(image->volumes),
		.user = image->user ? image->user : "",
		.workdir = image->working_dir ? image->working_dir : "",
		.stop_signal = image->stop_signal,
		.is_appc = image->is_aci,
		.rest = &image->rest,
	};
}

/* The last component of a reference, as far as it makes a name. */
static void name_by_reference(const char *reference, char name[APPC_NAME_MAX + 1])
{
	const char *start = strrchr(reference, '/');
	size_t len = 0;

	start = start ? start + 1 : reference + strcspn(reference, ":");
	start += *start == ':';
	for (; *start && *start != ':' && *start != '@' && len < 64; start++) {
		int c = tolower((unsigned char)*start);

		if (isalnum(c) && c < 128)
			name[len++] = (char)c;
		else if (len && name[len - 1] != '-')
			name[len++] = '-';
	}
	while (len && name[len - 1] == '-')
		len--;
	name[len] = '\0';
	if (!appc_is_name(name))
		strcpy(name, "app");
}

static bool is_taken(const struct assembly *assembly, unsigned count, const char *name)
{
	for (unsigned i = 0; i < count; i++)
		if (strcmp(assembly->apps[i].name, name) == 0)
			return true;
	return false;
}

static int name_app(struct assembly *assembly, const struct run_options *options, unsigned index,
		    struct error *err)
{
	const struct app_options *own = run_app_options(options, index);
	char name[APPC_NAME_MAX + 1];
	struct pod_app *app = &assembly->apps[index];

	app->name = own->name;
	if (app->name && !appc_is_name(app->name))
		return error_set(err, 0,
				 "--name %s: the name of an app has lower-case letters, digits and "
				 "inner dashes",
				 app->name);
	if (app->name && is_taken(assembly, index, app->name))
		return error_set(err, 0, "--name %s: two apps have this name", app->name);
	if (!app->name && options->app_count == 1)
		app->name = options->name && appc_is_name(options->name) ? options->name : "app";
	if (app->name)
		return 0;
	name_by_reference(own->reference, name);
	app->name = keep_text(&assembly->keep, err, "%s", name);
	for (unsigned n = 2; app->name && is_taken(assembly, index, app->name); n++)
		app->name = keep_text(&assembly->keep, err, "%s-%u", name, n);
	return app->name ? 0 : -1;
}

/* Isolators that are understood and not applied are told, once each. */
static int warn_unapplied(struct assembly *assembly, const char *whose,
			  const struct image_isolators *isolators, struct error *err)
{
	for (size_t i = 0; i < isolators->unapplied.count; i++) {
		if (assembly->warning_count == ASSEMBLY_WARNINGS_MAX)
			return 0;
		assembly->warnings[assembly->warning_count] =
		    keep_text(&assembly->keep, err, "the isolator %s of %s is not applied",
			      isolators->unapplied.items[i], whose);
		if (!assembly->warnings[assembly->warning_count++])
			return -1;
	}
	return 0;
}

static int check_id(const struct manifest_app *manifest, const struct pod_image *image,
		    struct error *err)
{
	const char *id = manifest->image_id, *digest = image->image.manifest_digest;

	if (!id)
		return 0;
	if (image->is_directory || strncmp(id, digest, 6) != 0 ||
	    strncmp(id + 7, digest + 7, strlen(id + 7)) != 0)
		return error_set(err, 0, "the image %s is not the one of the manifest, %s",
				 manifest->reference, id);
	return 0;
}

static int merge_one(struct assembly *assembly, const struct merge_input *input, unsigned index,
		     struct error *err)
{
	const struct pod_manifest *pod = input->manifest;
	struct merge_app app = {
		.assembly = assembly,
		.options = input->options,
		.own = run_app_options(input->options, index),
		.manifest = pod ? &pod->apps[index] : NULL,
		.image = pod_images_of_app(input->images, index),
		.out = &assembly->apps[index],
		.seccomp = &assembly->seccomp[index],
	};

	if (app.manifest && !input->options->app_roots &&
	    check_id(app.manifest, app.image, err) < 0)
		return -1;
	app.base = app.manifest && app.manifest->has_app ? base_of_manifest(app.manifest)
							 : base_of_image(app.image);
	app.base.is_appc = app.base.is_appc || pod;
	assembly->bases[index] = app.base.rest;
	if (name_app(assembly, input->options, index, err) < 0 || merge_process(&app, err) < 0 ||
	    merge_limits(&app, err) < 0 || merge_mounts(&app, err) < 0)
		return -1;
	return warn_unapplied(assembly, app.out->name, &app.base.rest->isolators, err);
}

static int merge_apps(struct assembly *assembly, const struct merge_input *input, struct error *err)
{
	for (unsigned i = 0; i < input->options->app_count; i++) {
		if (merge_one(assembly, input, i, err) < 0) {
			if (input->options->app_count > 1 && assembly->apps[i].name)
				error_prefix(err, "the app %s", assembly->apps[i].name);
			return -1;
		}
	}
	return 0;
}

static int add_sysctls(struct assembly *assembly, const struct string_list *sysctls, size_t *count,
		       struct error *err)
{
	const char **all = assembly->pod.sysctls;

	for (size_t i = 0; i + 1 < sysctls->count; i += 2) {
		const char *name = sysctls->items[i], *value = sysctls->items[i + 1];
		size_t len = strlen(name), at = 0;

		while (at < *count && (strncmp(all[at], name, len) != 0 || all[at][len] != '='))
			at++;
		if (at < *count && strcmp(all[at] + len + 1, value) != 0)
			return error_set(err, 0, "the sysctl %s has two values", name);
		if (at < *count)
			continue;
		all[at] = keep_text(&assembly->keep, err, "%s=%s", name, value);
		if (!all[at])
			return -1;
		(*count)++;
	}
	return 0;
}

static int add_given_sysctls(struct assembly *assembly, const struct text_list *given,
			     size_t *count, struct error *err)
{
	struct string_list pairs = { 0 };
	int result = 0;

	for (unsigned i = 0; i < given->count && result == 0; i++) {
		const char *text = given->items[i];
		size_t len = strcspn(text, "=");

		if (string_list_add(&pairs, text, len) < 0 ||
		    string_list_add(&pairs, text + len + 1, strlen(text + len + 1)) < 0)
			result = error_set(err, ENOMEM, "cannot hold the sysctls");
	}
	if (result == 0)
		result = add_sysctls(assembly, &pairs, count, err);
	string_list_free(&pairs);
	return result;
}

/* Apps share the kernel, so theirs are the pod's. */
static int merge_sysctls(struct assembly *assembly, const struct merge_input *input,
			 struct error *err)
{
	const struct pod_manifest *pod = input->manifest;
	const struct text_list *given = &input->options->sysctls;
	size_t count = 2 * given->count, used = 0;

	if (pod)
		count += pod->isolators.sysctls.count;

	for (size_t i = 0; i < assembly->pod.app_count; i++)
		count += assembly->bases[i]->isolators.sysctls.count;
	if (!count)
		return 0;
	assembly->pod.sysctls =
	    keep_array(&assembly->keep, count / 2 + 1, sizeof(*assembly->pod.sysctls), err);
	if (!assembly->pod.sysctls || add_given_sysctls(assembly, given, &used, err) < 0 ||
	    (pod && add_sysctls(assembly, &pod->isolators.sysctls, &used, err) < 0))
		return -1;
	for (size_t i = 0; i < assembly->pod.app_count; i++)
		if (add_sysctls(assembly, &assembly->bases[i]->isolators.sysctls, &used, err) < 0)
			return -1;
	return 0;
}

static int merge_size(struct assembly *assembly, const struct merge_input *input, struct error *err)
{
	size_t count = assembly->pod.app_count;
	struct size_need *needs = keep_array(&assembly->keep, count, sizeof(*needs), err);
	struct pod_size size;

	if (!needs)
		return -1;
	for (size_t i = 0; i < count; i++) {
		const struct image_isolators *isolators = &assembly->bases[i]->isolators;
		const struct pod_app *app = &assembly->apps[i];

		needs[i].memory_bytes =
		    app->memory_limit ? app->memory_limit : isolators->memory_request_bytes;
		needs[i].cpu = app->cpu_limit ? app->cpu_limit : isolators->cpu_request;
	}
	if (pod_size(&size, input->options, input->manifest ? &input->manifest->isolators : NULL,
		     needs, count, &input->host, err) < 0)
		return -1;
	assembly->memory_bytes = size.memory_bytes;
	assembly->pod.cpus = size.cpus;
	return 0;
}

int pod_merge(struct assembly *assembly, const struct merge_input *input, struct error *err)
{
	const struct pod_manifest *pod = input->manifest;
	unsigned count = input->options->app_count;

	assembly->apps = keep_array(&assembly->keep, count, sizeof(*assembly->apps), err);
	assembly->seccomp = keep_array(&assembly->keep, count, sizeof(*assembly->seccomp), err);
	assembly->bases = keep_array(&assembly->keep, count, sizeof(*assembly->bases), err);
	if (!assembly->apps || !assembly->seccomp || !assembly->bases)
		return -1;
	volume_set_init(&assembly->volumes, input->images->disk_count);
	assembly->pod.apps = assembly->apps;
	assembly->pod.app_count = count;
	assembly->pod.trace = input->options->trace != NULL;
	assembly->pod.metadata = input->options->metadata_token != NULL;
	if (volume_options_read(&assembly->volume_options, &input->options->volumes, err) < 0 ||
	    (pod && merge_volumes(assembly, pod, err) < 0) ||
	    merge_apps(assembly, input, err) < 0 || merge_sysctls(assembly, input, err) < 0 ||
	    merge_ports(assembly, input, err) < 0 ||
	    (pod && warn_unapplied(assembly, "the pod", &pod->isolators, err) < 0))
		return -1;
	assembly->pod.volumes = assembly->volumes.volumes;
	assembly->pod.volume_count = assembly->volumes.volume_count;
	return merge_size(assembly, input, err);
}
