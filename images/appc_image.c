/*
 * Image manifests: everything but the app section.
 */
#include "images/appc_image.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "images/appc_types.h"
#include "images/layer.h"
#include "images/limits.h"
#include "vmm/base/cleanup.h"

/* The version of the specification that is implemented. */
enum { VERSION_MAJOR = 0, VERSION_MINOR = 8 };

static int read_head(const struct appc_node *json, struct appc_image *image, struct error *err)
{
	struct appc_version version;
	const char *kind, *text, *name;

	if (appc_need_string(json, "acKind", &kind, err) < 0 ||
	    appc_need_string(json, "acVersion", &text, err) < 0 ||
	    appc_need_string(json, "name", &name, err) < 0)
		return -1;
	if (strcmp(kind, "ImageManifest"))
		return appc_refuse(json, "acKind", err, "\"%.64s\" is not ImageManifest", kind);
	if (!appc_version_parse(text, &version))
		return appc_refuse(json, "acVersion", err, "\"%.64s\" is no version", text);
	if (version.major != VERSION_MAJOR || version.minor > VERSION_MINOR)
		return appc_refuse(json, "acVersion", err,
				   "version %.64s is newer than what is supported, %d.%d", text,
				   VERSION_MAJOR, VERSION_MINOR);
	if (!appc_is_identifier(name))
		return appc_refuse(json, "name", err, "\"%.64s\" is no AC Identifier", name);
	image->name = strdup(name);
	return image->name ? 0 : error_set(err, ENOMEM, "cannot read a manifest");
}

/* Whether a list of "name=value" has the name; then *value is lent. */
static bool find_pair(const struct string_list *pairs, const char *name, const char **value)
{
	size_t len = strlen(name);

	for (size_t i = 0; i < pairs->count; i++) {
		if (!strncmp(pairs->items[i], name, len) && pairs->items[i][len] == '=') {
			*value = pairs->items[i] + len + 1;
			return true;
		}
	}
	return false;
}

int appc_pairs_read(const struct appc_node *json, const char *key, struct string_list *out,
		    struct error *err)
{
	struct appc_node list, item = { 0 };
	int more;

	if (appc_list(json, key, &list, err) < 0)
		return -1;
	while ((more = appc_next_object(&list, &item, err)) > 0) {
		_cleanup_free_ char *pair = NULL;
		const char *name, *value, *other;

		if (appc_need_string(&item, "name", &name, err) < 0 ||
		    appc_string(&item, "value", &value, err) < 0)
			return -1;
		if (!appc_is_identifier(name))
			return appc_refuse(&item, "name", err, "\"%.64s\" is no AC Identifier",
					   name);
		if (out->count == APPC_LABELS_MAX || find_pair(out, name, &other))
			return appc_refuse(&item, "name", err, "%s %s", name,
					   find_pair(out, name, &other) ? "stands there twice"
									: "is one too many");
		if (asprintf(&pair, "%s=%s", name, value) < 0) {
			pair = NULL;
			return error_set(err, ENOMEM, "cannot read a manifest");
		}
		if (appc_add(&item, NULL, out, pair, err) < 0)
			return -1;
	}
	return more;
}

static int read_labels(const struct appc_node *json, struct string_list *out, struct error *err)
{
	const char *value;

	if (appc_pairs_read(json, "labels", out, err) < 0)
		return -1;
	if (find_pair(out, "name", &value))
		return appc_refuse(json, "labels", err, "\"name\" is not allowed as a label");
	return 0;
}

/* What says nothing about system and architecture runs on any. */
static int check_platform(const struct appc_node *json, const struct appc_image *image,
			  struct error *err)
{
	const char *os, *arch;

	if (!find_pair(&image->labels, "os", &os))
		return 0;
	if (!find_pair(&image->labels, "arch", &arch))
		arch = "amd64";
	if (strcmp(os, "linux") || strcmp(arch, "amd64"))
		return appc_refuse(json, "labels", err,
				   "the image is for %.50s/%.50s, not for linux/amd64", os, arch);
	return 0;
}

static int read_annotations(const struct appc_node *json, struct string_list *list,
			    struct error *err)
{
	const char *value;

	if (appc_pairs_read(json, "annotations", list, err) < 0)
		return -1;
	if (find_pair(list, "created", &value) && !appc_is_date(value))
		return appc_refuse(json, "annotations", err, "created: \"%.64s\" is no date",
				   value);
	if ((find_pair(list, "homepage", &value) && !appc_is_url(value)) ||
	    (find_pair(list, "documentation", &value) && !appc_is_url(value)))
		return appc_refuse(json, "annotations", err,
				   "\"%.100s\" is no address of http or https", value);
	return 0;
}

static int read_dependency(const struct appc_node *item, struct appc_dependency *out,
			   struct error *err)
{
	const char *name, *id;
	int found;

	if (appc_need_string(item, "imageName", &name, err) < 0)
		return -1;
	if (!appc_is_identifier(name))
		return appc_refuse(item, "imageName", err, "\"%.64s\" is no AC Identifier", name);
	out->name = strdup(name);
	if (!out->name)
		return error_set(err, ENOMEM, "cannot read a manifest");
	found = appc_string(item, "imageID", &id, err);
	if (found < 0)
		return -1;
	if (found && !appc_image_id_parse(id, &out->id))
		return appc_refuse(item, "imageID", err,
				   "\"%.140s\" is not sha512- and 128 hexadecimal digits", id);
	if (read_labels(item, &out->labels, err) < 0)
		return -1;
	return appc_uint(item, "size", INT64_MAX, &out->size_bytes, err) < 0 ? -1 : 0;
}

static int read_dependencies(const struct appc_node *json, struct appc_image *image,
			     struct error *err)
{
	struct appc_node list, item = { 0 };
	int more;

	if (appc_list(json, "dependencies", &list, err) < 0)
		return -1;
	while ((more = appc_next_object(&list, &item, err)) > 0) {
		if (image->dependency_count == APPC_DEPENDENCIES_MAX)
			return appc_refuse(&list, NULL, err, "it has more than %d items",
					   APPC_DEPENDENCIES_MAX);
		if (read_dependency(&item, &image->dependencies[image->dependency_count++], err) <
		    0)
			return -1;
	}
	return more;
}

static int compare_paths(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void sort_unique(struct string_list *list)
{
	size_t kept = 0;

	if (list->count)
		qsort(list->items, list->count, sizeof(*list->items), compare_paths);
	for (size_t i = 0; i < list->count; i++) {
		if (kept && !strcmp(list->items[kept - 1], list->items[i]))
			free(list->items[i]);
		else
			list->items[kept++] = list->items[i];
	}
	list->count = kept;
	if (list->items)
		list->items[kept] = NULL;
}

/* Absolute paths; what they mean is decided where they are applied (layer_aci.c). */
static int read_whitelist(const struct appc_node *json, struct appc_image *image, struct error *err)
{
	struct appc_node list = { .parent = json, .key = "pathWhitelist" }, item = { 0 };
	char clean[IMAGE_PATH_MAX + 1];
	size_t total_len = 0;

	if (json_array(json->json, list.key, &list.json, err) < 0)
		return -1;
	while (appc_next(&list, &item)) {
		const char *text = json_text(item.json);
		struct error why = ERROR_NONE;

		if (!text || text[0] != '/')
			return appc_refuse(&item, NULL, err, "it is no absolute path");
		total_len += strlen(text) + 1;
		if (item.index == APPC_WHITELIST_MAX || total_len > APPC_STRINGS_MAX)
			return appc_refuse(&list, NULL, err, "it has more than %d items or bytes",
					   item.index == APPC_WHITELIST_MAX ? APPC_WHITELIST_MAX
									    : APPC_STRINGS_MAX);
		if (layer_clean_name(clean, text, &why) < 0)
			return appc_refuse(&item, NULL, err, "%s", why.text);
		if (appc_add(&item, NULL, &image->whitelist, clean, err) < 0)
			return -1;
	}
	sort_unique(&image->whitelist);
	return 0;
}

static int read_app(const struct appc_node *json, struct appc_image *image, struct error *err)
{
	struct appc_node app;
	int found = appc_object(json, "app", &app, err);

	if (found <= 0)
		return found;
	image->has_app = true;
	return appc_app_read(&app, &image->app, err);
}

static int read_image(const struct appc_node *json, struct appc_image *image, struct error *err)
{
	if (!json_is_object(json->json))
		return error_set(err, 0, "it is no object");
	if (read_head(json, image, err) < 0 || read_labels(json, &image->labels, err) < 0 ||
	    check_platform(json, image, err) < 0 || read_app(json, image, err) < 0 ||
	    read_dependencies(json, image, err) < 0 || read_whitelist(json, image, err) < 0)
		return -1;
	return read_annotations(json, &image->annotations, err);
}

int appc_image_read(struct appc_image *image, const char *text, size_t len, struct error *err)
{
	struct appc_node root = { 0 };
	struct cJSON *json;
	int result;

	*image = (struct appc_image){ 0 };
	if (json_parse(&json, text, len, err) < 0)
		return error_prefix(err, "the image manifest");
	root.json = json;
	result = read_image(&root, image, err);
	json_free(json);
	if (result == 0)
		return 0;
	appc_image_free(image);
	return error_prefix(err, "the image manifest");
}

void appc_image_free(struct appc_image *image)
{
	for (size_t i = 0; i < image->dependency_count; i++) {
		free(image->dependencies[i].name);
		string_list_free(&image->dependencies[i].labels);
	}
	appc_app_free(&image->app);
	string_list_free(&image->labels);
	string_list_free(&image->annotations);
	string_list_free(&image->whitelist);
	free(image->name);
	*image = (struct appc_image){ 0 };
}
