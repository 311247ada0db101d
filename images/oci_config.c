/*
 * The image configuration (image-spec, config.md). Its strings are data for the pod and never reach
 * a host path, option or variable; they are checked for form here, once.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "images/oci_internal.h"
#include "vmm/base/signal_text.h"

enum {
	STRING_MAX = 128 * 1024, /* what Linux lets one argument or variable have */
	STRINGS_MAX = 4096,	 /* in one list */
	CONFIG_MAX = 2 * 1024 * 1024,
	USER_MAX = 256,
};

/* The configuration while it is being read. */
struct reader {
	struct image_config *config;
	size_t total_len;
};

static int add_string(struct reader *reader, struct string_list *list, const char *what,
		      const char *text, struct error *err)
{
	size_t len = strlen(text);

	reader->total_len += len + 1;
	if (len >= STRING_MAX || list->count >= STRINGS_MAX || reader->total_len > CONFIG_MAX)
		return error_set(err, 0, "the image's %s is too long", what);
	if (string_list_add(list, text, len) < 0)
		return error_set(err, ENOMEM, "cannot read the image's configuration");
	return 0;
}

/* A list of strings. Variables must have the form NAME=value. */
static int read_list(struct reader *reader, const struct cJSON *json, const char *key,
		     struct string_list *list, struct error *err)
{
	bool is_env = list == &reader->config->env;
	const struct cJSON *array;
	int found = json_array(json, key, &array, err);

	if (found <= 0)
		return found;
	for (const struct cJSON *item = json_first(array); item; item = json_next(item)) {
		const char *text = json_text(item);

		if (!text)
			return error_set(err, 0, "the image's %s holds something else than strings",
					 key);
		if (is_env && (!strchr(text, '=') || text[0] == '='))
			return error_set(err, 0,
					 "the image's variable \"%.100s\" is not NAME=value", text);
		if (add_string(reader, list, key, text, err) < 0)
			return -1;
	}
	return 0;
}

/* Absolute and without "..", so that it means the same to everybody. */
static int check_path(const char *what, const char *path, struct error *err)
{
	bool upwards = false;

	for (const char *at = strstr(path, "/.."); at; at = strstr(at + 1, "/.."))
		upwards = upwards || at[3] == '/' || !at[3];
	if (path[0] != '/' || upwards || strlen(path) > IMAGE_PATH_MAX)
		return error_set(err, 0, "the image's %s \"%.200s\" is not an absolute, clean path",
				 what, path);
	return 0;
}

static int read_volumes(struct reader *reader, const struct cJSON *json, struct error *err)
{
	const struct cJSON *volumes;
	int found = json_object(json, "Volumes", &volumes, err);

	if (found <= 0)
		return found;
	for (const struct cJSON *v = json_first(volumes); v; v = json_next(v)) {
		if (check_path("volume", json_key(v), err) < 0 ||
		    add_string(reader, &reader->config->volumes, "Volumes", json_key(v), err) < 0)
			return -1;
	}
	return 0;
}

static int take_text(const char *text, char **out, struct error *err)
{
	*out = strdup(text ? text : "");
	return *out ? 0 : error_set(err, ENOMEM, "cannot read the image's configuration");
}

static int read_strings(struct reader *reader, const struct cJSON *json, struct error *err)
{
	struct image_config *config = reader->config;
	const char *user, *directory, *stop;

	if (json_string(json, "User", &user, err) < 0 ||
	    json_string(json, "WorkingDir", &directory, err) < 0 ||
	    json_string(json, "StopSignal", &stop, err) < 0)
		return -1;
	if (user && (strlen(user) > USER_MAX || strpbrk(user, "\n/")))
		return error_set(err, 0, "the image's user \"%.100s\" is malformed", user);
	if (directory && directory[0] && check_path("working directory", directory, err) < 0)
		return -1;
	if (stop && stop[0]) {
		config->stop_signal = signal_text_number(stop);
		if (!config->stop_signal)
			return error_set(err, 0, "the image's stop signal \"%.100s\" is unknown",
					 stop);
	}
	if (take_text(user, &config->user, err) < 0)
		return -1;
	return take_text(directory, &config->working_dir, err);
}

static int check_platform(const struct cJSON *json, struct error *err)
{
	const char *os, *architecture;

	if (json_string(json, "os", &os, err) < 0 ||
	    json_string(json, "architecture", &architecture, err) < 0)
		return -1;
	if (!os || !architecture || strcmp(os, "linux") || strcmp(architecture, "amd64"))
		return error_set(err, 0, "the image is for %.50s/%.50s, not for linux/amd64",
				 os ? os : "?", architecture ? architecture : "?");
	return 0;
}

static int read_diff_ids(const struct cJSON *json, struct image_plan *plan, struct error *err)
{
	const struct cJSON *rootfs, *ids;
	const char *type;
	size_t count = 0;

	if (json_object(json, "rootfs", &rootfs, err) < 0)
		return -1;
	if (!rootfs)
		return error_set(err, 0, "the image's configuration has no rootfs");
	if (json_string(rootfs, "type", &type, err) < 0 ||
	    json_array(rootfs, "diff_ids", &ids, err) < 0)
		return -1;
	if (!type || strcmp(type, "layers"))
		return error_set(err, 0, "the image's rootfs is not made of layers");
	for (const struct cJSON *id = ids ? json_first(ids) : NULL; id; id = json_next(id)) {
		const char *text = json_text(id);

		if (count == plan->layer_count || !text)
			return error_set(err, 0, "the image has more diff_ids than layers");
		if (digest_parse(&plan->layers[count++].diff_id, text, strlen(text), err) < 0)
			return error_prefix(err, "a diff_id");
	}
	if (count != plan->layer_count)
		return error_set(err, 0, "the image has more layers than diff_ids");
	return 0;
}

int oci_read_config(const struct cJSON *json, struct image_plan *plan, struct error *err)
{
	struct reader reader = { .config = &plan->config };
	const struct cJSON *config;
	int found;

	if (!json_is_object(json))
		return error_set(err, 0, "the image's configuration is not an object");
	if (check_platform(json, err) < 0 || read_diff_ids(json, plan, err) < 0)
		return -1;
	found = json_object(json, "config", &config, err);
	if (found < 0)
		return -1;
	if (found == 0) {
		if (take_text(NULL, &plan->config.user, err) < 0)
			return -1;
		return take_text(NULL, &plan->config.working_dir, err);
	}
	if (read_list(&reader, config, "Entrypoint", &plan->config.entrypoint, err) < 0 ||
	    read_list(&reader, config, "Cmd", &plan->config.cmd, err) < 0 ||
	    read_list(&reader, config, "Env", &plan->config.env, err) < 0 ||
	    read_volumes(&reader, config, err) < 0)
		return -1;
	return read_strings(&reader, config, err);
}
