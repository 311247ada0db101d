/*
 * Where the parts of the installation are. The program asks the kernel where it itself is, so that
 * an installation can be moved and a build tree works like one; no variable of the environment
 * counts.
 */
#include "vmm/pod/paths.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

int paths_find(char path[PATH_MAX], const char *name, struct error *err)
{
	char self[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
	char *slash;

	if (n < 0)
		return error_set(err, errno, "cannot find out where nacelle is installed");
	self[n] = '\0';
	for (int up = 0; up < 2; up++) {
		slash = strrchr(self, '/');
		if (!slash)
			return error_set(err, 0, "nacelle is installed in no directory");
		*slash = '\0';
	}
	if (snprintf(path, PATH_MAX, "%s/lib/nacelle/%s", self, name) >= PATH_MAX)
		return error_set(err, ENAMETOOLONG, "the path of %s", name);
	return 0;
}
