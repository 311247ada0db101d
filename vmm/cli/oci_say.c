/*
 * nacelle-oci state, list, ps, features, spec: what only says something.
 */
#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "vmm/base/cleanup.h"
#include "vmm/base/json_writer.h"
#include "vmm/base/time_text.h"
#include "vmm/cli/oci.h"
#include "vmm/pod/capabilities.h"
#include "vmm/pod/hooks.h"
#include "vmm/pod/pods.h"

static void format_time(char text[TIME_TEXT_BYTES + 1], uint64_t time_ns)
{
	time_text_write(text, time_ns);
	text[TIME_TEXT_BYTES] = '\0';
}

static bool is_stopped(const struct oci_container *container)
{
	return strcmp(container->status, "stopped") == 0;
}

static const char *text_of(const struct oci_container *container, enum oci_text which)
{
	const char *text = container->bundle.texts[which];

	return text ? text : "";
}

static const char *id_of(const struct oci_container *container)
{
	const char *name = container->info.launch.name;

	return name ? name : "";
}

/* An object with what `runc state` says. */
static void put_state(struct json_writer *json, const char *key,
		      const struct oci_container *container)
{
	char created[TIME_TEXT_BYTES + 1];

	format_time(created, container->info.created_ns);
	json_open(json, key, '{');
	hooks_put_state(json, &container->bundle, id_of(container),
			is_stopped(container) ? 0 : container->info.pid, container->status);
	json_put_text(json, "created", created);
	json_put_text(json, "owner", geteuid() == 0 ? "root" : "");
	json_close(json, '}');
}

int oci_state(const void *options, int argc, char **argv, struct error *err)
{
	struct oci_container container;
	struct json_writer json;

	(void)options;
	(void)argc;
	if (oci_container_open(argv[0], OCI_ASK, &container, err) < 0)
		return -1;
	json_begin(&json, stdout);
	put_state(&json, NULL, &container);
	json_end(&json);
	oci_container_close(&container);
	return 0;
}

enum list_form { LIST_TABLE, LIST_JSON, LIST_QUIET };

static void list_one(struct json_writer *json, enum list_form form,
		     const struct oci_container *container)
{
	char created[TIME_TEXT_BYTES + 1];

	if (form == LIST_JSON) {
		put_state(json, NULL, container);
		return;
	}
	if (form == LIST_QUIET) {
		printf("%s\n", id_of(container));
		return;
	}
	format_time(created, container->info.created_ns);
	printf("%-24s %-8d %-10s %-40s %s\n", id_of(container),
	       is_stopped(container) ? 0 : (int)container->info.pid, container->status,
	       text_of(container, OCI_BUNDLE_PATH), created);
}

static void list_all(int pods_fd, const struct pod_entries *entries, enum list_form form,
		     struct json_writer *json)
{
	for (size_t i = 0; i < entries->count; i++) {
		struct oci_container container;
		struct pod_directory pod;

		if (pods_open_one(pods_fd, entries->items[i].uuid, &pod, NULL) <= 0)
			continue;
		if (oci_container_look(&pod, OCI_ASK, &container, NULL) <= 0)
			continue;
		list_one(json, form, &container);
		oci_container_close(&container);
	}
}

static int read_form(const struct oci_options *options, enum list_form *form, struct error *err)
{
	*form = options->quiet ? LIST_QUIET : LIST_TABLE;
	if (!options->format || strcmp(options->format, "table") == 0)
		return 0;
	if (strcmp(options->format, "json") != 0)
		return error_set(err, 0, "--format %s: table or json is expected", options->format);
	*form = LIST_JSON;
	return 0;
}

int oci_list(const void *options, int argc, char **argv, struct error *err)
{
	struct pod_entries entries = { 0 };
	struct error cause = ERROR_NONE;
	_cleanup_fd_ int pods_fd = -1;
	struct json_writer json;
	enum list_form form;

	(void)argc;
	(void)argv;
	if (read_form(options, &form, err) < 0)
		return -1;
	pods_fd = pods_open(oci_root(), false, &cause);
	if (pods_fd < 0 && cause.code != ENOENT) {
		*err = cause;
		return -1;
	}
	if (pods_fd >= 0 && pods_list(pods_fd, &entries, err) < 0)
		return -1;
	if (form == LIST_TABLE)
		printf("%-24s %-8s %-10s %-40s %s\n", "ID", "PID", "STATUS", "BUNDLE", "CREATED");
	if (form == LIST_JSON) {
		json_begin(&json, stdout);
		json_open(&json, NULL, '[');
	}
	list_all(pods_fd, &entries, form, &json);
	if (form == LIST_JSON) {
		json_close(&json, ']');
		json_end(&json);
	}
	pod_entries_free(&entries);
	return 0;
}

/* The host sees one process of a container: its supervisor. */
int oci_ps(const void *options, int argc, char **argv, struct error *err)
{
	struct oci_container container;
	enum list_form form;

	(void)argc;
	if (read_form(options, &form, err) < 0 ||
	    oci_container_open(argv[0], OCI_ASK, &container, err) < 0)
		return -1;
	if (is_stopped(&container)) {
		oci_container_close(&container);
		return error_set(err, 0, "container not running");
	}
	printf(form == LIST_JSON ? "[%d]\n" : "PID\n%d\n", (int)container.info.pid);
	oci_container_close(&container);
	return 0;
}

static void put_list(struct json_writer *json, const char *key, const char *const *items)
{
	json_open(json, key, '[');
	for (; *items; items++)
		json_put_text(json, NULL, *items);
	json_close(json, ']');
}

static void put_enabled(struct json_writer *json, const char *key, bool enabled)
{
	json_open(json, key, '{');
	json_put_bool(json, "enabled", enabled);
	json_close(json, '}');
}

static void put_linux(struct json_writer *json)
{
	static const char *const namespaces[] = { "cgroup", "ipc", "mount", "network",
						  "pid",    "uts", NULL };

	json_open(json, "linux", '{');
	put_list(json, "namespaces", namespaces);
	json_open(json, "capabilities", '[');
	for (unsigned i = 0; capability_name(i); i++)
		json_put_text(json, NULL, capability_name(i));
	json_close(json, ']');
	json_open(json, "cgroup", '{');
	json_put_bool(json, "v1", false);
	json_put_bool(json, "v2", true);
	json_put_bool(json, "systemd", false);
	json_put_bool(json, "systemdUser", false);
	json_close(json, '}');
	put_enabled(json, "seccomp", true);
	put_enabled(json, "apparmor", false);
	put_enabled(json, "selinux", false);
	json_close(json, '}');
}

int oci_features(const void *options, int argc, char **argv, struct error *err)
{
	static const char *const mount_options[] = { "bind",  "dev",	"exec",	  "gid=",  "mode=",
						     "nodev", "noexec", "nosuid", "rbind", "ro",
						     "rw",    "size=",	"suid",	  "uid=",  NULL };
	struct json_writer json;

	(void)options;
	(void)argc;
	(void)argv;
	(void)err;
	json_begin(&json, stdout);
	json_open(&json, NULL, '{');
	json_put_text(&json, "ociVersionMin", "1.0.0");
	json_put_text(&json, "ociVersionMax", "1.2.0");
	json_open(&json, "hooks", '[');
	for (enum oci_hook_kind kind = 0; kind < OCI_HOOK_KINDS; kind++)
		json_put_text(&json, NULL, oci_hook_name(kind));
	json_close(&json, ']');
	put_list(&json, "mountOptions", mount_options);
	put_linux(&json);
	json_open(&json, "annotations", '{');
	json_put_text(&json, "org.nacelle.version", NACELLE_VERSION);
	json_close(&json, '}');
	json_close(&json, '}');
	json_end(&json);
	return 0;
}

static void put_process(struct json_writer *json)
{
	static const char *const args[] = { "sh", NULL };
	static const char *const env[] = {
		"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", NULL
	};
	static const char *const sets[] = { "bounding", "effective", "permitted" };

	json_open(json, "process", '{');
	json_put_bool(json, "terminal", false);
	json_open(json, "user", '{');
	json_put_number(json, "uid", 0);
	json_put_number(json, "gid", 0);
	json_close(json, '}');
	put_list(json, "args", args);
	put_list(json, "env", env);
	json_put_text(json, "cwd", "/");
	json_open(json, "capabilities", '{');
	for (size_t i = 0; i < sizeof(sets) / sizeof(*sets); i++) {
		json_open(json, sets[i], '[');
		for (unsigned j = 0; capability_name(j); j++)
			if (capabilities_default() >> j & 1)
				json_put_text(json, NULL, capability_name(j));
		json_close(json, ']');
	}
	json_close(json, '}');
	json_put_bool(json, "noNewPrivileges", true);
	json_close(json, '}');
}

static void put_spec(struct json_writer *json)
{
	static const char *const namespaces[] = { "pid", "network", "ipc", "uts", "mount" };

	json_open(json, NULL, '{');
	json_put_text(json, "ociVersion", OCI_SPEC_VERSION);
	put_process(json);
	json_open(json, "root", '{');
	json_put_text(json, "path", "rootfs");
	json_put_bool(json, "readonly", true);
	json_close(json, '}');
	json_put_text(json, "hostname", "nacelle");
	json_open(json, "linux", '{');
	json_open(json, "namespaces", '[');
	for (size_t i = 0; i < sizeof(namespaces) / sizeof(*namespaces); i++) {
		json_open(json, NULL, '{');
		json_put_text(json, "type", namespaces[i]);
		json_close(json, '}');
	}
	json_close(json, ']');
	json_close(json, '}');
	json_close(json, '}');
}

int oci_spec(const void *given, int argc, char **argv, struct error *err)
{
	const struct oci_options *options = given;
	const char *directory = options->bundle ? options->bundle : ".";
	_cleanup_free_ char *path = NULL;
	_cleanup_file_ FILE *out = NULL;
	struct json_writer json;

	(void)argc;
	(void)argv;
	if (asprintf(&path, "%s/config.json", directory) < 0) {
		path = NULL;
		return error_set(err, ENOMEM, "cannot write a config.json");
	}
	out = fopen(path, "wxe");
	if (!out)
		return error_set(err, errno, "cannot make %s", path);
	json_begin(&json, out);
	put_spec(&json);
	json_end(&json);
	return fflush(out) == 0 ? 0 : error_set(err, errno, "cannot write %s", path);
}
