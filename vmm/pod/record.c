/*
 * The writer of the pod record, over libfdt's sequential interface.
 *
 * What it is given has been put together from the user's options and the image's configuration,
 * both of which may hold anything: the checks here are those of the reader in the guest, so that a
 * mistake is a sentence on the host and not a guest that refuses its record.
 */
#include "vmm/pod/record.h"

#include <errno.h>
#include <libfdt.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "guest-init/protocol.h"

enum { RECORD_SIZE_FIRST = 8192 }; /* times a power of 8: RECORD_SIZE_MAX */
static_assert(RECORD_SIZE_FIRST * 8 * 8 * 8 == RECORD_SIZE_MAX, "the last attempt is the limit");

/* The tree while it is written: the first failure stays, all later calls do nothing. */
struct writer {
	void *dtb;
	bool bad;
	bool full; /* the failure is that the buffer is too small */
	struct error *err;
};

static void fail(struct writer *w, const char *what, const char *why)
{
	if (!w->bad)
		error_set(w->err, EINVAL, "%s %s", what, why);
	w->bad = true;
}

static void check(struct writer *w, int code)
{
	if (code == 0 || w->bad)
		return;
	w->bad = true;
	w->full = code == -FDT_ERR_NOSPACE;
	if (w->full)
		error_set(w->err, E2BIG,
			  "arguments, environment and mounts need more than the %d MiB that a pod "
			  "may have",
			  RECORD_SIZE_MAX >> 20);
	else
		error_set(w->err, EINVAL, "cannot write the pod record: %s", fdt_strerror(code));
}

static void begin(struct writer *w, const char *name)
{
	if (!w->bad)
		check(w, fdt_begin_node(w->dtb, name));
}

static void begin_indexed(struct writer *w, const char *prefix, size_t index)
{
	char name[32];

	(void)snprintf(name, sizeof(name), "%s@%zu", prefix, index);
	begin(w, name);
}

static void end(struct writer *w)
{
	if (!w->bad)
		check(w, fdt_end_node(w->dtb));
}

static void put(struct writer *w, const char *name, const void *data, size_t len)
{
	if (!w->bad)
		check(w, len > INT_MAX ? -FDT_ERR_NOSPACE
				       : fdt_property(w->dtb, name, data, (int)len));
}

static void put_u32(struct writer *w, const char *name, uint32_t value)
{
	fdt32_t cell = cpu_to_fdt32(value);

	put(w, name, &cell, sizeof(cell));
}

static void put_u64(struct writer *w, const char *name, uint64_t value)
{
	fdt64_t cells = cpu_to_fdt64(value);

	put(w, name, &cells, sizeof(cells));
}

static void put_flag(struct writer *w, const char *name, bool value)
{
	if (value)
		put(w, name, "", 0);
}

/* Absent if NULL. */
static void put_string(struct writer *w, const char *name, const char *text)
{
	if (!text)
		return;
	if (!*text)
		fail(w, name, "is empty");
	put(w, name, text, strlen(text) + 1);
}

static void put_path(struct writer *w, const char *name, const char *path)
{
	if (!path || path[0] != '/')
		fail(w, path ? path : name, "is not an absolute path");
	put_string(w, name, path);
}

static void put_component(struct writer *w, const char *name, const char *text)
{
	if (!text || strchr(text, '/') || !strcmp(text, ".") || !strcmp(text, ".."))
		fail(w, text ? text : name, "is not a plain name");
	put_string(w, name, text);
}

/* Absent if NULL or empty. */
static void put_list(struct writer *w, const char *name, const char *const *list)
{
	size_t count = 0, len = 0;
	char *at = NULL;
	void *slot;
	int code;

	for (; list && list[count]; count++)
		len += strlen(list[count]) + 1;
	if (!count || w->bad)
		return;
	if (count > RECORD_STRINGS_MAX || len > RECORD_SIZE_MAX) {
		check(w, -FDT_ERR_NOSPACE);
		return;
	}
	code = fdt_property_placeholder(w->dtb, name, (int)len, &slot);
	check(w, code);
	if (code != 0)
		return;
	at = slot;
	for (size_t i = 0; i < count; i++)
		at = stpcpy(at, list[i]) + 1;
}

static void put_paths(struct writer *w, const char *name, const char *const *list)
{
	for (size_t i = 0; list && list[i]; i++) {
		if (list[i][0] != '/')
			fail(w, list[i], "is not an absolute path");
	}
	put_list(w, name, list);
}

static void put_environment(struct writer *w, const char *const *env)
{
	for (size_t i = 0; env && env[i]; i++) {
		if (!strchr(env[i], '=') || env[i][0] == '=')
			fail(w, env[i], "is not NAME=VALUE");
	}
	put_list(w, RECORD_ENV, env);
}

static void put_rlimits(struct writer *w, const struct pod_rlimit *limits, size_t count)
{
	fdt32_t cells[RECORD_RLIMITS_MAX * 5];

	if (count > RECORD_RLIMITS_MAX)
		fail(w, RECORD_RLIMITS, "are too many");
	if (!count || w->bad)
		return;
	for (size_t i = 0; i < count; i++) {
		cells[i * 5] = cpu_to_fdt32(limits[i].resource);
		cells[i * 5 + 1] = cpu_to_fdt32((uint32_t)(limits[i].soft >> 32));
		cells[i * 5 + 2] = cpu_to_fdt32((uint32_t)limits[i].soft);
		cells[i * 5 + 3] = cpu_to_fdt32((uint32_t)(limits[i].hard >> 32));
		cells[i * 5 + 4] = cpu_to_fdt32((uint32_t)limits[i].hard);
	}
	put(w, RECORD_RLIMITS, cells, count * 5 * sizeof(*cells));
}

static void put_root(struct writer *w, const struct pod_root *root)
{
	begin(w, RECORD_ROOT);
	put_string(w, RECORD_TYPE, root->type == POD_ROOT_9P ? "9p" : "erofs");
	put_component(w, RECORD_SOURCE, root->source);
	put_string(w, RECORD_UPPER, root->upper == POD_UPPER_TMPFS ? "tmpfs" : "none");
	if (root->upper == POD_UPPER_TMPFS && root->upper_size_bytes)
		put_u64(w, RECORD_UPPER_SIZE, root->upper_size_bytes);
	put_flag(w, RECORD_READ_ONLY, root->read_only);
	end(w);
}

static void put_mounts(struct writer *w, const struct pod_app *app)
{
	if (app->mount_count > RECORD_MOUNTS_MAX)
		fail(w, RECORD_MOUNTS, "are too many");
	if (!app->mount_count || w->bad)
		return;
	begin(w, RECORD_MOUNTS);
	for (size_t i = 0; i < app->mount_count; i++) {
		const struct pod_mount *mount = &app->mounts[i];

		begin_indexed(w, "mount", i);
		put_string(w, RECORD_TYPE, mount->type == POD_MOUNT_SHARE ? "share" : "tmpfs");
		if (mount->type == POD_MOUNT_SHARE)
			put_component(w, RECORD_SOURCE, mount->source);
		put_path(w, RECORD_TARGET, mount->target);
		put_flag(w, RECORD_READ_ONLY, mount->read_only);
		end(w);
	}
	end(w);
}

static void put_streams(struct writer *w, const struct pod_app *app)
{
	if (app->terminal) {
		fdt32_t size[2] = { cpu_to_fdt32(app->rows), cpu_to_fdt32(app->columns) };

		put(w, RECORD_TERMINAL, size, sizeof(size));
	}
	if (app->stdin_port != POD_NO_PORT)
		put_u32(w, RECORD_STDIN_PORT, app->stdin_port);
	if (app->stdout_port != POD_NO_PORT)
		put_u32(w, RECORD_STDOUT_PORT, app->stdout_port);
	if (app->stderr_port != POD_NO_PORT)
		put_u32(w, RECORD_STDERR_PORT, app->stderr_port);
}

static void put_app(struct writer *w, const struct pod_app *app)
{
	if (!app->name)
		fail(w, RECORD_NAME, "is missing");
	put_string(w, RECORD_NAME, app->name);
	if (!app->argv || !app->argv[0] || !app->argv[0][0])
		fail(w, "the command", "names no program");
	put_list(w, RECORD_ARGV, app->argv);
	put_environment(w, app->env);
	put_string(w, RECORD_USER, app->user ? app->user : "0:0");
	put_path(w, RECORD_WORKDIR, app->workdir ? app->workdir : "/");
	put_streams(w, app);
	put_u64(w, RECORD_CAPABILITIES, app->capabilities);
	put_flag(w, RECORD_NO_NEW_PRIVS, app->no_new_privileges);
	put_flag(w, RECORD_INIT, app->init);
	put_rlimits(w, app->rlimits, app->rlimit_count);
	put_paths(w, RECORD_MASKED, app->masked_paths);
	put_paths(w, RECORD_READ_ONLY_PATHS, app->read_only_paths);
	put_root(w, &app->root);
	put_mounts(w, app);
}

/* <family prefix a b c d>, or without the prefix. */
static void put_addresses(struct writer *w, const char *name, bool with_prefix,
			  const struct pod_address *addresses, size_t count)
{
	fdt32_t cells[POD_ADDRESSES_MAX * 6];
	size_t used = 0;

	if (!count || w->bad)
		return;
	for (size_t i = 0; i < count; i++) {
		cells[used++] = cpu_to_fdt32(addresses[i].family);
		if (with_prefix)
			cells[used++] = cpu_to_fdt32(addresses[i].prefix);
		memcpy(cells + used, addresses[i].bytes, sizeof(addresses[i].bytes));
		used += sizeof(addresses[i].bytes) / sizeof(*cells);
	}
	put(w, name, cells, used * sizeof(*cells));
}

static void put_interfaces(struct writer *w, const struct pod *pod)
{
	if (pod->interface_count > RECORD_INTERFACES_MAX)
		fail(w, RECORD_INTERFACES, "are too many");
	if (!pod->interface_count || w->bad)
		return;
	begin(w, RECORD_INTERFACES);
	for (size_t i = 0; i < pod->interface_count; i++) {
		const struct pod_interface *interface = &pod->interfaces[i];

		begin_indexed(w, "interface", i);
		put_addresses(w, RECORD_ADDRESSES, true, interface->addresses,
			      interface->address_count);
		put_addresses(w, RECORD_GATEWAYS, false, interface->gateways,
			      interface->gateway_count);
		end(w);
	}
	end(w);
}

static void put_pod(struct writer *w, const struct pod *pod)
{
	begin(w, "");
	put_u32(w, RECORD_VERSION_PROP, RECORD_VERSION);
	put_string(w, RECORD_HOSTNAME, pod->hostname);
	put_flag(w, RECORD_TRACE, pod->trace);
	put_u32(w, RECORD_CPUS, pod->cpus);
	put_string(w, RECORD_HOSTS, pod->hosts);
	put_string(w, RECORD_RESOLV_CONF, pod->resolv_conf);
	put_interfaces(w, pod);
	if (!pod->app_count || pod->app_count > RECORD_APPS_MAX)
		fail(w, RECORD_APPS, pod->app_count ? "are too many" : "are missing");
	begin(w, RECORD_APPS);
	for (size_t i = 0; i < pod->app_count && !w->bad; i++) {
		begin_indexed(w, "app", i);
		put_app(w, &pod->apps[i]);
		end(w);
	}
	end(w);
	end(w);
}

static int build_within(const struct pod *pod, size_t size, struct writer *w)
{
	w->dtb = malloc(size);
	if (!w->dtb)
		return error_set(w->err, ENOMEM, "cannot write the pod record");
	check(w, fdt_create(w->dtb, (int)size));
	if (!w->bad)
		check(w, fdt_finish_reservemap(w->dtb));
	put_pod(w, pod);
	if (!w->bad)
		check(w, fdt_finish(w->dtb));
	if (w->bad) {
		free(w->dtb);
		return -1;
	}
	return 0;
}

/*
 * The writer fills its buffer from both ends, so a buffer of the largest size would make the kernel
 * clear a huge page at either end: most records fit into the first, small one.
 */
int record_build(const struct pod *pod, void **dtb, size_t *len, struct error *err)
{
	struct writer w = { .full = true };

	for (size_t size = RECORD_SIZE_FIRST; w.full && size <= RECORD_SIZE_MAX; size *= 8) {
		w = (struct writer){ .err = err };
		if (build_within(pod, size, &w) == 0) {
			*dtb = w.dtb;
			*len = fdt_totalsize(w.dtb);
			return 0;
		}
	}
	return -1;
}
