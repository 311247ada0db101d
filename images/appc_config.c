/*
 * From an image manifest to the configuration that a pod starts with.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "images/appc_image.h"
#include "images/image_config.h"
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

static int copy_text(char **out, const char *text)
{
	*out = text ? strdup(text) : NULL;
	return text && !*out ? -1 : 0;
}

/* Isolators that are understood but that nothing in a pod applies. */
static bool is_applied(const char *name)
{
	static const char *const others[] = { "resource/block-bandwidth", "resource/block-iops",
					      "resource/network-bandwidth",
					      "os/linux/selinux-context",
					      "os/linux/apparmor-profile" };

	for (size_t i = 0; i < sizeof(others) / sizeof(*others); i++)
		if (!strcmp(others[i], name))
			return false;
	return appc_isolator_is_known(name);
}

static int fill_isolators(const struct appc_isolators *from, struct image_isolators *out)
{
	out->memory_limit_bytes = from->resources[APPC_MEMORY].limit.value;
	out->memory_request_bytes = from->resources[APPC_MEMORY].request.value;
	out->cpu_limit = from->resources[APPC_CPU].limit.value;
	out->cpu_request = from->resources[APPC_CPU].request.value;
	out->cpu_shares = from->cpu_shares;
	out->has_oom_score_adj = from->has[APPC_OOM_SCORE_ADJ];
	out->oom_score_adj = from->oom_score_adj;
	out->no_new_privileges = from->no_new_privileges;
	out->capability_set = from->has[APPC_CAPABILITIES_RETAIN]   ? IMAGE_SET_RETAIN
			      : from->has[APPC_CAPABILITIES_REMOVE] ? IMAGE_SET_REMOVE
								    : IMAGE_SET_NONE;
	out->system_call_set = from->has[APPC_SECCOMP_RETAIN]	? IMAGE_SET_RETAIN
			       : from->has[APPC_SECCOMP_REMOVE] ? IMAGE_SET_REMOVE
								: IMAGE_SET_NONE;
	for (size_t i = 0; i < from->names.count; i++) {
		const char *name = from->names.items[i];

		if (!is_applied(name) && string_list_add(&out->unapplied, name, strlen(name)) < 0)
			return -1;
	}
	if (copy_list(&out->capabilities, &from->capabilities) < 0 ||
	    copy_list(&out->system_calls, &from->system_calls) < 0 ||
	    copy_list(&out->sysctls, &from->sysctls) < 0)
		return -1;
	return copy_text(&out->seccomp_errno, from->seccomp_errno);
}

int appc_isolators_config(const struct appc_isolators *isolators, struct image_isolators *out,
			  struct error *err)
{
	return fill_isolators(isolators, out) < 0 ? error_set(err, ENOMEM, "cannot read a manifest")
						  : 0;
}

static int fill_mount_points(const struct appc_app *app, struct image_config *config)
{
	config->mount_points = calloc(app->mount_point_count + 1, sizeof(*config->mount_points));
	if (!config->mount_points)
		return -1;
	for (size_t i = 0; i < app->mount_point_count; i++) {
		struct image_mount_point *point =
		    &config->mount_points[config->mount_point_count++];

		point->read_only = app->mount_points[i].is_read_only;
		if (string_list_add(&config->volumes, app->mount_points[i].path,
				    strlen(app->mount_points[i].path)) < 0 ||
		    copy_text(&point->name, app->mount_points[i].name) < 0 ||
		    copy_text(&point->path, app->mount_points[i].path) < 0)
			return -1;
	}
	return 0;
}

static int fill_ports(const struct appc_app *app, struct image_config *config)
{
	config->ports = calloc(app->port_count + 1, sizeof(*config->ports));
	if (!config->ports)
		return -1;
	for (size_t i = 0; i < app->port_count; i++) {
		const struct appc_port *port = &app->ports[i];

		config->ports[config->port_count++] = (struct image_port){
			.udp = !strcmp(port->protocol, "udp"),
			.port = (uint16_t)port->port,
			.count = port->count,
			.socket_activated = port->is_socket_activated,
		};
		if (copy_text(&config->ports[i].name, port->name) < 0)
			return -1;
	}
	return 0;
}

static int fill(const struct appc_app *app, struct image_config *config)
{
	if (asprintf(&config->user, "%s:%s", owner(app->user), owner(app->group)) < 0) {
		config->user = NULL;
		return -1;
	}
	config->supplementary_gid_count = app->supplementary_gid_count;
	memcpy(config->supplementary_gids, app->supplementary_gids,
	       sizeof(config->supplementary_gids));
	if (copy_text(&config->working_dir, app->working_dir) < 0 ||
	    copy_list(&config->entrypoint, &app->exec) < 0 ||
	    copy_list(&config->env, &app->environment) < 0 ||
	    copy_list(&config->pre_start, &app->pre_start) < 0 ||
	    copy_list(&config->post_stop, &app->post_stop) < 0 ||
	    fill_mount_points(app, config) < 0 || fill_ports(app, config) < 0)
		return -1;
	return fill_isolators(&app->isolators, &config->isolators);
}

int appc_app_config(const struct appc_app *app, struct image_config *config, struct error *err)
{
	return fill(app, config) < 0 ? error_set(err, ENOMEM, "cannot read a manifest") : 0;
}

int appc_image_config(const struct appc_image *image, struct image_config *config,
		      struct string_list *unapplied, struct error *err)
{
	if (image->has_app) {
		if (appc_app_config(&image->app, config, err) < 0)
			return -1;
	} else if (copy_text(&config->user, "") < 0 || copy_text(&config->working_dir, "") < 0) {
		return error_set(err, ENOMEM, "cannot read a manifest");
	}
	if (copy_list(unapplied, &config->isolators.unapplied) < 0)
		return error_set(err, ENOMEM, "cannot read a manifest");
	return 0;
}
