/*
 * Which entries of docker's profiles count: includes and excludes, which the OCI runtime
 * specification does not have.
 */
#include <stdio.h>
#include <string.h>

#include "images/seccomp_json.h"
#include "vmm/base/bytes.h"

enum {
	KERNEL_MAJOR = 6, /* the guest's, for minKernel */
	KERNEL_MINOR = 12,
};

/* Refuses members that are not among those named, with blanks between them. */
int seccomp_json_members(const struct appc_node *object, const char *known, struct error *err)
{
	for (const struct cJSON *member = json_first(object->json); member;
	     member = json_next(member)) {
		const char *names = known, *name;
		bool found = false;
		size_t len;

		while (!found && (name = seccomp_next_name(&names, &len)))
			found = strlen(json_key(member)) == len &&
				!strncmp(json_key(member), name, len);
		if (!found)
			return appc_refuse(object, json_key(member), err, "it is not known");
	}
	return 0;
}

/* A capability by its name, as a mask; 0 if this host's headers do not know it. */
static uint64_t find_capability(const char *name)
{
	static const char *const names[] = {
		"CHOWN",
		"DAC_OVERRIDE",
		"DAC_READ_SEARCH",
		"FOWNER",
		"FSETID",
		"KILL",
		"SETGID",
		"SETUID",
		"SETPCAP",
		"LINUX_IMMUTABLE",
		"NET_BIND_SERVICE",
		"NET_BROADCAST",
		"NET_ADMIN",
		"NET_RAW",
		"IPC_LOCK",
		"IPC_OWNER",
		"SYS_MODULE",
		"SYS_RAWIO",
		"SYS_CHROOT",
		"SYS_PTRACE",
		"SYS_PACCT",
		"SYS_ADMIN",
		"SYS_BOOT",
		"SYS_NICE",
		"SYS_RESOURCE",
		"SYS_TIME",
		"SYS_TTY_CONFIG",
		"MKNOD",
		"LEASE",
		"AUDIT_WRITE",
		"AUDIT_CONTROL",
		"SETFCAP",
		"MAC_OVERRIDE",
		"MAC_ADMIN",
		"SYSLOG",
		"WAKE_ALARM",
		"BLOCK_SUSPEND",
		"AUDIT_READ",
		"PERFMON",
		"BPF",
		"CHECKPOINT_RESTORE",
	};

	for (unsigned i = 0; i < ARRAY_SIZE(names); i++) {
		if (!strncmp(name, "CAP_", 4) && strcmp(name + 4, names[i]) == 0)
			return (uint64_t)1 << i;
	}
	return 0;
}

/* What an entry's includes or excludes hold of the app. */
struct circumstances {
	bool any_capability, all_capabilities;
	bool has_architectures, architecture;
	bool has_kernel, kernel;
};

static int read_kernel(const struct appc_node *object, struct circumstances *out, struct error *err)
{
	unsigned major, minor;
	const char *text;
	char end;

	if (appc_string(object, "minKernel", &text, err) < 0)
		return -1;
	out->has_kernel = *text != '\0';
	if (!out->has_kernel)
		return 0;
	if (strlen(text) > 8 || sscanf(text, "%u.%u%c", &major, &minor, &end) != 2)
		return appc_refuse(object, "minKernel", err, "\"%.64s\" is no version", text);
	out->kernel = major < KERNEL_MAJOR || (major == KERNEL_MAJOR && minor <= KERNEL_MINOR);
	return 0;
}

static int read_circumstances(const struct appc_node *entry, const char *key,
			      const struct seccomp_app *app, struct circumstances *out,
			      struct error *err)
{
	struct appc_node object, list, item = { 0 };
	int found = appc_object(entry, key, &object, err);

	*out = (struct circumstances){ .all_capabilities = true };
	if (found <= 0)
		return found;
	if (seccomp_json_members(&object, "caps arches minKernel", err) < 0 ||
	    read_kernel(&object, out, err) < 0 || appc_list(&object, "caps", &list, err) < 0)
		return -1;
	while (appc_next(&list, &item)) {
		const char *name = json_text(item.json);

		if (!name)
			return appc_refuse(&item, NULL, err, "it is no string");
		if (find_capability(name) & app->capabilities)
			out->any_capability = true;
		else
			out->all_capabilities = false;
	}
	item = (struct appc_node){ 0 };
	if (appc_list(&object, "arches", &list, err) < 0)
		return -1;
	while (appc_next(&list, &item)) {
		const char *name = json_text(item.json);

		if (!name)
			return appc_refuse(&item, NULL, err, "it is no string");
		out->has_architectures = true;
		out->architecture = out->architecture || strcmp(name, "amd64") == 0;
	}
	return 0;
}

int seccomp_json_applies(const struct appc_node *entry, const struct seccomp_app *app,
			 bool *applies, struct error *err)
{
	struct circumstances in, out;

	if (read_circumstances(entry, "includes", app, &in, err) < 0 ||
	    read_circumstances(entry, "excludes", app, &out, err) < 0)
		return -1;
	*applies = in.all_capabilities && (!in.has_architectures || in.architecture) &&
		   (!in.has_kernel || in.kernel) && !out.any_capability && !out.architecture &&
		   !(out.has_kernel && out.kernel);
	return 0;
}
