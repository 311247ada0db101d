/*
 * "mounts" of config.json (config.md, "Mounts"). The guest mounts by itself what belongs to a
 * kernel: /dev, /proc, /sys and what is in them. Binds of the host and tmpfs are what is left.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "images/limits.h"
#include "images/oci_bundle_internal.h"

/* What the guest has there whatever is asked for. */
static bool is_guests_own(const char *target)
{
	static const char *const paths[] = {
		"/dev", "/dev/pts", "/dev/mqueue", "/dev/shm", "/proc", "/sys", "/sys/fs/cgroup",
	};

	for (size_t i = 0; i < sizeof(paths) / sizeof(*paths); i++)
		if (strcmp(target, paths[i]) == 0)
			return true;
	return oci_is_default_device(target);
}

/* "512", "64k", "1m", "1g", as the kernel's tmpfs takes them. */
static int read_size(const char *text, uint64_t *out)
{
	static const char units[] = "kmg";
	char *end;
	unsigned long long number;
	const char *unit;
	unsigned shift = 0;

	if (*text < '0' || *text > '9')
		return -1;
	errno = 0;
	number = strtoull(text, &end, 10);
	if (*end) {
		unit = strchr(units, *end | 0x20);
		if (!unit || end[1])
			return -1;
		shift = 10 * (unsigned)(unit - units + 1);
	}
	if (errno || number > (uint64_t)INT64_MAX >> shift)
		return -1;
	*out = number << shift;
	return 0;
}

static int read_number(const char *text, int base, unsigned long max, uint32_t *out)
{
	char *end;
	unsigned long number = strtoul(text, &end, base);

	if (*text < '0' || *text > '9' || *end || number > max)
		return -1;
	*out = (uint32_t)number;
	return 0;
}

static const struct option {
	const char *name;
	uint32_t set, clear;
} options[] = {
	{ "ro", OCI_MOUNT_READ_ONLY, 0 },
	{ "rro", OCI_MOUNT_READ_ONLY, 0 },
	{ "rw", 0, OCI_MOUNT_READ_ONLY },
	{ "nosuid", OCI_MOUNT_NOSUID, 0 },
	{ "suid", 0, OCI_MOUNT_NOSUID },
	{ "nodev", OCI_MOUNT_NODEV, 0 },
	{ "dev", 0, OCI_MOUNT_NODEV },
	{ "noexec", OCI_MOUNT_NOEXEC, 0 },
	{ "exec", 0, OCI_MOUNT_NOEXEC },
	{ "bind", OCI_MOUNT_BIND, OCI_MOUNT_RECURSIVE },
	{ "rbind", OCI_MOUNT_BIND | OCI_MOUNT_RECURSIVE, 0 },
};

/* What is so in a guest anyway, or a matter of the host's mounts alone. */
static bool has_no_meaning(const char *name)
{
	static const char *const names[] = {
		"defaults",	 "private",	"rprivate", "slave",	  "rslave",
		"unbindable",	 "runbindable", "relatime", "norelatime", "strictatime",
		"nostrictatime", "atime",	"noatime",  "diratime",	  "nodiratime",
		"async",	 "notmpcopyup",
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		if (strcmp(name, names[i]) == 0)
			return true;
	return false;
}

/* NAME=VALUE. Returns 1, 0 for one that is not known, -1 if the value is wrong. */
static int apply_value(struct oci_mount *mount, const char *name)
{
	if (strncmp(name, "size=", 5) == 0)
		return read_size(name + 5, &mount->size_bytes) < 0 ? -1 : 1;
	if (strncmp(name, "mode=", 5) == 0)
		return read_number(name + 5, 8, 07777, &mount->mode) < 0 ? -1 : 1;
	if (strncmp(name, "uid=", 4) == 0)
		return read_number(name + 4, 10, IMAGE_ID_MAX, &mount->uid) < 0 ? -1 : 1;
	if (strncmp(name, "gid=", 4) == 0)
		return read_number(name + 4, 10, IMAGE_ID_MAX, &mount->gid) < 0 ? -1 : 1;
	return 0;
}

static int apply_option(const struct appc_node *item, struct oci_bundle *bundle,
			struct oci_mount *mount, const char *name, struct error *err)
{
	int known;

	for (size_t i = 0; i < sizeof(options) / sizeof(*options); i++) {
		if (strcmp(name, options[i].name) != 0)
			continue;
		mount->flags = (mount->flags & ~options[i].clear) | options[i].set;
		return 0;
	}
	known = apply_value(mount, name);
	if (known < 0)
		return appc_refuse(item, "options", err, "\"%.64s\" has a wrong value", name);
	if (known || has_no_meaning(name) || is_guests_own(mount->target))
		return 0;
	return oci_warn(bundle, err, "the option %.64s of the mount on %.200s is not applied", name,
			mount->target);
}

static int read_options(const struct appc_node *item, struct oci_bundle *bundle,
			struct oci_mount *mount, struct error *err)
{
	struct string_list list = { 0 };
	int result = appc_strings(item, "options", &list, err);

	for (size_t i = 0; i < list.count && result == 0; i++)
		result = apply_option(item, bundle, mount, list.items[i], err);
	string_list_free(&list);
	return result;
}

static int refuse_mappings(const struct appc_node *item, struct error *err)
{
	static const char *const keys[] = { "uidMappings", "gidMappings" };
	struct appc_node list;

	for (size_t i = 0; i < 2; i++) {
		if (appc_list(item, keys[i], &list, err) < 0)
			return -1;
		if (list.json && json_first(list.json))
			return appc_refuse(item, keys[i], err, "it is not supported");
	}
	return 0;
}

static bool is_bind(const struct oci_mount *mount, const char *type)
{
	return mount->flags & OCI_MOUNT_BIND || strcmp(type, "bind") == 0;
}

/* podman makes its own directory for /dev/shm, and binds what every container has. */
static int warn_dropped(struct oci_bundle *bundle, const struct oci_mount *mount, const char *type,
			struct error *err)
{
	if (!is_bind(mount, type) || strcmp(mount->target, "/dev/shm") == 0 ||
	    oci_is_default_device(mount->target))
		return 0;
	return oci_warn(bundle, err, "the bind on %.200s is not applied: the guest has its own",
			mount->target);
}

/* Its content stays the guest's; it says how large that may be. */
static bool is_shm_of_host(const struct oci_bundle *bundle, const struct oci_mount *mount,
			   const char *type, const char *source)
{
	return is_bind(mount, type) && strcmp(mount->target, "/dev/shm") == 0 && *source == '/' &&
	       !bundle->texts[OCI_SHM];
}

/* What kind of mount it is. Returns 1, 0 if there is nothing to be mounted, -1. */
static int settle(const struct appc_node *item, struct oci_bundle *bundle, struct oci_mount *mount,
		  const char *type, const char *source, struct error *err)
{
	bool is_tmpfs = strcmp(type, "tmpfs") == 0;

	if (is_guests_own(mount->target)) {
		if (is_tmpfs && strcmp(mount->target, "/dev/shm") == 0)
			bundle->numbers[OCI_SHM_SIZE] = mount->size_bytes;
		if (is_shm_of_host(bundle, mount, type, source))
			return oci_take(source, &bundle->texts[OCI_SHM], err);
		return warn_dropped(bundle, mount, type, err);
	}
	if (is_bind(mount, type)) {
		if (!*source)
			return appc_refuse(item, "source", err, "it is missing");
		mount->flags |= OCI_MOUNT_BIND;
		return oci_take(source, &mount->source, err) < 0 ? -1 : 1;
	}
	if (is_tmpfs)
		return 1;
	return appc_refuse(item, "type", err, "\"%.64s\" cannot be mounted on %.200s", type,
			   mount->target);
}

static void strip_slashes(char *path)
{
	size_t len = strlen(path);

	while (len > 1 && path[len - 1] == '/')
		path[--len] = '\0';
}

static int read_mount(const struct appc_node *item, struct oci_bundle *bundle, struct error *err)
{
	struct oci_mount *mount = oci_bundle_add_mount(bundle);
	const char *target, *type, *source;
	int kept;

	if (!mount)
		return appc_refuse(item, NULL, err, "it is one mount too many");
	if (appc_need_string(item, "destination", &target, err) < 0 ||
	    appc_string(item, "type", &type, err) < 0 ||
	    appc_string(item, "source", &source, err) < 0 || refuse_mappings(item, err) < 0)
		return -1;
	if (target[0] != '/')
		return appc_refuse(item, "destination", err, "\"%.64s\" is no absolute path",
				   target);
	if (oci_take(target, &mount->target, err) < 0)
		return -1;
	strip_slashes(mount->target);
	if (read_options(item, bundle, mount, err) < 0)
		return -1;
	kept = settle(item, bundle, mount, type, source, err);
	if (kept == 0) {
		free(mount->target);
		bundle->mount_count--;
	}
	return kept < 0 ? -1 : 0;
}

int oci_mounts_read(const struct appc_node *top, struct oci_bundle *bundle, struct error *err)
{
	struct appc_node list, item = { 0 };
	int more;

	if (appc_list(top, "mounts", &list, err) < 0)
		return -1;
	while ((more = appc_next_object(&list, &item, err)) > 0)
		if (read_mount(&item, bundle, err) < 0)
			return -1;
	return more;
}
