/*
 * From a manifest to options. What a manifest says is the user's own, as the command line is.
 */
#include "vmm/pod/manifest.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "images/fields.h"
#include "vmm/base/cleanup.h"
#include "vmm/base/number.h"
#include "vmm/pod/env_file.h"
#include "vmm/pod/image_program.h"

enum annotation_kind {
	ANNOTATION_TEXT,
	ANNOTATION_FLAG,   /* "true" or "false" */
	ANNOTATION_NUMBER, /* above 0 */
	ANNOTATION_LIST,   /* items with spaces between them */
};

/* What appc has no member for. */
static const struct annotation {
	const char *name;
	enum annotation_kind kind;
	size_t offset; /* in struct app_options */
} annotations[] = {
	{ "nacelle/restart", ANNOTATION_TEXT, offsetof(struct app_options, restart) },
	{ "nacelle/stop-signal", ANNOTATION_TEXT, offsetof(struct app_options, stop_signal) },
	{ "nacelle/pids-limit", ANNOTATION_NUMBER, offsetof(struct app_options, pids_limit) },
	{ "nacelle/init", ANNOTATION_FLAG, offsetof(struct app_options, init) },
	{ "nacelle/tty", ANNOTATION_FLAG, offsetof(struct app_options, tty) },
	{ "nacelle/stdin", ANNOTATION_TEXT, offsetof(struct app_options, stdin_mode) },
	{ "nacelle/stdout", ANNOTATION_TEXT, offsetof(struct app_options, stdout_mode) },
	{ "nacelle/stderr", ANNOTATION_TEXT, offsetof(struct app_options, stderr_mode) },
	{ "nacelle/seccomp", ANNOTATION_TEXT, offsetof(struct app_options, seccomp) },
	{ "nacelle/oom-score-adj", ANNOTATION_TEXT, offsetof(struct app_options, oom_score_adj) },
	{ "nacelle/ulimit", ANNOTATION_LIST, offsetof(struct app_options, ulimits) },
};

/* How rkt's modes are called here; "interactive" and "tty" have a terminal or the caller's. */
static const struct {
	const char *theirs, *ours;
} modes[] = {
	{ "interactive", "inherit" }, { "tty", "inherit" }, { "stream", "log" }, { "log", "log" },
	{ "null", "null" },
};

static int load(struct pod_manifest *manifest, const char *verb, const char *file,
		struct error *err)
{
	const char *const arguments[] = { "nacelle-image", verb, "--", file, NULL };
	_cleanup_free_ void *data = NULL;
	size_t len;

	if (image_program_read(arguments, FIELDS_SIZE_MAX, &data, &len, NULL, err) < 0)
		return -1;
	return pod_manifest_decode(manifest, data, len, err);
}

/* What the pod's manifest leaves to the image. */
static int load_section(struct manifest_app *app, const char *app_roots, struct error *err)
{
	static const struct image_config nothing;
	_cleanup_fd_ int fd = manifest_open_section(app, app_roots, err);
	struct pod_manifest image;
	char file[64];

	if (fd < 0)
		return -1;
	(void)snprintf(file, sizeof(file), "/proc/%d/fd/%d", (int)getpid(), fd);
	if (load(&image, "image-manifest", file, err) < 0)
		return -1;
	app->app = image.apps[0].app;
	app->has_app = true;
	image.apps[0].app = nothing;
	pod_manifest_free(&image);
	return 0;
}

int manifest_load(struct pod_manifest *manifest, const char *file, const char *app_roots,
		  struct error *err)
{
	if (load(manifest, "pod-manifest", file, err) < 0)
		return -1;
	for (size_t i = 0; app_roots && i < manifest->app_count; i++) {
		struct manifest_app *app = &manifest->apps[i];

		if (!app->has_app && load_section(app, app_roots, err) < 0) {
			error_prefix(err, "the app %s", app->name);
			pod_manifest_free(manifest);
			return -1;
		}
	}
	return 0;
}

static int apply_list(struct text_list *list, const char *value, struct keep *keep_list,
		      struct error *err)
{
	char *copy = keep(keep_list, strdup(value), err), *rest = copy, *word;
	size_t max = strlen(value) / 2 + 2 + list->count;
	const char **items = copy ? keep_array(keep_list, max, sizeof(*items), err) : NULL;
	unsigned count = 0;

	if (!items)
		return -1;
	while ((word = strsep(&rest, " ")))
		if (*word)
			items[count++] = word;
	if (list->count)
		memcpy(items + count, list->items, list->count * sizeof(*items));
	*list = (struct text_list){ items, count + list->count };
	return 0;
}

static int apply(const struct annotation *annotation, const char *value,
		 struct app_options *options, struct keep *keep, struct error *err)
{
	void *field = (char *)options + annotation->offset;
	bool is_true = strcmp(value, "true") == 0;

	switch (annotation->kind) {
	case ANNOTATION_TEXT:
		if (!*(const char **)field)
			*(const char **)field = value;
		return 0;
	case ANNOTATION_FLAG:
		if (!is_true && strcmp(value, "false") != 0)
			return error_set(err, 0, "%s: true or false is expected, not \"%.64s\"",
					 annotation->name, value);
		*(bool *)field |= is_true;
		return 0;
	case ANNOTATION_NUMBER:
		if (*(uint64_t *)field)
			return 0;
		if (number_parse(value, field) < 0 || !*(uint64_t *)field)
			return error_set(err, 0, "%s: \"%.64s\" is no number above 0",
					 annotation->name, value);
		return 0;
	case ANNOTATION_LIST:
		return apply_list(field, value, keep, err);
	}
	return 0;
}

/* coreos.com/rkt/stage2/stdin and the others. */
static int apply_rkt(const char *name, const char *value, struct app_options *options,
		     struct error *err)
{
	const char **fields[] = { &options->stdin_mode, &options->stdout_mode,
				  &options->stderr_mode };
	static const char *const names[] = { "stdin", "stdout", "stderr" };
	static const char prefix[] = "coreos.com/rkt/stage2/";

	if (strncmp(name, prefix, strlen(prefix)) != 0)
		return 0;
	for (size_t i = 0; i < 3; i++) {
		if (strcmp(name + strlen(prefix), names[i]) != 0)
			continue;
		for (size_t j = 0; j < sizeof(modes) / sizeof(*modes); j++) {
			if (strcmp(value, modes[j].theirs) != 0)
				continue;
			options->tty |= strcmp(value, "tty") == 0;
			if (!*fields[i])
				*fields[i] = modes[j].ours;
			return 0;
		}
		return error_set(err, 0, "%s: there is no mode \"%.64s\"", name, value);
	}
	return 0;
}

static int apply_all(const struct string_list *list, struct app_options *options, struct keep *keep,
		     struct error *err)
{
	for (size_t i = 0; i + 1 < list->count; i += 2) {
		const char *name = list->items[i], *value = list->items[i + 1];

		for (size_t j = 0; j < sizeof(annotations) / sizeof(*annotations); j++)
			if (strcmp(name, annotations[j].name) == 0 &&
			    apply(&annotations[j], value, options, keep, err) < 0)
				return -1;
		if (apply_rkt(name, value, options, err) < 0)
			return -1;
	}
	return 0;
}

/* An image's id is written with a colon here. */
static const char *reference_of(const struct manifest_app *app, const char *app_roots,
				struct keep *keep, struct error *err)
{
	char *text;

	if (app_roots)
		return keep_text(keep, err, "rootfs:%s/%s/rootfs", app_roots, app->name);
	if (app->reference)
		return app->reference;
	text = keep_text(keep, err, "%s", app->image_id);
	if (text)
		text[strcspn(text, "-")] = ':';
	return text;
}

static int settle_app(struct app_options *options, const struct manifest_app *app,
		      const char *app_roots, struct keep *keep, struct error *err)
{
	options->name = app->name;
	options->reference = reference_of(app, app_roots, keep, err);
	options->read_only |= app->read_only_root;
	if (!options->reference)
		return -1;
	return apply_all(&app->annotations, options, keep, err);
}

/* What the pod's annotations say where the command line says nothing. */
static int settle_pod(struct run_options *options, const struct string_list *list,
		      struct error *err)
{
	for (size_t i = 0; i + 1 < list->count; i += 2) {
		const char *name = list->items[i], *value = list->items[i + 1];
		uint64_t *number = strcmp(name, "nacelle/memory") == 0 ? &options->memory_bytes
				   : strcmp(name, "nacelle/cpus") == 0 ? &options->cpus
								       : NULL;

		if (strcmp(name, "nacelle/hostname") == 0 && !options->hostname)
			options->hostname = value;
		if (!number || *number)
			continue;
		if (number_parse_size(value, number) < 0 || !*number)
			return error_set(err, 0, "%s: \"%.64s\" is no number above 0", name, value);
	}
	return 0;
}

static bool has_env_files(const struct run_options *options)
{
	for (unsigned i = 0; i < options->app_count; i++)
		if (options->apps[i].env_files.count)
			return true;
	return false;
}

int manifest_settle_options(struct run_options *options, const struct pod_manifest *manifest,
			    struct keep *keep, struct error *err)
{
	unsigned count = manifest ? (unsigned)manifest->app_count : options->app_count;
	struct app_options *apps;

	if (!manifest && !has_env_files(options))
		return 0;
	apps = keep_array(keep, count, sizeof(*apps), err);
	if (!apps || (manifest && settle_pod(options, &manifest->annotations, err) < 0))
		return -1;
	for (unsigned i = 0; i < count; i++) {
		apps[i] = *run_app_options(options, manifest ? UINT_MAX : i);
		if (manifest &&
		    settle_app(&apps[i], &manifest->apps[i], options->app_roots, keep, err) < 0)
			return error_prefix(err, "the app %s", manifest->apps[i].name);
		if (apps[i].env_files.count &&
		    env_files_read(&apps[i].env_files, &apps[i].env, keep, err) < 0)
			return -1;
	}
	options->apps = apps;
	options->app_count = count;
	return 0;
}
