/*
 * Containers as pods. Ids are names of pods and nothing else: a UUID finds none.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "vmm/base/cleanup.h"
#include "vmm/base/io.h"
#include "vmm/cli/oci.h"
#include "vmm/pod/bundle.h"
#include "vmm/pod/life.h"
#include "vmm/pod/pod_name.h"
#include "vmm/pod/pods.h"

#define ROOT_NAME "nacelle-oci"

enum { TURN_MS = 10, MAP_MAX = 64 * 1024 };

/* As runc tells them apart: root of a user namespace is an ordinary user, unless it says not. */
static bool is_root_of_host(void)
{
	static const char all[] = " 4294967295";
	const char *user = getenv("USER");
	_cleanup_free_ char *map = NULL;
	size_t len;

	if (geteuid() != 0)
		return false;
	if (user && strcmp(user, "root") == 0)
		return true;
	return io_read_file(AT_FDCWD, "/proc/self/uid_map", MAP_MAX, &map, &len, NULL) < 0 ||
	       strstr(map, all);
}

const char *oci_root(void)
{
	static char path[PATH_MAX] = "/run/" ROOT_NAME;
	const char *runtime = getenv("XDG_RUNTIME_DIR");

	if (oci_globals.root)
		return oci_globals.root;
	if (runtime && *runtime && !is_root_of_host())
		(void)snprintf(path, sizeof(path), "%s/" ROOT_NAME, runtime);
	return path;
}

/*
 * What serves it ends by itself soon: of a container in another's machine. One with a machine of
 * its own runs as long as that does, for the containers that are left.
 */
static bool has_exited(const struct pod_info_app *app)
{
	return app->is_live && app->is_member && app->state == POD_APP_EXITED;
}

static const char *status_of(const struct pod_directory *pod, const struct pod_info *info)
{
	const struct pod_info_app *app = info->apps;

	if (!info->is_held || info->place != POD_PLACE_RUN ||
	    (info->launch.apps.count && has_exited(app)))
		return "stopped";
	if (!info->launch.apps.count || !app->is_live)
		return "creating";
	if (app->state == POD_APP_HELD)
		return faccessat(pod->fd, POD_CREATING_NAME, F_OK, AT_SYMLINK_NOFOLLOW) == 0
			   ? "creating"
			   : "created";
	return info->is_paused ? "paused" : "running";
}

/*
 * Whether its supervisor runs and has not answered, which it does within a second on an idle host,
 * or is about to end.
 */
static bool is_silent(const struct pod_directory *pod, const struct pod_info *info)
{
	return info->place == POD_PLACE_RUN && info->is_held && info->started_ns &&
	       info->launch.apps.count && (!info->apps[0].is_live || has_exited(info->apps)) &&
	       directory_is_held(pod);
}

static int64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* A question may take a second or two by itself. */
static void ask(const struct pod_directory *pod, struct pod_info *info, int limit_ms)
{
	int64_t end_ms = now_ms() + limit_ms;

	pod_info_ask(pod, info);
	while (is_silent(pod, info) && now_ms() < end_ms) {
		(void)poll(NULL, 0, TURN_MS);
		pod_info_ask(pod, info);
	}
	if (info->is_held && !directory_is_held(pod))
		info->is_held = false;
}

int oci_container_look(struct pod_directory *pod, enum oci_look look, struct oci_container *out,
		       struct error *err)
{
	*out = (struct oci_container){ .pod = *pod, .pods_fd = -1 };
	if (pod_info_read(pod, &out->info, err) < 0) {
		directory_close(&out->pod);
		return -1;
	}
	if (look != OCI_HELD)
		ask(pod, &out->info, (int)look);
	/* One that is being made has none yet. */
	(void)bundle_of_pod(pod, &out->bundle, NULL);
	out->status = status_of(&out->pod, &out->info);
	return 1;
}

int oci_container_find(const char *id, enum oci_look look, struct oci_container *out,
		       struct error *err)
{
	struct error cause = ERROR_NONE;
	_cleanup_fd_ int pods_fd = -1;
	char uuid[UUID_TEXT_SIZE];
	struct pod_directory pod;
	int found;

	pods_fd = pods_open(oci_root(), false, &cause);
	if (pods_fd < 0 && cause.code == ENOENT)
		return 0;
	if (pods_fd < 0) {
		*err = cause;
		return -1;
	}
	if (pod_name_check(id, NULL) < 0 || !pod_name_find(pods_fd, id, uuid))
		return 0;
	found = pods_open_one(pods_fd, uuid, &pod, err);
	if (found > 0)
		found = oci_container_look(&pod, look, out, err);
	if (found > 0)
		out->pods_fd = steal_fd(&pods_fd);
	return found;
}

int oci_container_open(const char *id, enum oci_look look, struct oci_container *out,
		       struct error *err)
{
	int found = oci_container_find(id, look, out, err);

	if (found == 0)
		return error_set(err, 0, "container \"%s\" does not exist", id);
	return found < 0 ? -1 : 0;
}

void oci_container_close(struct oci_container *container)
{
	oci_bundle_free(&container->bundle);
	pod_info_free(&container->info);
	directory_close(&container->pod);
	cleanup_fd(&container->pods_fd);
}
