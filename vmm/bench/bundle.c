/*
 * config.json as `runc spec` writes it.
 */
#include "vmm/bench/bundle.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>

#include "vmm/base/json_writer.h"

struct mount_line {
	const char *target;
	const char *type;
	const char *options[8];
};

static const struct mount_line mounts[] = {
	{ "/proc", "proc", { NULL } },
	{ "/dev", "tmpfs", { "nosuid", "strictatime", "mode=755", "size=65536k", NULL } },
	{ "/dev/pts",
	  "devpts",
	  { "nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5", NULL } },
	{ "/dev/shm", "tmpfs", { "nosuid", "noexec", "nodev", "mode=1777", "size=65536k", NULL } },
	{ "/dev/mqueue", "mqueue", { "nosuid", "noexec", "nodev", NULL } },
	{ "/sys", "sysfs", { "nosuid", "noexec", "nodev", "ro", NULL } },
	{ "/sys/fs/cgroup", "cgroup", { "nosuid", "noexec", "nodev", "relatime", "ro", NULL } },
};

static const char *const environment[] = {
	"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", NULL
};
static const char *const capabilities[] = { "CAP_AUDIT_WRITE", "CAP_KILL", "CAP_NET_BIND_SERVICE",
					    NULL };
static const char *const sets[] = { "bounding", "effective", "permitted", NULL };
static const char *const namespaces[] = { "pid", "network", "ipc", "uts", "mount", NULL };
static const char *const masked[] = {
	"/proc/acpi",
	"/proc/asound",
	"/proc/kcore",
	"/proc/keys",
	"/proc/latency_stats",
	"/proc/timer_list",
	"/proc/timer_stats",
	"/proc/sched_debug",
	"/sys/firmware",
	"/proc/scsi",
	NULL,
};
static const char *const read_only[] = { "/proc/bus",		"/proc/fs",
					 "/proc/irq",		"/proc/sys",
					 "/proc/sysrq-trigger", NULL };

static void put_texts(struct json_writer *json, const char *key, const char *const *texts)
{
	json_open(json, key, '[');
	for (; *texts; texts++)
		json_put_text(json, NULL, *texts);
	json_close(json, ']');
}

static void put_process(struct json_writer *json, const char *const *command)
{
	json_open(json, "process", '{');
	json_put_bool(json, "terminal", false);
	json_open(json, "user", '{');
	json_put_number(json, "uid", 0);
	json_put_number(json, "gid", 0);
	json_close(json, '}');
	put_texts(json, "args", command);
	put_texts(json, "env", environment);
	json_put_text(json, "cwd", "/");
	json_open(json, "capabilities", '{');
	for (const char *const *set = sets; *set; set++)
		put_texts(json, *set, capabilities);
	json_close(json, '}');
	json_put_bool(json, "noNewPrivileges", true);
	json_close(json, '}');
}

static void put_mounts(struct json_writer *json)
{
	json_open(json, "mounts", '[');
	for (size_t i = 0; i < sizeof(mounts) / sizeof(mounts[0]); i++) {
		json_open(json, NULL, '{');
		json_put_text(json, "destination", mounts[i].target);
		json_put_text(json, "type", mounts[i].type);
		json_put_text(json, "source", mounts[i].type);
		if (mounts[i].options[0])
			put_texts(json, "options", mounts[i].options);
		json_close(json, '}');
	}
	json_close(json, ']');
}

static void put_linux(struct json_writer *json)
{
	json_open(json, "linux", '{');
	json_open(json, "resources", '{');
	json_open(json, "devices", '[');
	json_open(json, NULL, '{');
	json_put_bool(json, "allow", false);
	json_put_text(json, "access", "rwm");
	json_close(json, '}');
	json_close(json, ']');
	json_close(json, '}');
	json_open(json, "namespaces", '[');
	for (const char *const *name = namespaces; *name; name++) {
		json_open(json, NULL, '{');
		json_put_text(json, "type", *name);
		json_close(json, '}');
	}
	json_close(json, ']');
	put_texts(json, "maskedPaths", masked);
	put_texts(json, "readonlyPaths", read_only);
	json_close(json, '}');
}

int bundle_write_config(const char *directory, const char *const *command, struct error *err)
{
	struct json_writer json;
	char path[PATH_MAX];
	FILE *file;

	if (snprintf(path, sizeof(path), "%s/config.json", directory) >= (int)sizeof(path))
		return error_set(err, ENAMETOOLONG, "%s", directory);
	file = fopen(path, "we");
	if (!file)
		return error_set(err, errno, "cannot write %s", path);
	json_begin(&json, file);
	json_open(&json, NULL, '{');
	json_put_text(&json, "ociVersion", "1.0.2");
	put_process(&json, command);
	json_open(&json, "root", '{');
	json_put_text(&json, "path", "rootfs");
	json_put_bool(&json, "readonly", true);
	json_close(&json, '}');
	json_put_text(&json, "hostname", "bench");
	put_mounts(&json);
	put_linux(&json);
	json_close(&json, '}');
	json_end(&json);
	if (ferror(file) | fclose(file))
		return error_set(err, errno, "cannot write %s", path);
	return 0;
}
