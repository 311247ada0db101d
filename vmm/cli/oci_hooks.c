/*
 * The hooks of containers, where the verbs call them.
 */
#include <errno.h>
#include <unistd.h>

#include "vmm/cli/oci.h"
#include "vmm/pod/hooks.h"
#include "vmm/pod/life.h"

static struct hooks_container describe(const struct oci_container *container, const char *id)
{
	return (struct hooks_container){ .bundle = &container->bundle,
					 .id = id,
					 .pid = container->info.pid };
}

int oci_hooks_create(const struct oci_container *container, const char *id,
		     const struct app_options *app, struct error *err)
{
	struct hooks_container told = describe(container, id);

	told.app = app;
	for (enum oci_hook_kind kind = OCI_PRESTART; kind <= OCI_CREATE_CONTAINER; kind++)
		if (hooks_run(kind, &told, NULL, err) < 0)
			return -1;
	if (unlinkat(container->pod.fd, POD_CREATING_NAME, 0) < 0)
		return error_set(err, errno, "cannot finish the container %s", id);
	return 0;
}

int oci_hooks_poststart(const struct oci_container *container, const char *id, struct error *err)
{
	const struct hooks_container told = describe(container, id);

	return hooks_run(OCI_POSTSTART, &told, NULL, err);
}

void oci_hooks_poststop(const struct oci_container *container, const char *id)
{
	struct hooks_container told = describe(container, id);

	told.pid = 0;
	(void)hooks_run(OCI_POSTSTOP, &told, oci_warn, NULL);
}
