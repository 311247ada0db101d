/*
 * "hooks" of config.json (config.md, "POSIX-platform Hooks"): programs that the runtime calls on
 * the way of a container's life.
 */
#include "images/oci_bundle_internal.h"

static int read_hook(const struct appc_node *item, enum oci_hook_kind kind,
		     struct oci_bundle *bundle, struct error *err)
{
	struct oci_hook *hook = oci_bundle_add_hook(bundle);
	uint64_t timeout_s = 0;
	const char *path;
	int found;

	if (!hook)
		return appc_refuse(item, NULL, err, "it is one hook too many");
	hook->kind = kind;
	if (appc_need_string(item, "path", &path, err) < 0)
		return -1;
	if (path[0] != '/')
		return appc_refuse(item, "path", err, "\"%.200s\" is no absolute path", path);
	if (oci_take(path, &hook->path, err) < 0 ||
	    appc_strings(item, "args", &hook->args, err) < 0 ||
	    appc_strings(item, "env", &hook->env, err) < 0)
		return -1;
	found = appc_uint(item, "timeout", INT32_MAX, &timeout_s, err);
	if (found < 0)
		return -1;
	if (found && !timeout_s)
		return appc_refuse(item, "timeout", err, "it is 0");
	hook->timeout_s = (uint32_t)timeout_s;
	return 0;
}

int oci_hooks_read(const struct appc_node *top, struct oci_bundle *bundle, struct error *err)
{
	struct appc_node hooks;
	int found = appc_object(top, "hooks", &hooks, err);

	for (enum oci_hook_kind kind = 0; found > 0 && kind < OCI_HOOK_KINDS; kind++) {
		struct appc_node list, item = { 0 };
		int more;

		if (appc_list(&hooks, oci_hook_name(kind), &list, err) < 0)
			return -1;
		while ((more = appc_next_object(&list, &item, err)) > 0)
			if (read_hook(&item, kind, bundle, err) < 0)
				return -1;
		if (more < 0)
			return -1;
	}
	return found < 0 ? -1 : 0;
}
