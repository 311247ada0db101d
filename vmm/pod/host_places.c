/*
 * Places for mounts in a container's root. Nothing is written to by a path that leads out of it.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "vmm/base/bytes.h"
#include "vmm/base/cleanup.h"
#include "vmm/pod/host_view.h"
#include "vmm/pod/pod.h"
#include "vmm/pod/run.h"
#include "vmm/pod/volume.h"

int host_place_find(int root, const char *path)
{
	struct open_how how = { .flags = O_PATH | O_CLOEXEC,
				.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS };

	return (int)syscall(SYS_openat2, root, path, &how, sizeof(how));
}

/* One component after the other; the last is a file or a directory. */
static void make(int root, const char *path, bool is_file)
{
	_cleanup_fd_ int dir = fcntl(root, F_DUPFD_CLOEXEC, 3);
	char made[PATH_MAX];

	for (const char *end = path; dir >= 0 && *end;) {
		const char *name = end + strspn(end, "/");
		int found;

		end = name + strcspn(name, "/");
		if (end == name || snprintf(made, sizeof(made), "%.*s", (int)(end - path), path) >=
				       (int)sizeof(made))
			return;
		found = host_place_find(root, made);
		if (found < 0 && errno == ENOENT) {
			char own[NAME_MAX + 1];

			(void)snprintf(own, sizeof(own), "%.*s", (int)(end - name), name);
			if (is_file && !*end)
				found =
				    openat(dir, own, O_RDONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
			else if (mkdirat(dir, own, 0755) == 0)
				found = host_place_find(root, made);
		}
		close(dir);
		dir = found;
	}
}

static bool is_below(const char *path, const char *other)
{
	size_t len = strlen(other);

	return strncmp(path, other, len) == 0 && path[len] == '/';
}

void host_places_make(const struct app_options *app)
{
	static const char *const kernels[] = { "/dev", "/proc", "/sys" };
	_cleanup_fd_ int root = open(app->root_directory, O_PATH | O_DIRECTORY | O_CLOEXEC);

	if (root < 0)
		return;
	for (size_t i = 0; i < ARRAY_SIZE(kernels); i++)
		make(root, kernels[i], false);
	for (unsigned i = 0; i < app->tmpfs_mount_count; i++)
		make(root, app->tmpfs_mounts[i].target, false);
	for (unsigned i = 0; i < app->host_mount_count; i++) {
		const struct volume *volume = &app->host_mounts[i];
		bool is_hidden = false;
		struct stat st;

		/* What lies in a tmpfs the guest can make. */
		for (unsigned j = 0; j < app->tmpfs_mount_count; j++)
			is_hidden |= is_below(volume->target, app->tmpfs_mounts[j].target);
		if (!is_hidden && stat(volume->source, &st) == 0)
			make(root, volume->target, !S_ISDIR(st.st_mode));
	}
}
