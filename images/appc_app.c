/*
 * The app section of appc manifests. Its strings are data for the guest and never reach a host
 * path, option or variable; they are checked for form here, once.
 */
#include "images/appc_app.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "images/appc_types.h"
#include "images/limits.h"

static int take(const char *text, char **out, struct error *err)
{
	*out = strdup(text);
	return *out ? 0 : error_set(err, ENOMEM, "cannot read a manifest");
}

static bool has_control(const char *text)
{
	for (; *text; text++) {
		if ((unsigned char)*text < 0x20 || *text == 0x7f)
			return true;
	}
	return false;
}

static bool leads_upwards(const char *path)
{
	for (;;) {
		size_t len = strcspn(path, "/");

		if (len == 2 && path[0] == '.' && path[1] == '.')
			return true;
		if (!path[len])
			return false;
		path += len + 1;
	}
}

bool appc_is_clean_path(const char *path)
{
	return path[0] == '/' && strlen(path) <= IMAGE_PATH_MAX && !has_control(path) &&
	       !leads_upwards(path);
}

static bool is_root(const char *path)
{
	return strspn(path, "/.") == strlen(path);
}

/* user and group: a name, a number, or a path. What separates the two later is in neither. */
static int read_owner(const struct appc_node *json, const char *key, char **out, struct error *err)
{
	const char *text;

	if (appc_need_string(json, key, &text, err) < 0)
		return -1;
	if (strlen(text) > APPC_USER_MAX || strchr(text, ':') || has_control(text) ||
	    (text[0] == '/' ? !appc_is_clean_path(text) : strchr(text, '/') != NULL))
		return appc_refuse(json, key, err, "\"%.64s\" is no name, number or path", text);
	return take(text, out, err);
}

static int read_gids(const struct appc_node *json, struct appc_app *app, struct error *err)
{
	struct appc_node list, item = { 0 };
	const struct cJSON *other;
	const char *key = "supplementaryGIDs";

	/* The specification's own example writes the name so, and its parser takes both. */
	if (json_member(json->json, "supplementaryGids", &other, NULL) > 0)
		key = "supplementaryGids";
	if (appc_list(json, key, &list, err) < 0)
		return -1;
	while (appc_next(&list, &item)) {
		double gid;

		if (!json_number(item.json, &gid) || !(gid >= 0) || !(gid <= IMAGE_ID_MAX) ||
		    gid != (double)(uint32_t)gid)
			return appc_refuse(&item, NULL, err, "it is no group id");
		if (app->supplementary_gid_count == APPC_GIDS_MAX)
			return appc_refuse(&list, NULL, err, "it has more than %d items",
					   APPC_GIDS_MAX);
		app->supplementary_gids[app->supplementary_gid_count++] = (uint32_t)gid;
	}
	return 0;
}

static int compare_variables(const void *a, const void *b)
{
	const char *x = *(const char *const *)a, *y = *(const char *const *)b;

	while (*x == *y && *x && *x != '=') {
		x++;
		y++;
	}
	return (*x == '=' ? 0 : *x) - (*y == '=' ? 0 : *y);
}

/* Every name once. The list itself keeps the manifest's order. */
static int check_unique(const struct appc_node *list, const struct string_list *environment,
			struct error *err)
{
	const char **sorted = calloc(environment->count + 1, sizeof(*sorted));
	int result = 0;

	if (!sorted)
		return error_set(err, ENOMEM, "cannot read a manifest");
	for (size_t i = 0; i < environment->count; i++)
		sorted[i] = environment->items[i];
	qsort(sorted, environment->count, sizeof(*sorted), compare_variables);
	for (size_t i = 1; i < environment->count && result == 0; i++) {
		if (!compare_variables(&sorted[i - 1], &sorted[i]))
			result = appc_refuse(list, NULL, err, "%.*s stands there twice",
					     (int)strcspn(sorted[i], "="), sorted[i]);
	}
	free(sorted);
	return result;
}

static int add_variable(const struct appc_node *item, struct string_list *environment,
			size_t *total_len, struct error *err)
{
	const char *name, *value;
	size_t name_len, value_len;
	char *text;
	int result;

	if (appc_need_string(item, "name", &name, err) < 0 ||
	    appc_string(item, "value", &value, err) < 0)
		return -1;
	if (!appc_is_variable(name))
		return appc_refuse(item, "name", err, "\"%.64s\" is no name of a variable", name);
	name_len = strlen(name);
	value_len = strlen(value);
	*total_len += name_len + value_len + 2;
	if (*total_len > APPC_STRINGS_MAX)
		return appc_refuse(item->parent, NULL, err, "it has more than %d bytes",
				   APPC_STRINGS_MAX);
	text = malloc(name_len + value_len + 2);
	if (!text)
		return error_set(err, ENOMEM, "cannot read a manifest");
	memcpy(text, name, name_len);
	text[name_len] = '=';
	memcpy(text + name_len + 1, value, value_len + 1);
	result = appc_add(item, NULL, environment, text, err);
	free(text);
	return result;
}

static int read_environment(const struct appc_node *json, struct appc_app *app, struct error *err)
{
	struct appc_node list, item = { 0 };
	size_t total_len = 0;
	int more;

	if (appc_list(json, "environment", &list, err) < 0)
		return -1;
	while ((more = appc_next_object(&list, &item, err)) > 0) {
		if (add_variable(&item, &app->environment, &total_len, err) < 0)
			return -1;
	}
	return more < 0 ? -1 : check_unique(&list, &app->environment, err);
}

static int read_handler(const struct appc_node *item, struct appc_app *app, struct error *err)
{
	struct string_list *handler;
	const char *name;

	if (appc_need_string(item, "name", &name, err) < 0)
		return -1;
	if (strcmp(name, "pre-start") && strcmp(name, "post-stop"))
		return appc_refuse(item, "name", err,
				   "\"%.64s\" is neither pre-start nor "
				   "post-stop",
				   name);
	handler = !strcmp(name, "pre-start") ? &app->pre_start : &app->post_stop;
	if (handler->count)
		return appc_refuse(item, "name", err, "%s stands there twice", name);
	if (appc_strings(item, "exec", handler, err) < 0)
		return -1;
	if (!handler->count || !handler->items[0][0])
		return appc_refuse(item, "exec", err, "it is missing");
	if (leads_upwards(handler->items[0]))
		return appc_refuse(item, "exec", err, "its command leads upwards (..)");
	return 0;
}

static int read_handlers(const struct appc_node *json, struct appc_app *app, struct error *err)
{
	struct appc_node list, item = { 0 };
	int more;

	if (appc_list(json, "eventHandlers", &list, err) < 0)
		return -1;
	while ((more = appc_next_object(&list, &item, err)) > 0) {
		if (read_handler(&item, app, err) < 0)
			return -1;
	}
	return more;
}

/* The AC Name that mount points and ports have. */
static int read_name(const struct appc_node *item, char **out, struct error *err)
{
	const char *name;

	if (appc_need_string(item, "name", &name, err) < 0)
		return -1;
	if (!appc_is_name(name))
		return appc_refuse(item, "name", err, "\"%.64s\" is no AC Name", name);
	return take(name, out, err);
}

static int read_mount_point(const struct appc_node *item, struct appc_app *app, struct error *err)
{
	struct appc_mount_point *point = &app->mount_points[app->mount_point_count++];
	const char *path;

	if (read_name(item, &point->name, err) < 0 ||
	    appc_need_string(item, "path", &path, err) < 0 ||
	    appc_bool(item, "readOnly", &point->is_read_only, err) < 0)
		return -1;
	if (!appc_is_clean_path(path) || is_root(path))
		return appc_refuse(item, "path", err,
				   "\"%.200s\" is no absolute, clean path below the root", path);
	for (size_t i = 0; i + 1 < app->mount_point_count; i++) {
		if (!strcmp(app->mount_points[i].name, point->name))
			return appc_refuse(item, "name", err, "%s stands there twice", point->name);
		if (!strcmp(app->mount_points[i].path, path))
			return appc_refuse(item, "path", err, "%.200s stands there twice", path);
	}
	return take(path, &point->path, err);
}

static int read_mount_points(const struct appc_node *json, struct appc_app *app, struct error *err)
{
	struct appc_node list, item = { 0 };
	int more;

	if (appc_list(json, "mountPoints", &list, err) < 0)
		return -1;
	while ((more = appc_next_object(&list, &item, err)) > 0) {
		if (app->mount_point_count == APPC_MOUNT_POINTS_MAX)
			return appc_refuse(&list, NULL, err, "it has more than %d items",
					   APPC_MOUNT_POINTS_MAX);
		if (read_mount_point(&item, app, err) < 0)
			return -1;
	}
	return more;
}

int appc_port_read(const struct appc_node *item, struct appc_port *port, struct error *err)
{
	uint64_t number = 0, count = 0;
	const char *protocol;

	if (read_name(item, &port->name, err) < 0 ||
	    appc_need_string(item, "protocol", &protocol, err) < 0 ||
	    appc_uint(item, "port", UINT16_MAX, &number, err) < 0 ||
	    appc_uint(item, "count", UINT16_MAX + 1, &count, err) < 0 ||
	    appc_bool(item, "socketActivated", &port->is_socket_activated, err) < 0)
		return -1;
	if (strcmp(protocol, "tcp") && strcmp(protocol, "udp"))
		return appc_refuse(item, "protocol", err, "\"%.64s\" is neither tcp nor udp",
				   protocol);
	if (number == 0)
		return appc_refuse(item, "port", err, "it is missing or zero");
	port->port = (uint32_t)number;
	port->count = count ? (uint32_t)count : 1;
	if (number + port->count > UINT16_MAX + 1)
		return appc_refuse(item, "count", err, "the range ends above 65535");
	return take(protocol, &port->protocol, err);
}

static int read_port(const struct appc_node *item, struct appc_app *app, struct error *err)
{
	struct appc_port *port = &app->ports[app->port_count++];

	if (appc_port_read(item, port, err) < 0)
		return -1;
	for (size_t i = 0; i + 1 < app->port_count; i++) {
		if (!strcmp(app->ports[i].name, port->name))
			return appc_refuse(item, "name", err, "%s stands there twice", port->name);
	}
	return 0;
}

static int read_ports(const struct appc_node *json, struct appc_app *app, struct error *err)
{
	struct appc_node list, item = { 0 };
	int more;

	if (appc_list(json, "ports", &list, err) < 0)
		return -1;
	while ((more = appc_next_object(&list, &item, err)) > 0) {
		if (app->port_count == APPC_PORTS_MAX)
			return appc_refuse(&list, NULL, err, "it has more than %d items",
					   APPC_PORTS_MAX);
		if (read_port(&item, app, err) < 0)
			return -1;
	}
	return more;
}

int appc_map_read(const struct appc_node *json, const char *key, struct string_list *out,
		  struct error *err)
{
	struct appc_node map;
	int found = appc_object(json, key, &map, err);

	if (found <= 0)
		return found;
	for (const struct cJSON *m = json_first(map.json); m; m = json_next(m)) {
		if (!json_text(m))
			return appc_refuse(&map, json_key(m), err, "it is no string");
		if (out->count >= 2 * APPC_ITEMS_MAX)
			return appc_refuse(&map, NULL, err, "it has more than %d items",
					   APPC_ITEMS_MAX);
		if (appc_add(&map, json_key(m), out, json_key(m), err) < 0 ||
		    appc_add(&map, json_key(m), out, json_text(m), err) < 0)
			return -1;
	}
	return 0;
}

int appc_app_read(const struct appc_node *json, struct appc_app *app, struct error *err)
{
	const char *directory;

	if (appc_strings(json, "exec", &app->exec, err) < 0 ||
	    read_owner(json, "user", &app->user, err) < 0 ||
	    read_owner(json, "group", &app->group, err) < 0 || read_gids(json, app, err) < 0 ||
	    appc_string(json, "workingDirectory", &directory, err) < 0)
		return -1;
	if (*directory && !appc_is_clean_path(directory))
		return appc_refuse(json, "workingDirectory", err,
				   "\"%.200s\" is no absolute, clean path", directory);
	if (take(directory, &app->working_dir, err) < 0 || read_environment(json, app, err) < 0 ||
	    read_handlers(json, app, err) < 0 || read_mount_points(json, app, err) < 0 ||
	    read_ports(json, app, err) < 0 || appc_isolators_read(json, &app->isolators, err) < 0 ||
	    appc_map_read(json, "userAnnotations", &app->user_annotations, err) < 0)
		return -1;
	return appc_map_read(json, "userLabels", &app->user_labels, err);
}

void appc_app_free(struct appc_app *app)
{
	for (size_t i = 0; i < app->mount_point_count; i++) {
		free(app->mount_points[i].name);
		free(app->mount_points[i].path);
	}
	for (size_t i = 0; i < app->port_count; i++) {
		free(app->ports[i].name);
		free(app->ports[i].protocol);
	}
	string_list_free(&app->exec);
	string_list_free(&app->environment);
	string_list_free(&app->pre_start);
	string_list_free(&app->post_stop);
	string_list_free(&app->user_annotations);
	string_list_free(&app->user_labels);
	appc_isolators_free(&app->isolators);
	free(app->user);
	free(app->group);
	free(app->working_dir);
	*app = (struct appc_app){ 0 };
}
