/*
 * Writing the pod manifest of what runs.
 */
#include "vmm/pod/manifest_json.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "vmm/base/bytes.h"
#include "vmm/base/cleanup.h"
#include "vmm/base/json_writer.h"
#include "vmm/pod/app_values.h"
#include "vmm/pod/capabilities.h"
#include "vmm/pod/directory.h"

enum { NUMBER_TEXT_MAX = 32 };

struct writer {
	struct json_writer json;
	const struct manifest_json *what;
};

static void put_pair(struct json_writer *json, const char *name, const char *value)
{
	json_open(json, NULL, '{');
	json_put_text(json, "name", name);
	json_put_text(json, "value", value);
	json_close(json, '}');
}

static void put_number_pair(struct json_writer *json, const char *name, uint64_t value)
{
	char text[NUMBER_TEXT_MAX];

	if (!value)
		return;
	(void)snprintf(text, sizeof(text), "%ju", (uintmax_t)value);
	put_pair(json, name, text);
}

static void put_texts(struct json_writer *json, const char *key, const char *const *texts)
{
	json_open(json, key, '[');
	for (size_t i = 0; texts && texts[i]; i++)
		json_put_text(json, NULL, texts[i]);
	json_close(json, ']');
}

static void put_image(struct writer *w, unsigned index)
{
	const struct pod_image *image = pod_images_of_app(w->what->images, index);
	char id[DIGEST_TEXT_SIZE];

	json_open(&w->json, "image", '{');
	if (!image->is_directory) {
		memcpy(id, image->image.manifest_digest, sizeof(id));
		id[strcspn(id, ":")] = '-';
		json_put_text(&w->json, "id", id);
	}
	json_close(&w->json, '}');
}

/* "USER:GROUP" in its parts; a user without a group is in the group 0. */
static void put_owner(struct json_writer *json, const char *user)
{
	const char *colon = user ? strrchr(user, ':') : NULL;
	_cleanup_free_ char *name =
	    user ? strndup(user, colon ? (size_t)(colon - user) : strlen(user)) : NULL;

	json_put_text(json, "user", name && *name ? name : "0");
	json_put_text(json, "group", colon && colon[1] ? colon + 1 : "0");
}

static void put_environment(struct json_writer *json, const char *const *env)
{
	json_open(json, "environment", '[');
	for (size_t i = 0; env && env[i]; i++) {
		size_t len = strcspn(env[i], "=");
		_cleanup_free_ char *name = strndup(env[i], len);

		if (name && env[i][len] && strcmp(name, METADATA_VARIABLE) != 0)
			put_pair(json, name, env[i] + len + 1);
	}
	json_close(json, ']');
}

static void put_handler(struct json_writer *json, const char *name, const char *const *argv)
{
	if (!argv)
		return;
	json_open(json, NULL, '{');
	json_put_text(json, "name", name);
	put_texts(json, "exec", argv);
	json_close(json, '}');
}

static void put_limit(struct json_writer *json, const char *name, const char *limit)
{
	json_open(json, NULL, '{');
	json_put_text(json, "name", name);
	json_open(json, "value", '{');
	json_put_text(json, "limit", limit);
	json_close(json, '}');
	json_close(json, '}');
}

/* A set cannot be empty, so no capability at all is the default ones removed. */
static void put_capabilities(struct json_writer *json, uint64_t mask)
{
	uint64_t base = capabilities_default();
	bool removes = (mask & ~base) == 0;
	uint64_t set = removes ? base & ~mask : mask;

	if (mask == base)
		return;
	json_open(json, NULL, '{');
	json_put_text(json, "name",
		      removes ? "os/linux/capabilities-remove-set"
			      : "os/linux/capabilities-retain-set");
	json_open(json, "value", '{');
	json_open(json, "set", '[');
	for (unsigned i = 0; capability_name(i); i++)
		if (set >> i & 1)
			json_put_text(json, NULL, capability_name(i));
	json_close(json, ']');
	json_close(json, '}');
	json_close(json, '}');
}

static void put_isolators(struct writer *w, unsigned index)
{
	const struct pod_app *app = &w->what->assembly->apps[index];
	const struct app_options *own = run_app_options(w->what->options, index);
	uint64_t shares = own->cpu_shares ? own->cpu_shares
					  : w->what->assembly->bases[index]->isolators.cpu_shares;
	struct json_writer *json = &w->json;
	char text[NUMBER_TEXT_MAX];

	json_open(json, "isolators", '[');
	(void)snprintf(text, sizeof(text), "%ju", (uintmax_t)app->memory_limit);
	if (app->memory_limit)
		put_limit(json, "resource/memory", text);
	(void)snprintf(text, sizeof(text), "%um", app->cpu_limit);
	if (app->cpu_limit)
		put_limit(json, "resource/cpu", text);
	put_capabilities(json, app->capabilities);
	if (shares) {
		json_open(json, NULL, '{');
		json_put_text(json, "name", "os/linux/cpu-shares");
		json_put_number(json, "value", shares);
		json_close(json, '}');
	}
	if (app->no_new_privileges) {
		json_open(json, NULL, '{');
		json_put_text(json, "name", "os/linux/no-new-privileges");
		json_put_bool(json, "value", true);
		json_close(json, '}');
	}
	json_close(json, ']');
}

static void put_app_ports(struct json_writer *json, const struct image_config *config)
{
	json_open(json, "ports", '[');
	for (size_t i = 0; i < config->port_count; i++) {
		const struct image_port *port = &config->ports[i];

		json_open(json, NULL, '{');
		json_put_text(json, "name", port->name);
		json_put_text(json, "protocol", port->udp ? "udp" : "tcp");
		json_put_number(json, "port", port->port);
		json_put_number(json, "count", port->count);
		json_close(json, '}');
	}
	json_close(json, ']');
}

static void put_section(struct writer *w, unsigned index)
{
	const struct pod_app *app = &w->what->assembly->apps[index];
	struct json_writer *json = &w->json;

	json_open(json, "app", '{');
	put_texts(json, "exec", app->argv);
	put_owner(json, app->user);
	json_open(json, "supplementaryGIDs", '[');
	for (size_t i = 0; i < app->supplementary_gid_count; i++)
		json_put_number(json, NULL, app->supplementary_gids[i]);
	json_close(json, ']');
	json_put_text(json, "workingDirectory", app->workdir);
	put_environment(json, app->env);
	json_open(json, "eventHandlers", '[');
	put_handler(json, "pre-start", app->pre_start);
	put_handler(json, "post-stop", app->post_stop);
	json_close(json, ']');
	put_app_ports(json, w->what->assembly->bases[index]);
	put_isolators(w, index);
	json_close(json, '}');
}

/* appc knows no others than volumes of the host and empty ones. */
static bool is_volume(const struct pod_mount *mount)
{
	return mount->type == POD_MOUNT_SHARE || mount->type == POD_MOUNT_VOLUME;
}

static void put_mounts(struct json_writer *json, const struct pod_app *app)
{
	json_open(json, "mounts", '[');
	for (size_t i = 0; i < app->mount_count; i++) {
		if (!is_volume(&app->mounts[i]))
			continue;
		json_open(json, NULL, '{');
		json_put_text(json, "volume", app->mounts[i].source);
		json_put_text(json, "path", app->mounts[i].target);
		json_close(json, '}');
	}
	json_close(json, ']');
}

static void put_ulimits(struct json_writer *json, const struct pod_app *app)
{
	_cleanup_free_ char *text = NULL;
	_cleanup_file_ FILE *out = NULL;
	size_t len;

	if (!app->rlimit_count)
		return;
	out = open_memstream(&text, &len);
	for (size_t i = 0; out && i < app->rlimit_count; i++)
		(void)fprintf(out, "%s%s=%jd:%jd", i ? " " : "",
			      app_value_ulimit_name(app->rlimits[i].resource),
			      (intmax_t)app->rlimits[i].soft, (intmax_t)app->rlimits[i].hard);
	if (out && fflush(out) == 0)
		put_pair(json, "nacelle/ulimit", text);
}

/* Whether it is one that is written from what the app has become. */
static bool is_own(const char *name)
{
	return strncmp(name, "nacelle/", 8) == 0;
}

static void put_text_pair(struct json_writer *json, const char *name, const char *value)
{
	if (value)
		put_pair(json, name, value);
}

static void put_annotations(struct writer *w, unsigned index)
{
	const struct manifest_json *what = w->what;
	const struct pod_app *app = &what->assembly->apps[index];
	const struct app_options *own = run_app_options(what->options, index);
	const struct string_list *given =
	    what->manifest ? &what->manifest->apps[index].annotations : NULL;
	const struct pod_image *image = pod_images_of_app(what->images, index);
	struct json_writer *json = &w->json;

	json_open(json, "annotations", '[');
	for (size_t i = 0; given && i < given->count; i += 2)
		if (!is_own(given->items[i]))
			put_pair(json, given->items[i], given->items[i + 1]);
	for (unsigned i = 0; i < own->annotations.count; i++) {
		const char *text = own->annotations.items[i], *value = strchr(text, '=');
		_cleanup_free_ char *name = value ? strndup(text, (size_t)(value - text)) : NULL;

		if (name)
			put_pair(json, name, value + 1);
	}
	if (image->is_directory)
		put_pair(json, "nacelle/image", image->directory);
	put_text_pair(json, "nacelle/seccomp", what->assembly->seccomp[index]);
	put_text_pair(json, "nacelle/stdin",
		      own->interactive && !own->stdin_mode ? "inherit" : own->stdin_mode);
	put_text_pair(json, "nacelle/stdout", own->stdout_mode);
	put_text_pair(json, "nacelle/stderr", own->stderr_mode);
	put_text_pair(json, "nacelle/tty", own->tty ? "true" : NULL);
	put_text_pair(json, "nacelle/init", app->init ? "true" : NULL);
	put_text_pair(json, "nacelle/restart",
		      app->restart == POD_RESTART_ALWAYS       ? "always"
		      : app->restart == POD_RESTART_ON_FAILURE ? "on-failure"
							       : NULL);
	put_number_pair(json, "nacelle/stop-signal", app->stop_signal);
	put_number_pair(json, "nacelle/pids-limit", app->pids_limit);
	if (app->oom_score_adj) {
		char text[NUMBER_TEXT_MAX];

		(void)snprintf(text, sizeof(text), "%d", app->oom_score_adj);
		put_pair(json, "nacelle/oom-score-adj", text);
	}
	put_ulimits(json, app);
	json_close(json, ']');
}

static void put_apps(struct writer *w)
{
	json_open(&w->json, "apps", '[');
	for (unsigned i = 0; i < w->what->assembly->pod.app_count; i++) {
		const struct pod_app *app = &w->what->assembly->apps[i];

		json_open(&w->json, NULL, '{');
		json_put_text(&w->json, "name", app->name);
		put_image(w, i);
		put_section(w, i);
		json_put_bool(&w->json, "readOnlyRootFS", app->root.read_only);
		put_mounts(&w->json, app);
		put_annotations(w, i);
		json_close(&w->json, '}');
	}
	json_close(&w->json, ']');
}

/* The path as it is found from anywhere. */
static void put_source(struct json_writer *json, const char *path)
{
	_cleanup_free_ char *absolute = path[0] == '/' ? NULL : realpath(path, NULL);

	json_put_text(json, "source", absolute ? absolute : path);
}

static void put_volumes(struct writer *w)
{
	const struct volume_set *set = &w->what->assembly->volumes;
	struct json_writer *json = &w->json;

	json_open(json, "volumes", '[');
	for (unsigned i = 0; i < set->share_count; i++) {
		const struct volume_share *share = &set->shares[i];

		if (!share->path) /* an app's root */
			continue;
		json_open(json, NULL, '{');
		json_put_text(json, "name", share->name);
		json_put_text(json, "kind", "host");
		put_source(json, share->path);
		json_put_bool(json, "readOnly", share->read_only);
		json_put_bool(json, "recursive", share->recursive);
		json_close(json, '}');
	}
	for (unsigned i = 0; i < set->volume_count; i++) {
		const struct pod_volume *volume = &set->volumes[i];
		char mode[NUMBER_TEXT_MAX];

		(void)snprintf(mode, sizeof(mode), "%04o", volume->mode ? volume->mode : 0755);
		json_open(json, NULL, '{');
		json_put_text(json, "name", volume->name);
		json_put_text(json, "kind", "empty");
		json_put_text(json, "mode", mode);
		json_put_number(json, "uid", volume->uid);
		json_put_number(json, "gid", volume->gid);
		json_close(json, '}');
	}
	json_close(json, ']');
}

/* Of "[IP/]HOST:POD", as passt has it. */
static void put_port(struct json_writer *json, const struct net_port *port, unsigned index)
{
	const char *colon = strrchr(port->text, ':');
	char name[NUMBER_TEXT_MAX];

	(void)snprintf(name, sizeof(name), "port-%u", index);
	json_open(json, NULL, '{');
	json_put_text(json, "name", name);
	json_put_number(json, "hostPort", port->host);
	if (port->ip.family == 4) {
		char ip[NUMBER_TEXT_MAX];

		(void)snprintf(ip, sizeof(ip), "%u.%u.%u.%u", port->ip.bytes[0], port->ip.bytes[1],
			       port->ip.bytes[2], port->ip.bytes[3]);
		json_put_text(json, "hostIP", ip);
	}
	json_open(json, "podPort", '{');
	json_put_text(json, "name", name);
	json_put_text(json, "protocol", port->udp ? "udp" : "tcp");
	json_put_number(json, "port", colon ? strtoul(colon + 1, NULL, 10) : port->host);
	json_close(json, '}');
	json_close(json, '}');
}

static void put_ports(struct writer *w)
{
	const struct networks *networks = &w->what->assembly->networks;

	json_open(&w->json, "ports", '[');
	for (unsigned i = 0; i < networks->port_count; i++)
		put_port(&w->json, &networks->ports[i], i);
	json_close(&w->json, ']');
}

static void put_sysctls(struct json_writer *json, const char *const *sysctls)
{
	json_open(json, NULL, '{');
	json_put_text(json, "name", "os/unix/sysctl");
	json_open(json, "value", '{');
	for (size_t i = 0; sysctls[i]; i++) {
		const char *value = strchr(sysctls[i], '=');
		_cleanup_free_ char *name =
		    value ? strndup(sysctls[i], (size_t)(value - sysctls[i])) : NULL;

		if (name)
			json_put_text(json, name, value + 1);
	}
	json_close(json, '}');
	json_close(json, '}');
}

static void put_pod(struct writer *w)
{
	const struct assembly *assembly = w->what->assembly;
	const struct string_list *given =
	    w->what->manifest ? &w->what->manifest->annotations : NULL;
	struct json_writer *json = &w->json;

	json_open(json, "isolators", '[');
	if (assembly->pod.sysctls)
		put_sysctls(json, assembly->pod.sysctls);
	json_close(json, ']');
	json_open(json, "annotations", '[');
	for (size_t i = 0; given && i < given->count; i += 2)
		if (!is_own(given->items[i]))
			put_pair(json, given->items[i], given->items[i + 1]);
	put_number_pair(json, "nacelle/cpus", assembly->pod.cpus);
	put_number_pair(json, "nacelle/memory", assembly->memory_bytes);
	put_pair(json, "nacelle/hostname", assembly->pod.hostname);
	json_close(json, ']');
}

void manifest_json_print(const struct manifest_json *what, FILE *out)
{
	struct writer w = { .what = what };

	json_begin(&w.json, out);
	json_open(&w.json, NULL, '{');
	json_put_text(&w.json, "acVersion", "0.8.11");
	json_put_text(&w.json, "acKind", "PodManifest");
	put_apps(&w);
	put_volumes(&w);
	put_pod(&w);
	put_ports(&w);
	json_close(&w.json, '}');
	json_end(&w.json);
}

int manifest_json_write(const struct manifest_json *what, int dir_fd, struct error *err)
{
	_cleanup_free_ char *text = NULL;
	size_t len;
	FILE *out = open_memstream(&text, &len);

	if (!out)
		return error_set(err, ENOMEM, "cannot write the pod's manifest");
	manifest_json_print(what, out);
	if (fclose(out) != 0)
		return error_set(err, ENOMEM, "cannot write the pod's manifest");
	return directory_write(dir_fd, POD_MANIFEST_NAME, text, len, false, err);
}
