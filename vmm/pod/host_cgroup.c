/*
 * The cgroup of a pod's processes on the host. Engines choose it, and read its figures.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "vmm/base/bytes.h"
#include "vmm/base/cleanup.h"
#include "vmm/pod/host_view.h"

#define CGROUPS "/sys/fs/cgroup"

/* What the processes of a pod need beside the machine's memory: page tables, buffers, files. */
#define OVERHEAD_BYTES (64 * MIB)
enum { OVERHEAD_SHARE = 64, TURN_MS = 10, TURNS = 1000 };

static int open_hierarchy(void)
{
	_cleanup_fd_ int fd = open(CGROUPS, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct statfs fs;

	if (fd < 0 || fstatfs(fd, &fs) < 0 || fs.f_type != CGROUP2_SUPER_MAGIC)
		return -1;
	return steal_fd(&fd);
}

/* "a-b.slice" is "a.slice/a-b.slice". Returns the length, or -1: too long. */
static int expand_slice(const char *slice, char *out, size_t size)
{
	size_t stem = strlen(slice) - strlen(".slice"), len = 0;

	for (size_t i = 1; i <= stem; i++) {
		int n;

		if (i < stem && slice[i] != '-')
			continue;
		n = snprintf(out + len, size - len, "%.*s.slice/", (int)i, slice);
		if (n < 0 || (size_t)n >= size - len)
			return -1;
		len += (size_t)n;
	}
	return (int)len;
}

/* The path below the hierarchy, without a slash at its beginning. Returns false: there is none. */
static bool settle_path(const char *given, char out[PATH_MAX])
{
	const char *prefix = strchr(given, ':'), *name = prefix ? strchr(prefix + 1, ':') : NULL;
	char slice[NAME_MAX + 1] = "system.slice";
	int len;

	if (!name) {
		while (*given == '/')
			given++;
		len = snprintf(out, PATH_MAX, "%s", given);
		return len > 0 && len < PATH_MAX;
	}
	if (prefix != given)
		(void)snprintf(slice, sizeof(slice), "%.*s", (int)(prefix - given), given);
	len = (int)strlen(slice);
	if (len < 7 || strcmp(slice + len - 6, ".slice") != 0)
		return false;
	len = expand_slice(slice, out, PATH_MAX);
	if (len < 0)
		return false;
	/* As runc has it: a slice of its own has no prefix. */
	if (strcmp(name + strlen(name) - (strlen(name) < 6 ? strlen(name) : 6), ".slice") == 0)
		return snprintf(out + len, (size_t)(PATH_MAX - len), "%s", name + 1) <
		       PATH_MAX - len;
	return snprintf(out + len, (size_t)(PATH_MAX - len), "%.*s%s%s.scope",
			(int)(name - prefix - 1), prefix + 1, name - prefix > 1 ? "-" : "",
			name + 1) < PATH_MAX - len;
}

static void write_value(int dir, const char *file, const char *value)
{
	_cleanup_fd_ int fd = openat(dir, file, O_WRONLY | O_CLOEXEC);

	if (fd >= 0)
		(void)!write(fd, value, strlen(value));
}

/* Those that the host has and that may be had; engines read the figures of each. */
static void enable_controllers(int dir)
{
	static const char *const controllers[] = { "+cpu", "+memory", "+pids", "+io", "+cpuset" };

	for (size_t i = 0; i < ARRAY_SIZE(controllers); i++)
		write_value(dir, "cgroup.subtree_control", controllers[i]);
}

/* One component after the other, so that none leads elsewhere. Returns the directory, or -1. */
static int walk(const char *path, bool make)
{
	_cleanup_fd_ int dir = open_hierarchy();

	while (dir >= 0 && *path) {
		size_t len = strcspn(path, "/");
		char name[NAME_MAX + 1];
		int next;

		(void)snprintf(name, sizeof(name), "%.*s", (int)len, path);
		path += len + strspn(path + len, "/");
		if (!name[0] || strcmp(name, "..") == 0 || len > NAME_MAX) {
			errno = EINVAL;
			return -1;
		}
		if (make) {
			enable_controllers(dir);
			if (mkdirat(dir, name, 0755) < 0 && errno != EEXIST)
				return -1;
		}
		next = openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		close(dir);
		dir = next;
	}
	return steal_fd(&dir);
}

static bool is_forbidden(int code)
{
	return code == EACCES || code == EPERM || code == EROFS;
}

int host_cgroup_join(const char *given, struct error *err)
{
	_cleanup_fd_ int hierarchy = open_hierarchy(), dir = -1, fd = -1;
	char path[PATH_MAX];

	if (hierarchy < 0 || !settle_path(given, path))
		return 0;
	dir = walk(path, true);
	fd = dir < 0 ? -1 : openat(dir, "cgroup.procs", O_WRONLY | O_CLOEXEC);
	if ((fd < 0 || write(fd, "0", 1) != 1) && !is_forbidden(errno))
		return error_set(err, errno, "cannot enter the cgroup %s", path);
	return 0;
}

int host_cgroup_limit(const char *given, uint64_t machine_bytes, struct error *err)
{
	uint64_t bytes = machine_bytes + machine_bytes / OVERHEAD_SHARE + OVERHEAD_BYTES;
	_cleanup_fd_ int hierarchy = open_hierarchy(), dir = -1, fd = -1;
	char path[PATH_MAX];

	if (hierarchy < 0 || !settle_path(given, path))
		return 0;
	dir = walk(path, false);
	fd = dir < 0 ? -1 : openat(dir, "memory.max", O_WRONLY | O_CLOEXEC);
	/* The host may not have the controller, or not for us. */
	if (fd < 0)
		return 0;
	return dprintf(fd, "%ju", (uintmax_t)bytes) < 0
		   ? error_set(err, errno, "cannot limit the memory of the cgroup %s", path)
		   : 0;
}

void host_cgroup_remove(const char *given)
{
	_cleanup_fd_ int hierarchy = open_hierarchy();
	char path[PATH_MAX];

	if (hierarchy < 0 || !settle_path(given, path) || strstr(path, ".."))
		return;
	for (int turn = 0; turn < TURNS; turn++) {
		if (unlinkat(hierarchy, path, AT_REMOVEDIR) == 0 || errno != EBUSY)
			return;
		(void)poll(NULL, 0, TURN_MS);
	}
}
