/*
 * The user's standard descriptors. O_NONBLOCK is a property of the open file description, which we
 * share with the user's shell and whoever else: it is set only on one that we have opened
 * ourselves.
 */
#include "vmm/pod/stdio.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

void stdio_reserve(bool present[3])
{
	for (int fd = 0; fd < 3; fd++) {
		present[fd] = fcntl(fd, F_GETFD) >= 0;
		if (!present[fd])
			(void)open("/dev/null", O_RDWR);
	}
}

int stdio_hand_over(int fd, bool *private_nonblocking)
{
	int flags = fcntl(fd, F_GETFL);
	struct stat st;

	*private_nonblocking = false;
	if (flags >= 0 && fstat(fd, &st) == 0 && (S_ISFIFO(st.st_mode) || isatty(fd))) {
		char path[32];
		int reopened;

		(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
		reopened = open(path, (flags & O_ACCMODE) | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
		if (reopened >= 0) {
			*private_nonblocking = true;
			return reopened;
		}
	}
	return fcntl(fd, F_DUPFD_CLOEXEC, 3);
}
