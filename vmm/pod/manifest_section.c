/*
 * The manifest of an app's image, where another program has unpacked it. The image's author has
 * written what is there.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "vmm/base/cleanup.h"
#include "vmm/pod/manifest.h"

int manifest_open_section(const struct manifest_app *app, const char *app_roots, struct error *err)
{
	const struct open_how how = { .flags = O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK,
				      .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS };
	_cleanup_fd_ int roots = open(app_roots, O_PATH | O_DIRECTORY | O_CLOEXEC);
	char path[NAME_MAX + 16];
	struct stat st;
	int fd = -1;

	(void)snprintf(path, sizeof(path), "%s/manifest", app->name);
	if (roots >= 0)
		fd = (int)syscall(SYS_openat2, roots, path, &how, sizeof(how));
	if (fd < 0)
		return error_set(err, errno, "cannot open %s/%s", app_roots, path);
	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode))
		return fd;
	close(fd);
	return error_set(err, 0, "%s/%s is no file", app_roots, path);
}
