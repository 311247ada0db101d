/*
 * Reading pod manifests (appc spec 0.8.11, pods.md). The document is a user's, but often made by a
 * program from what others have written, so it is parsed in a confined process.
 *
 * Strict where a reader could guess wrong: an isolator that is not known, a name twice, a volume
 * that is not there are refused with their place. Unknown members are tolerated, and so is null
 * for anything that may be missing.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "images/appc_app.h"
#include "images/appc_image.h"
#include "images/appc_types.h"
#include "images/pod_manifest.h"
#include "images/pod_manifest_internal.h"
#include "vmm/base/cleanup.h"

enum { IMAGE_ID_DIGITS_MIN = 32 };

#define REFERENCE_ANNOTATION "nacelle/image"

int pod_manifest_take(const char *text, char **out, struct error *err)
{
	*out = strdup(text);
	return *out ? 0 : error_set(err, ENOMEM, "cannot read a manifest");
}

static size_t count_items(const struct appc_node *list)
{
	struct appc_node item = { 0 };
	size_t count = 0;

	while (appc_next(list, &item))
		count++;
	return count;
}

int pod_manifest_open_list(const struct appc_node *object, const char *key, size_t max, size_t size,
			   struct appc_node *list, void **room, struct error *err)
{
	size_t count;

	if (appc_list(object, key, list, err) < 0)
		return -1;
	count = count_items(list);
	if (count > max)
		return appc_refuse(object, key, err, "it has more than %zu items", max);
	*room = calloc(count + 1, size);
	return *room ? 0 : error_set(err, ENOMEM, "cannot read a manifest");
}

int pod_manifest_read_name(const struct appc_node *item, const char *key, char **out,
			   struct error *err)
{
	const char *name;

	if (appc_need_string(item, key, &name, err) < 0)
		return -1;
	if (!appc_is_name(name))
		return appc_refuse(item, key, err, "\"%.64s\" is no AC Name", name);
	return pod_manifest_take(name, out, err);
}

/* Pairs of {name, value} as name, value, name, value, ... */
static int read_annotations(const struct appc_node *json, struct string_list *out,
			    struct error *err)
{
	struct string_list pairs = { 0 };
	int result = appc_pairs_read(json, "annotations", &pairs, err);

	for (size_t i = 0; i < pairs.count && result == 0; i++) {
		const char *pair = pairs.items[i];
		size_t len = strcspn(pair, "=");

		if (string_list_add(out, pair, len) < 0 ||
		    string_list_add(out, pair + len + 1, strlen(pair + len + 1)) < 0)
			result = error_set(err, ENOMEM, "cannot read a manifest");
	}
	string_list_free(&pairs);
	return result;
}

static int refuse_unknown(const struct appc_node *object, const struct string_list *names,
			  struct error *err)
{
	for (size_t i = 0; i < names->count; i++) {
		struct appc_node list = { .parent = object, .key = "isolators" };
		struct appc_node item = { .parent = &list, .index = i };

		if (!appc_isolator_is_known(names->items[i]))
			return appc_refuse(&item, "name", err, "\"%.64s\" is no isolator",
					   names->items[i]);
	}
	return 0;
}

static int read_isolators(const struct appc_node *json, struct image_isolators *out,
			  struct error *err)
{
	struct appc_isolators isolators = { 0 };
	int result = appc_isolators_read(json, &isolators, err);

	if (result == 0)
		result = refuse_unknown(json, &isolators.names, err);
	if (result == 0)
		result = appc_isolators_config(&isolators, out, err);
	appc_isolators_free(&isolators);
	return result;
}

static bool is_image_id(const char *text)
{
	bool is_sha512 = !strncmp(text, "sha512-", 7);
	size_t digits;

	if (!is_sha512 && strncmp(text, "sha256-", 7))
		return false;
	digits = strlen(text + 7);
	return strspn(text + 7, "0123456789abcdef") == digits && digits >= IMAGE_ID_DIGITS_MIN &&
	       digits <= (is_sha512 ? 128 : 64);
}

static int read_image(const struct appc_node *json, struct manifest_app *app, struct error *err)
{
	struct string_list labels = { 0 };
	struct appc_node image;
	const char *id, *name;
	int found = appc_object(json, "image", &image, err);

	if (found < 0)
		return -1;
	if (found == 0)
		return app->reference ? 0 : appc_refuse(json, "image", err, "it is missing");
	if (appc_string(&image, "id", &id, err) < 0 || appc_string(&image, "name", &name, err) < 0)
		return -1;
	if (!*id && !app->reference)
		return appc_refuse(
		    &image, "id", err,
		    "it is missing, and there is no annotation " REFERENCE_ANNOTATION);
	if (*id && !is_image_id(id))
		return appc_refuse(
		    &image, "id", err,
		    "\"%.140s\" is not sha512- or sha256- and at least %d lower-case "
		    "hexadecimal digits",
		    id, IMAGE_ID_DIGITS_MIN);
	if (*name && !appc_is_identifier(name))
		return appc_refuse(&image, "name", err, "\"%.64s\" is no AC Identifier", name);
	found = appc_pairs_read(&image, "labels", &labels, err);
	string_list_free(&labels);
	if (found < 0 || (*id && pod_manifest_take(id, &app->image_id, err) < 0))
		return -1;
	return *name ? pod_manifest_take(name, &app->image_name, err) : 0;
}

static int find_reference(const struct appc_node *json, struct manifest_app *app, struct error *err)
{
	for (size_t i = 0; i < app->annotations.count; i += 2) {
		const char *value = app->annotations.items[i + 1];

		if (strcmp(app->annotations.items[i], REFERENCE_ANNOTATION))
			continue;
		if (!*value)
			return appc_refuse(json, "annotations", err,
					   REFERENCE_ANNOTATION " is empty");
		return pod_manifest_take(value, &app->reference, err);
	}
	return 0;
}

static int read_section(const struct appc_node *json, struct manifest_app *out, struct error *err)
{
	_cleanup_free_ struct appc_app *app = NULL;
	struct appc_node section;
	int found = appc_object(json, "app", &section, err);
	int result;

	if (found <= 0)
		return found;
	app = calloc(1, sizeof(*app));
	if (!app)
		return error_set(err, ENOMEM, "cannot read a manifest");
	result = appc_app_read(&section, app, err);
	if (result == 0)
		result = refuse_unknown(&section, &app->isolators.names, err);
	if (result == 0)
		result = appc_app_config(app, &out->app, err);
	appc_app_free(app);
	out->has_app = true;
	return result;
}

static int read_app(const struct appc_node *item, struct pod_manifest *manifest, struct error *err)
{
	struct manifest_app *app = &manifest->apps[manifest->app_count++];

	if (pod_manifest_read_name(item, "name", &app->name, err) < 0 ||
	    read_annotations(item, &app->annotations, err) < 0 ||
	    find_reference(item, app, err) < 0 || read_image(item, app, err) < 0 ||
	    read_section(item, app, err) < 0 ||
	    appc_bool(item, "readOnlyRootFS", &app->read_only_root, err) < 0)
		return -1;
	for (const struct manifest_app *other = manifest->apps; other < app; other++)
		if (!strcmp(other->name, app->name))
			return appc_refuse(item, "name", err, "%s stands there twice", app->name);
	return pod_manifest_read_mounts(item, manifest, app, err);
}

static int read_apps(const struct appc_node *json, struct pod_manifest *manifest, struct error *err)
{
	struct appc_node list, item = { 0 };
	void *room = NULL;
	int more;

	if (pod_manifest_open_list(json, "apps", POD_MANIFEST_APPS_MAX, sizeof(*manifest->apps),
				   &list, &room, err) < 0)
		return -1;
	manifest->apps = room;
	while ((more = appc_next_object(&list, &item, err)) > 0)
		if (read_app(&item, manifest, err) < 0)
			return -1;
	if (more == 0 && !manifest->app_count)
		return appc_refuse(json, "apps", err, "it is missing or empty");
	return more;
}

static int read_pod_port(const struct appc_node *item, struct manifest_port *out, struct error *err)
{
	struct appc_port port = { 0 };
	struct appc_node inner;
	int found = appc_object(item, "podPort", &inner, err);
	int result;

	if (found <= 0)
		return found;
	result = appc_port_read(&inner, &port, err);
	if (result == 0) {
		out->has_pod_port = true;
		out->pod_port = (struct image_port){ .udp = !strcmp(port.protocol, "udp"),
						     .port = (uint16_t)port.port,
						     .count = port.count };
	}
	free(port.name);
	free(port.protocol);
	return result;
}

static int read_port(const struct appc_node *item, struct manifest_port *port, struct error *err)
{
	uint64_t host_port = 0;
	struct in_addr address;
	const char *host_ip;

	if (pod_manifest_read_name(item, "name", &port->name, err) < 0 ||
	    appc_uint(item, "hostPort", UINT16_MAX, &host_port, err) < 0 ||
	    appc_string(item, "hostIP", &host_ip, err) < 0 || read_pod_port(item, port, err) < 0)
		return -1;
	if (host_port == 0)
		return appc_refuse(item, "hostPort", err, "it is missing or zero");
	port->host_port = (uint16_t)host_port;
	if (!*host_ip)
		return 0;
	if (inet_pton(AF_INET, host_ip, &address) != 1)
		return appc_refuse(item, "hostIP", err, "\"%.64s\" is no IPv4 address", host_ip);
	return pod_manifest_take(host_ip, &port->host_ip, err);
}

static int read_ports(const struct appc_node *json, struct pod_manifest *manifest,
		      struct error *err)
{
	struct appc_node list, item = { 0 };
	void *room = NULL;
	int more;

	if (pod_manifest_open_list(json, "ports", POD_MANIFEST_PORTS_MAX, sizeof(*manifest->ports),
				   &list, &room, err) < 0)
		return -1;
	manifest->ports = room;
	while ((more = appc_next_object(&list, &item, err)) > 0)
		if (read_port(&item, &manifest->ports[manifest->port_count++], err) < 0)
			return -1;
	return more;
}

/* acVersion is the specification's, or, as rkt wrote it, the version of the program. */
static int read_head(const struct appc_node *json, struct error *err)
{
	struct appc_version version;
	const char *kind, *text;

	if (appc_need_string(json, "acKind", &kind, err) < 0 ||
	    appc_need_string(json, "acVersion", &text, err) < 0)
		return -1;
	if (strcmp(kind, "PodManifest"))
		return appc_refuse(json, "acKind", err, "\"%.64s\" is not PodManifest", kind);
	if (!appc_version_parse(text, &version))
		return appc_refuse(json, "acVersion", err, "\"%.64s\" is no version", text);
	return 0;
}

static int read_pod(const struct appc_node *json, struct pod_manifest *manifest, struct error *err)
{
	if (!json_is_object(json->json))
		return error_set(err, 0, "it is no object");
	if (read_head(json, err) < 0 || pod_manifest_read_volumes(json, manifest, err) < 0 ||
	    read_apps(json, manifest, err) < 0 || read_ports(json, manifest, err) < 0 ||
	    read_isolators(json, &manifest->isolators, err) < 0 ||
	    read_annotations(json, &manifest->annotations, err) < 0 ||
	    appc_map_read(json, "userAnnotations", &manifest->user_annotations, err) < 0)
		return -1;
	return appc_map_read(json, "userLabels", &manifest->user_labels, err);
}

int pod_manifest_read(struct pod_manifest *manifest, const char *text, size_t len,
		      struct error *err)
{
	struct appc_node root = { 0 };
	struct cJSON *json;
	int result;

	*manifest = (struct pod_manifest){ 0 };
	if (json_parse(&json, text, len, err) < 0)
		return -1;
	root.json = json;
	result = read_pod(&root, manifest, err);
	json_free(json);
	if (result < 0)
		pod_manifest_free(manifest);
	return result;
}
