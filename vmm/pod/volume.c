/*
 * Volumes as the command line gives them: the text comes from the caller, who is trusted.
 */
#include "vmm/pod/volume.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "vmm/base/cleanup.h"

/* Cuts memory at its colons. */
static int split(struct volume *volume, struct error *err)
{
	char *target = strchr(volume->memory, ':');
	char *mode;

	if (!target || target == volume->memory || target[1] != '/')
		return error_set(err, 0,
				 "--volume %s: SRC:DST or SRC:DST:ro is expected, DST an absolute "
				 "path",
				 volume->text);
	*target++ = '\0';
	volume->source = volume->memory;
	volume->target = target;
	mode = strchr(target, ':');
	if (!mode)
		return 0;
	*mode++ = '\0';
	volume->read_only = strcmp(mode, "ro") == 0;
	if (!volume->read_only && strcmp(mode, "rw") != 0)
		return error_set(err, 0, "--volume %s: '%s' is neither ro nor rw", volume->text,
				 mode);
	return 0;
}

int volume_parse(const char *text, struct volume *volume, struct error *err)
{
	*volume = (struct volume){ .text = text, .memory = strdup(text) };
	if (!volume->memory)
		return error_set(err, ENOMEM, "--volume %s", text);
	if (split(volume, err) < 0) {
		volume_free(volume);
		return -1;
	}
	return 0;
}

void volume_free(struct volume *volume)
{
	free(volume->memory);
	volume->memory = NULL;
}

int volume_open(const struct volume *volume, struct error *err)
{
	_cleanup_fd_ int fd = open(volume->source, O_PATH | O_CLOEXEC);
	struct stat st;

	if (fd < 0)
		return error_set(err, errno, "--volume %s: cannot open %s", volume->text,
				 volume->source);
	if (fstat(fd, &st) < 0 || (!S_ISDIR(st.st_mode) && !S_ISREG(st.st_mode)))
		return error_set(err, 0,
				 "--volume %s: %s is neither a directory nor a regular file",
				 volume->text, volume->source);
	return steal_fd(&fd);
}
