/*
 * "linux" and "vm" of config.json (config-linux.md, config-vm.md).
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "images/oci_bundle_internal.h"

enum { PERIOD_DEFAULT_US = 100000, VM_CPUS_MAX = 1024 };

static const char *const default_devices[] = {
	"/dev/null", "/dev/zero",    "/dev/full", "/dev/random",
	"/dev/tty",  "/dev/urandom", "/dev/ptmx", "/dev/console",
};

bool oci_is_default_device(const char *path)
{
	for (size_t i = 0; i < sizeof(default_devices) / sizeof(*default_devices); i++)
		if (strcmp(path, default_devices[i]) == 0)
			return true;
	return false;
}

/* It asks for every device of the host, here or, of a rootless podman, by binds. */
static int read_privileged(const struct appc_node *top, bool *privileged, struct error *err)
{
	struct appc_node map;
	const char *value = "";
	int found = appc_object(top, "annotations", &map, err);

	if (found > 0 && appc_string(&map, OCI_PRIVILEGED, &value, err) < 0)
		return -1;
	*privileged = strcmp(value, "TRUE") == 0;
	return found < 0 ? -1 : 0;
}

static int read_devices(const struct appc_node *top, const struct appc_node *linux_node,
			struct oci_bundle *bundle, struct error *err)
{
	struct appc_node list, item = { 0 };
	bool privileged;
	const char *path;
	int more;

	if (read_privileged(top, &privileged, err) < 0 ||
	    appc_list(linux_node, "devices", &list, err) < 0)
		return -1;
	while ((more = appc_next_object(&list, &item, err)) > 0) {
		if (appc_need_string(&item, "path", &path, err) < 0)
			return -1;
		if (oci_is_default_device(path))
			continue;
		if (!privileged)
			return appc_refuse(&item, "path", err,
					   "%.200s is a device of the host, which a virtual "
					   "machine cannot have",
					   path);
	}
	if (more == 0 && privileged)
		return oci_warn(bundle, err,
				"linux.devices: privileged is the container in its virtual "
				"machine, which has none of the host's devices");
	return more;
}

/* What a container without a namespace of its own would share with the host. */
struct namespaces {
	bool network, pid, ipc, uts, mount;
};

/* Its interfaces become the virtual machine's. */
static int take_network(const struct appc_node *item, const char *path, struct namespaces *own,
			struct oci_bundle *bundle, struct error *err)
{
	if (own->network)
		return appc_refuse(item, "type", err, "there is one more network namespace");
	if (*path && *path != '/')
		return appc_refuse(item, "path", err, "\"%.200s\" is no absolute path", path);
	own->network = true;
	return oci_take(path, &bundle->texts[OCI_NETWORK], err);
}

/* Whose it is only the host can tell. */
static int take_path(const char *type, const char *path, struct oci_bundle *bundle,
		     struct error *err)
{
	struct string_list *list = &bundle->lists[OCI_NAMESPACES];

	if (string_list_add(list, type, strlen(type)) < 0 ||
	    string_list_add(list, path, strlen(path)) < 0)
		return error_set(err, ENOMEM, "cannot read a bundle");
	return 0;
}

static int read_namespace(const struct appc_node *item, struct namespaces *own,
			  struct oci_bundle *bundle, struct error *err)
{
	const char *type, *path;

	if (appc_need_string(item, "type", &type, err) < 0 ||
	    appc_string(item, "path", &path, err) < 0)
		return -1;
	if (strcmp(type, "network") == 0)
		return take_network(item, path, own, bundle, err);
	if (strcmp(type, "pid") == 0)
		own->pid = true;
	else if (strcmp(type, "ipc") == 0)
		own->ipc = true;
	else if (strcmp(type, "uts") == 0)
		own->uts = true;
	else if (strcmp(type, "mount") == 0)
		own->mount = true;
	else if (strcmp(type, "cgroup") != 0)
		return appc_refuse(item, "type", err,
				   "a virtual machine has no namespace \"%.64s\"", type);
	if (!*path)
		return 0;
	if (strcmp(type, "pid") == 0 || strcmp(type, "ipc") == 0 || strcmp(type, "uts") == 0)
		return take_path(type, path, bundle, err);
	return appc_refuse(item, "path", err,
			   "a virtual machine cannot join the %s namespace of others", type);
}

static int warn_shared(const struct namespaces *own, struct oci_bundle *bundle, struct error *err)
{
	const struct {
		const char *name;
		bool is_own;
	} all[] = { { "pid", own->pid },
		    { "ipc", own->ipc },
		    { "uts", own->uts },
		    { "mount", own->mount } };

	for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++)
		if (!all[i].is_own && oci_warn(bundle, err,
					       "linux.namespaces: the %s namespace is the virtual "
					       "machine's own, not the host's",
					       all[i].name) < 0)
			return -1;
	return 0;
}

static int read_namespaces(const struct appc_node *linux_node, struct oci_bundle *bundle,
			   struct error *err)
{
	struct appc_node list, item = { 0 };
	struct namespaces own = { 0 };
	int more;

	if (appc_list(linux_node, "namespaces", &list, err) < 0)
		return -1;
	while ((more = appc_next_object(&list, &item, err)) > 0)
		if (read_namespace(&item, &own, bundle, err) < 0)
			return -1;
	if (more < 0)
		return -1;
	if (!own.network)
		return appc_refuse(linux_node, "namespaces", err,
				   "without a network namespace the container would have the "
				   "host's network, which a virtual machine cannot have");
	return warn_shared(&own, bundle, err);
}

static int read_memory(const struct appc_node *resources, struct oci_bundle *bundle,
		       struct error *err)
{
	struct appc_node memory;
	int64_t limit = -1;
	int found = appc_object(resources, "memory", &memory, err);

	if (found <= 0)
		return found;
	if (oci_int(&memory, "limit", -1, INT64_MAX, &limit, err) < 0)
		return -1;
	bundle->numbers[OCI_MEMORY] = limit > 0 && limit < INT64_MAX ? (uint64_t)limit : 0;
	return 0;
}

static int read_cpu(const struct appc_node *resources, struct oci_bundle *bundle, struct error *err)
{
	int64_t quota = -1;
	uint64_t period = 0;
	struct appc_node cpu;
	int found = appc_object(resources, "cpu", &cpu, err);

	if (found <= 0)
		return found;
	if (appc_uint(&cpu, "shares", INT64_MAX, &bundle->numbers[OCI_CPU_SHARES], err) < 0 ||
	    oci_int(&cpu, "quota", -1, INT32_MAX, &quota, err) < 0 ||
	    appc_uint(&cpu, "period", INT32_MAX, &period, err) < 0)
		return -1;
	if (!period)
		period = PERIOD_DEFAULT_US;
	if (quota > 0)
		bundle->numbers[OCI_CPU] = ((uint64_t)quota * 1000 + period - 1) / period;
	return 0;
}

static int read_resources(const struct appc_node *linux_node, struct oci_bundle *bundle,
			  struct error *err)
{
	struct appc_node resources, pids;
	int64_t limit = -1;
	int found = appc_object(linux_node, "resources", &resources, err);

	if (found <= 0)
		return found;
	if (read_memory(&resources, bundle, err) < 0 || read_cpu(&resources, bundle, err) < 0)
		return -1;
	found = appc_object(&resources, "pids", &pids, err);
	if (found <= 0)
		return found;
	if (oci_int(&pids, "limit", -1, INT64_MAX, &limit, err) < 0)
		return -1;
	if (limit > UINT32_MAX)
		limit = 0;
	bundle->numbers[OCI_PIDS] = limit > 0 ? (uint64_t)limit : 0;
	return 0;
}

static int read_sysctls(const struct appc_node *linux_node, struct oci_bundle *bundle,
			struct error *err)
{
	struct appc_node map, item = { 0 };
	int found = appc_object(linux_node, "sysctl", &map, err);

	if (found <= 0)
		return found;
	while (appc_next(&map, &item)) {
		const char *key = json_key(item.json), *value = json_text(item.json);
		char *text;
		int result;

		if (!value)
			return appc_refuse(&map, key, err, "it is no string");
		if (!*key || strchr(key, '='))
			return appc_refuse(linux_node, "sysctl", err, "\"%.64s\" is no sysctl",
					   key);
		if (asprintf(&text, "%s=%s", key, value) < 0)
			return error_set(err, ENOMEM, "cannot read a bundle");
		result = appc_add(&map, key, &bundle->lists[OCI_SYSCTLS], text, err);
		free(text);
		if (result < 0)
			return -1;
	}
	return 0;
}

static int read_paths(const struct appc_node *linux_node, const char *key, struct string_list *out,
		      struct error *err)
{
	struct appc_node list = { .parent = linux_node, .key = key };

	if (appc_strings(linux_node, key, out, err) < 0)
		return -1;
	for (size_t i = 0; i < out->count; i++) {
		const struct appc_node item = { .parent = &list, .index = i };

		if (out->items[i][0] != '/')
			return appc_refuse(&item, NULL, err, "\"%.64s\" is no absolute path",
					   out->items[i]);
	}
	return 0;
}

static int read_cgroup(const struct appc_node *linux_node, struct oci_bundle *bundle,
		       struct error *err)
{
	const char *path;

	if (appc_string(linux_node, "cgroupsPath", &path, err) < 0)
		return -1;
	return *path ? oci_take(path, &bundle->texts[OCI_CGROUP], err) : 0;
}

int oci_linux_read(const struct appc_node *top, struct oci_bundle *bundle, struct error *err)
{
	struct appc_node linux_node, seccomp;
	int found = appc_object(top, "linux", &linux_node, err);

	if (found <= 0)
		return found < 0 ? -1 : appc_refuse(top, "linux", err, "it is missing");
	if (read_namespaces(&linux_node, bundle, err) < 0 ||
	    read_devices(top, &linux_node, bundle, err) < 0 ||
	    read_resources(&linux_node, bundle, err) < 0 ||
	    read_cgroup(&linux_node, bundle, err) < 0 ||
	    read_sysctls(&linux_node, bundle, err) < 0 ||
	    read_paths(&linux_node, "maskedPaths", &bundle->lists[OCI_MASKED], err) < 0 ||
	    read_paths(&linux_node, "readonlyPaths", &bundle->lists[OCI_READ_ONLY_PATHS], err) < 0)
		return -1;
	found = appc_object(&linux_node, "seccomp", &seccomp, err);
	if (found < 0)
		return -1;
	bundle->numbers[OCI_SECCOMP] = (uint64_t)found;
	return 0;
}

static int read_kernel(const struct appc_node *vm, struct oci_bundle *bundle, struct error *err)
{
	struct string_list parameters = { 0 };
	struct appc_node kernel;
	const char *path;
	char *text = NULL;
	size_t len = 1;
	int found = appc_object(vm, "kernel", &kernel, err);

	if (found <= 0)
		return found;
	if (appc_need_string(&kernel, "path", &path, err) < 0 ||
	    appc_strings(&kernel, "parameters", &parameters, err) < 0 ||
	    oci_take(path, &bundle->texts[OCI_KERNEL], err) < 0) {
		string_list_free(&parameters);
		return -1;
	}
	for (size_t i = 0; i < parameters.count; i++)
		len += strlen(parameters.items[i]) + 1;
	text = parameters.count ? calloc(1, len) : NULL;
	for (size_t i = 0; text && i < parameters.count; i++) {
		if (i)
			strcat(text, " ");
		strcat(text, parameters.items[i]);
	}
	found = parameters.count && !text ? error_set(err, ENOMEM, "cannot read a bundle") : 0;
	string_list_free(&parameters);
	bundle->texts[OCI_KERNEL_PARAMETERS] = text;
	return found;
}

int oci_vm_read(const struct appc_node *top, struct oci_bundle *bundle, struct error *err)
{
	struct appc_node vm, hardware;
	int found = appc_object(top, "vm", &vm, err);

	if (found <= 0)
		return found;
	if (read_kernel(&vm, bundle, err) < 0)
		return -1;
	found = appc_object(&vm, "hwConfig", &hardware, err);
	if (found <= 0)
		return found;
	if (appc_uint(&hardware, "vcpus", VM_CPUS_MAX, &bundle->numbers[OCI_VM_CPUS], err) < 0 ||
	    appc_uint(&hardware, "memory", INT64_MAX, &bundle->numbers[OCI_VM_MEMORY], err) < 0)
		return -1;
	return 0;
}
