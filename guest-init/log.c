/*
 * The kernel's log as guest-init's only log. It is opened for each line: there should be none.
 */
#include "guest-init/log.h"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "vmm/base/cleanup.h"
#include "vmm/base/error.h"

void log_error(const char *text)
{
	_cleanup_fd_ int fd = open("/dev/kmsg", O_WRONLY | O_CLOEXEC);

	if (fd >= 0)
		(void)dprintf(fd, "<3>nacelle: %.*s\n", (int)ERROR_TEXT_MAX, text);
}
