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
#include "vmm/pod/report.h"

#define CGROUPS "/sys/fs/cgroup"

/* What the processes of a pod need beside the machine's memory: page tables, buffers, files. */
#define OVERHEAD_BYTES (64 * MIB)
enum { OVERHEAD_SHARE = 64 };

static int open_hierarchy(void)
{
	_cleanup_fd_ int fd = open(CGROUPS, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct statfs fs;

	if (fd < 0 || fstatfs(fd, &fs) < 0 || fs.f_type != CGROUP2_SUPER_MAGIC)
		return -1;
	return steal_fd(&fd);
}

static bool ends_with(const char *text, const char *end)
{
	size_t len = strlen(text), end_len = strlen(end);

	return len >= end_len && strcmp(text + len - end_len, end) == 0;
}

/*
 * "a-b.slice" is "a.slice/a-b.slice", and "-.slice" the root. Returns the length, or -1: it is no
 * slice's name, or too long.
 */
static int expand_slice(const char *slice, char *out, size_t size)
{
	size_t stem = strlen(slice) - strlen(".slice"), len = 0;

	out[0] = '\0';
	if (strcmp(slice, "-.slice") == 0)
		return 0;
	if (!stem || slice[0] == '-' || strstr(slice, "--") || strstr(slice, "-.slice"))
		return -1;
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

/* The path that systemd has for PREFIX:NAME in a slice. */
static bool settle_unit(const char *given, const char *prefix, const char *name, char out[PATH_MAX])
{
	char slice[NAME_MAX + 1] = "system.slice";
	int len;

	if (strchr(given, '/') || !name[1])
		return false;
	if (prefix != given && snprintf(slice, sizeof(slice), "%.*s", (int)(prefix - given),
					given) >= (int)sizeof(slice))
		return false;
	len = ends_with(slice, ".slice") ? expand_slice(slice, out, PATH_MAX) : -1;
	if (len < 0)
		return false;
	/* As runc has it: a slice of its own has no prefix. */
	if (ends_with(name, ".slice"))
		return snprintf(out + len, (size_t)(PATH_MAX - len), "%s", name + 1) <
		       PATH_MAX - len;
	return snprintf(out + len, (size_t)(PATH_MAX - len), "%.*s%s%s.scope",
			(int)(name - prefix - 1), prefix + 1, name - prefix > 1 ? "-" : "",
			name + 1) < PATH_MAX - len;
}

/* Names of directories below this one, and nothing else. */
static bool is_sound(const char *path)
{
	for (size_t len; *path; path += len + strspn(path + len, "/")) {
		len = strcspn(path, "/");
		if (len > NAME_MAX || (len == 1 && path[0] == '.') ||
		    (len == 2 && strncmp(path, "..", 2) == 0))
			return false;
	}
	return true;
}

bool host_cgroup_path(const char *given, char out[PATH_MAX])
{
	const char *prefix = given[0] == '/' ? NULL : strchr(given, ':');
	const char *name = prefix ? strchr(prefix + 1, ':') : NULL;
	int len;

	if (name)
		return settle_unit(given, prefix, name, out) && is_sound(out);
	given += strspn(given, "/");
	len = snprintf(out, PATH_MAX, "%s", given);
	return len > 0 && len < PATH_MAX && is_sound(out);
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

int host_cgroup_join(const char *given, bool make, struct error *err)
{
	_cleanup_fd_ int hierarchy = open_hierarchy(), dir = -1, fd = -1;
	char path[PATH_MAX];
	int code;

	if (hierarchy < 0 || !given[strspn(given, "/")])
		return 0;
	if (!host_cgroup_path(given, path))
		return error_set(err, 0, "%s is no cgroup below " CGROUPS, given);
	dir = walk(path, make);
	fd = dir < 0 ? -1 : openat(dir, "cgroup.procs", O_WRONLY | O_CLOEXEC);
	if (fd >= 0 && write(fd, "0", 1) == 1)
		return 0;
	code = errno;
	error_set(err, code, "cannot enter the cgroup %s", path);
	return is_forbidden(code) ? 1 : -1;
}

int host_cgroup_open(const char *given)
{
	char path[PATH_MAX];

	return host_cgroup_path(given, path) ? walk(path, false) : -1;
}

int host_cgroup_enter(const char *path, struct error *err)
{
	struct error why = ERROR_NONE;
	int joined = path ? host_cgroup_join(path, true, &why) : 0;

	if (joined > 0)
		report(REPORT_WARNING, "%s", why.text);
	if (joined < 0)
		*err = why;
	return joined < 0 ? -1 : 0;
}

uint64_t host_cgroup_machine(uint64_t limit_bytes)
{
	uint64_t rest = limit_bytes > OVERHEAD_BYTES ? limit_bytes - OVERHEAD_BYTES : 0;

	return rest - rest / (OVERHEAD_SHARE + 1);
}

int host_cgroup_limit(const char *given, uint64_t machine_bytes, struct error *err)
{
	uint64_t bytes = machine_bytes + machine_bytes / OVERHEAD_SHARE + OVERHEAD_BYTES;
	_cleanup_fd_ int hierarchy = open_hierarchy(), dir = -1, fd = -1;
	char path[PATH_MAX];

	if (hierarchy < 0 || !host_cgroup_path(given, path))
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

/* Cgroups of the engine's own that keep it. A process that ends would say less: it is not in
 * cgroup.procs any more while its memory is given back.
 */
static bool has_cgroups(int hierarchy, const char *path)
{
	struct stat st;

	return fstatat(hierarchy, path, &st, AT_SYMLINK_NOFOLLOW) < 0 || st.st_nlink > 2;
}

bool host_cgroup_try_remove(const char *given)
{
	_cleanup_fd_ int hierarchy = open_hierarchy();
	char path[PATH_MAX];

	return hierarchy < 0 || !host_cgroup_path(given, path) ||
	       unlinkat(hierarchy, path, AT_REMOVEDIR) == 0 || errno != EBUSY ||
	       has_cgroups(hierarchy, path);
}

void host_cgroup_remove(const char *given)
{
	for (int turn = 0; turn < HOST_CGROUP_TURNS && !host_cgroup_try_remove(given); turn++)
		(void)poll(NULL, 0, HOST_CGROUP_TURN_MS);
}
