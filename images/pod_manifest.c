/*
 * Pod manifests as flat fields. The decoder trusts the confined reader with nothing: what it lets
 * through has the form that the rest of the program counts on.
 */
#include "images/pod_manifest.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include "images/appc_types.h"
#include "images/fields.h"

static const char manifest_magic[FIELDS_MAGIC_LEN + 1] = "nacelle pod   1\n";

static void put_optional(struct field_writer *w, enum field_tag tag, const char *text)
{
	if (text)
		fields_put_text(w, tag, text);
}

static void put_volume(struct field_writer *w, const struct manifest_volume *volume)
{
	fields_put_text(w, FIELD_POD_VOLUME, volume->name);
	fields_put_u64(w, FIELD_POD_VOLUME_KIND, (uint64_t)volume->kind);
	put_optional(w, FIELD_POD_VOLUME_SOURCE, volume->source);
	fields_put_u64(w, FIELD_POD_VOLUME_READ_ONLY, (uint64_t)volume->read_only);
	fields_put_u64(w, FIELD_POD_VOLUME_RECURSIVE, (uint64_t)volume->recursive);
	fields_put_u64(w, FIELD_POD_VOLUME_MODE, volume->mode);
	fields_put_u64(w, FIELD_POD_VOLUME_UID, volume->uid);
	fields_put_u64(w, FIELD_POD_VOLUME_GID, volume->gid);
}

static void put_port(struct field_writer *w, const struct manifest_port *port)
{
	fields_put_text(w, FIELD_POD_PORT, port->name);
	fields_put_u64(w, FIELD_POD_PORT_HOST, port->host_port);
	put_optional(w, FIELD_POD_PORT_IP, port->host_ip);
	if (!port->has_pod_port)
		return;
	fields_put_u64(w, FIELD_POD_PORT_POD, port->pod_port.port);
	fields_put_u64(w, FIELD_POD_PORT_POD_UDP, port->pod_port.udp);
	fields_put_u64(w, FIELD_POD_PORT_POD_COUNT, port->pod_port.count);
}

static void put_app(struct field_writer *w, const struct manifest_app *app)
{
	fields_put_text(w, FIELD_POD_APP, app->name);
	put_optional(w, FIELD_POD_IMAGE_ID, app->image_id);
	put_optional(w, FIELD_POD_IMAGE_NAME, app->image_name);
	put_optional(w, FIELD_POD_REFERENCE, app->reference);
	fields_put_u64(w, FIELD_POD_HAS_APP, app->has_app);
	fields_put_u64(w, FIELD_POD_READ_ONLY, app->read_only_root);
	for (size_t i = 0; i < app->mount_count; i++) {
		fields_put_text(w, FIELD_POD_MOUNT, app->mounts[i].volume);
		fields_put_text(w, FIELD_POD_MOUNT_PATH, app->mounts[i].path);
	}
	fields_put_list(w, FIELD_POD_ANNOTATION, &app->annotations);
	if (app->has_app)
		image_config_put(w, &app->app);
}

int pod_manifest_encode(const struct pod_manifest *manifest, void **data, size_t *len)
{
	struct field_writer w;

	fields_begin(&w, manifest_magic);
	fields_put_list(&w, FIELD_POD_ANNOTATION, &manifest->annotations);
	fields_put_list(&w, FIELD_POD_USER_ANNOTATION, &manifest->user_annotations);
	fields_put_list(&w, FIELD_POD_USER_LABEL, &manifest->user_labels);
	image_isolators_put(&w, &manifest->isolators);
	for (size_t i = 0; i < manifest->volume_count; i++)
		put_volume(&w, &manifest->volumes[i]);
	for (size_t i = 0; i < manifest->port_count; i++)
		put_port(&w, &manifest->ports[i]);
	for (size_t i = 0; i < manifest->app_count; i++)
		put_app(&w, &manifest->apps[i]);
	return fields_finish(&w, data, len);
}

static int take_u32(const struct field *field, uint32_t max, uint32_t *out)
{
	uint64_t value;

	if (field_take_u64(field, max, &value) < 0)
		return -1;
	*out = (uint32_t)value;
	return 0;
}

/* The array with one more element, zeroed; NULL: too many, or no memory. */
static void *grow(void *array, size_t count, size_t max, size_t size)
{
	char *grown = count < max ? reallocarray(array, count + 1, size) : NULL;

	if (grown)
		memset(grown + count * size, 0, size);
	return grown;
}

static int take_volume(struct pod_manifest *manifest, const struct field *field)
{
	struct manifest_volume *volume;
	uint32_t value = 0;

	if (field->tag == FIELD_POD_VOLUME) {
		volume = grow(manifest->volumes, manifest->volume_count, POD_MANIFEST_VOLUMES_MAX,
			      sizeof(*volume));
		if (!volume)
			return -1;
		manifest->volumes = volume;
		return field_take_text(field, &volume[manifest->volume_count++].name);
	}
	if (!manifest->volume_count)
		return -1;
	volume = &manifest->volumes[manifest->volume_count - 1];
	if (field->tag == FIELD_POD_VOLUME_SOURCE)
		return field_take_text(field, &volume->source);
	if (field->tag == FIELD_POD_VOLUME_MODE)
		return take_u32(field, 07777, &volume->mode);
	if (field->tag == FIELD_POD_VOLUME_UID)
		return take_u32(field, INT32_MAX, &volume->uid);
	if (field->tag == FIELD_POD_VOLUME_GID)
		return take_u32(field, INT32_MAX, &volume->gid);
	if (take_u32(field, 2, &value) < 0)
		return -1;
	if (field->tag == FIELD_POD_VOLUME_KIND)
		volume->kind = (enum manifest_volume_kind)value;
	else if (field->tag == FIELD_POD_VOLUME_READ_ONLY)
		volume->read_only = (enum manifest_flag)value;
	else
		volume->recursive = (enum manifest_flag)value;
	return 0;
}

static int take_port(struct pod_manifest *manifest, const struct field *field)
{
	struct manifest_port *port;
	uint32_t value = 0;

	if (field->tag == FIELD_POD_PORT) {
		port = grow(manifest->ports, manifest->port_count, POD_MANIFEST_PORTS_MAX,
			    sizeof(*port));
		if (!port)
			return -1;
		manifest->ports = port;
		return field_take_text(field, &port[manifest->port_count++].name);
	}
	if (!manifest->port_count)
		return -1;
	port = &manifest->ports[manifest->port_count - 1];
	if (field->tag == FIELD_POD_PORT_IP)
		return field_take_text(field, &port->host_ip);
	if (take_u32(field, UINT16_MAX, &value) < 0)
		return -1;
	if (field->tag == FIELD_POD_PORT_HOST) {
		port->host_port = (uint16_t)value;
		return 0;
	}
	port->has_pod_port = true;
	if (field->tag == FIELD_POD_PORT_POD)
		port->pod_port.port = (uint16_t)value;
	else if (field->tag == FIELD_POD_PORT_POD_UDP)
		port->pod_port.udp = value != 0;
	else
		port->pod_port.count = value;
	return 0;
}

static int take_mount(struct manifest_app *app, const struct field *field)
{
	struct manifest_mount *mount;

	if (field->tag == FIELD_POD_MOUNT) {
		mount =
		    grow(app->mounts, app->mount_count, POD_MANIFEST_MOUNTS_MAX, sizeof(*mount));
		if (!mount)
			return -1;
		app->mounts = mount;
		return field_take_text(field, &mount[app->mount_count++].volume);
	}
	return app->mount_count ? field_take_text(field, &app->mounts[app->mount_count - 1].path)
				: -1;
}

static int take_app_field(struct manifest_app *app, const struct field *field)
{
	uint32_t value = 0;

	switch (field->tag) {
	case FIELD_POD_IMAGE_ID:
		return field_take_text(field, &app->image_id);
	case FIELD_POD_IMAGE_NAME:
		return field_take_text(field, &app->image_name);
	case FIELD_POD_REFERENCE:
		return field_take_text(field, &app->reference);
	case FIELD_POD_HAS_APP:
	case FIELD_POD_READ_ONLY:
		if (take_u32(field, 1, &value) < 0)
			return -1;
		if (field->tag == FIELD_POD_HAS_APP)
			app->has_app = value != 0;
		else
			app->read_only_root = value != 0;
		return 0;
	case FIELD_POD_MOUNT:
	case FIELD_POD_MOUNT_PATH:
		return take_mount(app, field);
	case FIELD_POD_ANNOTATION:
		return field_take_item(field, &app->annotations);
	default:
		return image_config_take(&app->app, field);
	}
}

static int take_field(struct pod_manifest *manifest, const struct field *field)
{
	struct manifest_app *app;

	if (field->tag == FIELD_POD_APP) {
		app =
		    grow(manifest->apps, manifest->app_count, POD_MANIFEST_APPS_MAX, sizeof(*app));
		if (!app)
			return -1;
		manifest->apps = app;
		return field_take_text(field, &app[manifest->app_count++].name);
	}
	if (manifest->app_count)
		return take_app_field(&manifest->apps[manifest->app_count - 1], field);
	if (field->tag >= FIELD_POD_VOLUME && field->tag <= FIELD_POD_VOLUME_GID)
		return take_volume(manifest, field);
	if (field->tag >= FIELD_POD_PORT && field->tag <= FIELD_POD_PORT_POD_COUNT)
		return take_port(manifest, field);
	if (field->tag == FIELD_POD_ANNOTATION)
		return field_take_item(field, &manifest->annotations);
	if (field->tag == FIELD_POD_USER_ANNOTATION)
		return field_take_item(field, &manifest->user_annotations);
	if (field->tag == FIELD_POD_USER_LABEL)
		return field_take_item(field, &manifest->user_labels);
	return image_isolators_take(&manifest->isolators, field);
}

static bool is_name(const char *text)
{
	return text && appc_is_name(text);
}

static bool volumes_are_sound(const struct pod_manifest *manifest)
{
	for (size_t i = 0; i < manifest->volume_count; i++) {
		const struct manifest_volume *volume = &manifest->volumes[i];

		if (!is_name(volume->name) || !volume->kind ||
		    (volume->kind == MANIFEST_VOLUME_HOST) != (volume->source != NULL) ||
		    (volume->source && volume->source[0] != '/'))
			return false;
	}
	return true;
}

static bool ports_are_sound(const struct pod_manifest *manifest)
{
	for (size_t i = 0; i < manifest->port_count; i++) {
		const struct manifest_port *port = &manifest->ports[i];
		const struct image_port *inner = &port->pod_port;
		struct in_addr address;

		if (!is_name(port->name) || !port->host_port ||
		    (port->host_ip && inet_pton(AF_INET, port->host_ip, &address) != 1) ||
		    (port->has_pod_port && (!inner->port || !inner->count ||
					    inner->port + inner->count > UINT16_MAX + 1)))
			return false;
	}
	return true;
}

static bool app_is_sound(const struct manifest_app *app)
{
	for (size_t i = 0; i < app->mount_count; i++)
		if (!is_name(app->mounts[i].volume) || !app->mounts[i].path)
			return false;
	return is_name(app->name) && app->annotations.count % 2 == 0 &&
	       (!app->has_app || image_config_is_sound(&app->app));
}

static bool is_sound(const struct pod_manifest *manifest)
{
	for (size_t i = 0; i < manifest->app_count; i++)
		if (!app_is_sound(&manifest->apps[i]))
			return false;
	return manifest->app_count && manifest->annotations.count % 2 == 0 &&
	       manifest->user_annotations.count % 2 == 0 && manifest->user_labels.count % 2 == 0 &&
	       manifest->isolators.sysctls.count % 2 == 0 && volumes_are_sound(manifest) &&
	       ports_are_sound(manifest);
}

int pod_manifest_decode(struct pod_manifest *manifest, const void *data, size_t len,
			struct error *err)
{
	struct cursor c;
	struct field field;
	int more = fields_open(&c, data, len, manifest_magic) ? 1 : -1;

	*manifest = (struct pod_manifest){ 0 };
	while (more > 0) {
		more = fields_next(&c, &field);
		if (more > 0 && take_field(manifest, &field) < 0)
			more = -1;
	}
	if (more == 0 && is_sound(manifest))
		return 0;
	pod_manifest_free(manifest);
	return error_set(err, 0, "the reader of the pod manifest reported nonsense");
}

static void free_app(struct manifest_app *app)
{
	for (size_t i = 0; i < app->mount_count; i++) {
		free(app->mounts[i].volume);
		free(app->mounts[i].path);
	}
	free(app->mounts);
	free(app->name);
	free(app->image_id);
	free(app->image_name);
	free(app->reference);
	string_list_free(&app->annotations);
	image_config_free(&app->app);
}

void pod_manifest_free(struct pod_manifest *manifest)
{
	for (size_t i = 0; i < manifest->app_count; i++)
		free_app(&manifest->apps[i]);
	for (size_t i = 0; i < manifest->volume_count; i++) {
		free(manifest->volumes[i].name);
		free(manifest->volumes[i].source);
	}
	for (size_t i = 0; i < manifest->port_count; i++) {
		free(manifest->ports[i].name);
		free(manifest->ports[i].host_ip);
	}
	free(manifest->apps);
	free(manifest->volumes);
	free(manifest->ports);
	string_list_free(&manifest->annotations);
	string_list_free(&manifest->user_annotations);
	string_list_free(&manifest->user_labels);
	image_isolators_free(&manifest->isolators);
	*manifest = (struct pod_manifest){ 0 };
}
