/*
 * Which pod a bundle's container belongs into. A namespace is known by its inode, whatever path
 * leads to it.
 */
#include "vmm/pod/sandbox.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "vmm/base/bytes.h"
#include "vmm/base/cleanup.h"
#include "vmm/pod/bundle.h"
#include "vmm/pod/life.h"
#include "vmm/pod/member.h"
#include "vmm/pod/pod_info.h"
#include "vmm/pod/pod_name.h"
#include "vmm/pod/pods.h"

static const struct {
	const char *type, *id;
} annotations[] = {
	{ "io.kubernetes.cri.container-type", "io.kubernetes.cri.sandbox-id" },
	{ "io.kubernetes.cri-o.ContainerType", "io.kubernetes.cri-o.SandboxID" },
};

/* Whether it is a pod's sandbox or container; *id is then what it says of the sandbox, or NULL. */
static bool is_annotated(const struct oci_bundle *bundle, const char **id)
{
	*id = NULL;
	for (size_t i = 0; i < ARRAY_SIZE(annotations); i++) {
		const char *type = oci_bundle_annotation(bundle, annotations[i].type);

		if (!type)
			continue;
		if (strcmp(type, "container") == 0)
			*id = oci_bundle_annotation(bundle, annotations[i].id);
		return true;
	}
	return false;
}

static bool is_same_file(const char *a, const char *b)
{
	struct stat first, second;

	return stat(a, &first) == 0 && stat(b, &second) == 0 && first.st_dev == second.st_dev &&
	       first.st_ino == second.st_ino;
}

static bool is_namespace_of(const char *path, long pid, const char *type)
{
	char own[PATH_MAX];

	(void)snprintf(own, sizeof(own), "/proc/%ld/ns/%s", pid,
		       strcmp(type, "network") == 0 ? "net" : type);
	return pid > 0 && is_same_file(path, own);
}

static long pid_of(const struct pod_directory *pod)
{
	return pod_info_number(pod->fd, POD_PID_NAME, 0);
}

static bool is_running(const struct pod_directory *pod)
{
	return pod->place == POD_PLACE_RUN && directory_is_held(pod);
}

/* By its id. Returns 1, 0: there is none, -1. */
static int find_by_name(int pods_fd, const char *id, struct pod_directory *out, struct error *err)
{
	char uuid[UUID_TEXT_SIZE];
	int found;

	if (pod_name_check(id, NULL) < 0 || !pod_name_find(pods_fd, id, uuid))
		return 0;
	found = pods_open_one(pods_fd, uuid, out, err);
	if (found <= 0)
		return found;
	if (is_running(out) && !member_find_sandbox(out, uuid))
		return 1;
	directory_close(out);
	return error_set(err, 0, "the sandbox %s does not run", id);
}

/* By the network namespace that its process is in, which is not the host's. */
static int find_by_network(int pods_fd, const char *path, struct pod_directory *out,
			   struct error *err)
{
	struct pod_entries entries = { 0 };
	char uuid[UUID_TEXT_SIZE];
	int found = 0;

	if (is_same_file(path, "/proc/self/ns/net"))
		return 0;
	if (pods_list(pods_fd, &entries, err) < 0)
		return -1;
	for (size_t i = 0; i < entries.count && !found; i++) {
		if (entries.items[i].place != POD_PLACE_RUN ||
		    directory_open(pods_fd, POD_PLACE_RUN, entries.items[i].uuid, out, NULL) <= 0)
			continue;
		found = is_running(out) && is_namespace_of(path, pid_of(out), "network") &&
			!member_find_sandbox(out, uuid);
		if (!found)
			directory_close(out);
	}
	pod_entries_free(&entries);
	return found;
}

static int find(int pods_fd, const struct oci_bundle *bundle, struct pod_directory *out,
		struct error *err)
{
	const char *network = bundle->texts[OCI_NETWORK], *id;
	int found = is_annotated(bundle, &id) && id ? find_by_name(pods_fd, id, out, err) : 0;

	if (found || !network || !*network)
		return found;
	/* Engines keep those that are no container's elsewhere, if they do not say whose they are.
	 */
	return id || strncmp(network, "/proc/", 6) == 0
		   ? find_by_network(pods_fd, network, out, err)
		   : 0;
}

static int refuse(const char *type, struct error *err)
{
	return error_set(err, 0,
			 "linux.namespaces[%s].path: a virtual machine cannot join the %s "
			 "namespace of others",
			 type, type);
}

/* A sandbox's may be there before it, for its containers: its machine's own stands for it. */
static int check_alone(const struct oci_bundle *bundle, struct error *err)
{
	const struct string_list *list = &bundle->lists[OCI_NAMESPACES];
	const char *id;
	bool is_pods = is_annotated(bundle, &id);

	for (size_t i = 0; i + 1 < list->count; i += 2) {
		const char *type = list->items[i], *path = list->items[i + 1];
		char own[PATH_MAX];

		(void)snprintf(own, sizeof(own), "/proc/self/ns/%s", type);
		if (!is_pods || strcmp(type, "pid") == 0 || is_same_file(path, own))
			return refuse(type, err);
	}
	return 0;
}

/* What the sandbox's bundle calls its own by the same path. */
static bool is_named_by(const struct oci_bundle *bundle, const char *type, const char *path)
{
	const struct string_list *list = &bundle->lists[OCI_NAMESPACES];

	for (size_t i = 0; i + 1 < list->count; i += 2)
		if (strcmp(list->items[i], type) == 0 && is_same_file(path, list->items[i + 1]))
			return true;
	return false;
}

static int settle(const struct pod_directory *pod, const struct oci_bundle *bundle,
		  struct sandbox *out, struct error *err)
{
	const struct string_list *list = &bundle->lists[OCI_NAMESPACES];
	struct oci_bundle sandbox;
	int result = 0;

	*out = (struct sandbox){ .has_own_ipc = true, .has_own_uts = true };
	(void)snprintf(out->uuid, sizeof(out->uuid), "%s", pod->uuid);
	(void)bundle_of_pod(pod, &sandbox, NULL);
	for (size_t i = 0; i + 1 < list->count && result == 0; i += 2) {
		const char *type = list->items[i], *path = list->items[i + 1];

		if (strcmp(type, "pid") == 0 || (!is_namespace_of(path, pid_of(pod), type) &&
						 !is_named_by(&sandbox, type, path)))
			result = refuse(type, err);
		else if (strcmp(type, "ipc") == 0)
			out->has_own_ipc = false;
		else
			out->has_own_uts = false;
	}
	oci_bundle_free(&sandbox);
	return result < 0 ? -1 : 1;
}

int sandbox_find(const char *root, const struct oci_bundle *bundle, struct sandbox *out,
		 struct error *err)
{
	const char *network = bundle->texts[OCI_NETWORK], *id;
	struct error cause = ERROR_NONE;
	_cleanup_fd_ int pods_fd = -1;
	struct pod_directory pod;
	int found;

	/* Most have nothing to do with others. */
	if (!is_annotated(bundle, &id) && (!network || strncmp(network, "/proc/", 6) != 0))
		return check_alone(bundle, err);
	pods_fd = pods_open(root, false, &cause);
	if (pods_fd < 0 && cause.code != ENOENT) {
		*err = cause;
		return -1;
	}
	found = pods_fd < 0 ? 0 : find(pods_fd, bundle, &pod, err);
	if (found < 0)
		return -1;
	if (found && (!network || !is_namespace_of(network, pid_of(&pod), "network"))) {
		directory_close(&pod);
		found = 0;
	}
	if (!found)
		return check_alone(bundle, err);
	found = settle(&pod, bundle, out, err);
	directory_close(&pod);
	return found;
}
