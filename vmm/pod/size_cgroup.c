/*
 * What the cgroup that this process is in leaves to a machine. Only cgroup v2 is asked.
 */
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>

#include "vmm/base/cleanup.h"
#include "vmm/base/number.h"
#include "vmm/pod/host_view.h"
#include "vmm/pod/size.h"

#define CGROUP_ROOT "/sys/fs/cgroup"
#define LIMIT_NAME  "/memory.max"

enum { LINES_SIZE = 2 * PATH_MAX };

/* What one read has of a file, as text. Returns its length, or -1. */
static ssize_t read_text(const char *path, char *text, size_t size)
{
	_cleanup_fd_ int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t len = fd < 0 ? -1 : read(fd, text, size - 1);

	text[len < 0 ? 0 : len] = '\0';
	return len;
}

/* The path in the line "0::PATH", which is cut out; NULL: there is none below the hierarchy. */
static char *find_path(char *lines)
{
	char *at = strncmp(lines, "0::/", 4) == 0 ? lines : strstr(lines, "\n0::/");
	char *path = at ? strchr(at, '/') : NULL;
	char *end = path ? strchr(path, '\n') : NULL;

	if (!end)
		return NULL;
	*end = '\0';
	/* Of a cgroup outside of the namespace. */
	return strncmp(path, "/..", 3) == 0 ? NULL : path;
}

static uint64_t read_limit(const char *path)
{
	char text[32];
	ssize_t len = read_text(path, text, sizeof(text));
	uint64_t bytes;

	if (len <= 0 || text[len - 1] != '\n')
		return UINT64_MAX;
	text[len - 1] = '\0';
	return number_parse(text, &bytes) == 0 ? bytes : UINT64_MAX;
}

uint64_t size_cgroup_limit(const char *hierarchy, const char *list)
{
	char lines[LINES_SIZE], path[LINES_SIZE + PATH_MAX];
	size_t root = strlen(hierarchy), len;
	uint64_t least = UINT64_MAX;
	char *below;

	if (root >= PATH_MAX - sizeof(LIMIT_NAME) || read_text(list, lines, sizeof(lines)) <= 0)
		return least;
	below = find_path(lines);
	if (!below)
		return least;
	len = root + strlen(below);
	memcpy(path, hierarchy, root);
	memcpy(path + root, below, len - root + 1);
	/* The root of a namespace may have a limit as well. */
	if (path[len - 1] == '/')
		len--;
	for (;;) {
		uint64_t limit;

		memcpy(path + len, LIMIT_NAME, sizeof(LIMIT_NAME));
		limit = read_limit(path);
		least = limit < least ? limit : least;
		if (len <= root)
			return least;
		do
			len--;
		while (path[len] != '/');
	}
}

uint64_t size_cgroup_bound(void)
{
	return host_cgroup_machine(size_cgroup_limit(CGROUP_ROOT, "/proc/self/cgroup"));
}
