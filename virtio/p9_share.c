/*
 * Checks of a share. Name and descriptor come from the host's side, so what is wrong with them is
 * told in a sentence.
 */
#include "virtio/p9_share.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "virtio/p9_wire.h"

int p9_share_check(const struct p9_share_config *config, struct error *err)
{
	struct p9_string name = { config->name, strlen(config->name) };
	struct stat st;

	if (p9_name_check(&name) < 0)
		return error_set(err, EINVAL, "'%s' cannot be the name of a share", config->name);
	if (fstat(config->fd, &st) < 0)
		return error_set(err, errno, "cannot share '%s'", config->name);
	if (!S_ISDIR(st.st_mode) && !S_ISREG(st.st_mode))
		return error_set(err, EINVAL, "'%s' is neither a directory nor a regular file",
				 config->name);
	return 0;
}
