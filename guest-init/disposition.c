/*
 * What a process does about a signal, from /proc/PID/status. PID 1 has no /proc of its own until
 * the first signal comes: it is mounted then, where no app sees it.
 */
#include "guest-init/disposition.h"

#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "vmm/base/cleanup.h"

#define PROC "/init-proc"

static bool ends_by_default(int signal)
{
	switch (signal) {
	case SIGCHLD:
	case SIGCONT:
	case SIGURG:
	case SIGWINCH:
	case SIGSTOP:
	case SIGTSTP:
	case SIGTTIN:
	case SIGTTOU:
		return false;
	default:
		return true;
	}
}

static bool mount_proc(void)
{
	static bool mounted;

	if (!mounted && (mkdir(PROC, 0500) == 0 || access(PROC, F_OK) == 0))
		mounted = mount("proc", PROC, "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL) == 0;
	return mounted;
}

/* The mask behind a name such as "SigCgt:", or all ones, so that nothing is taken for default. */
static uint64_t find_mask(const char *status, const char *name)
{
	const char *line = strstr(status, name);

	return line ? strtoull(line + strlen(name), NULL, 16) : UINT64_MAX;
}

bool disposition_is_fatal(pid_t pid, int signal)
{
	_cleanup_fd_ int fd = -1;
	char path[sizeof(PROC) + 32], status[4096];
	uint64_t handled;
	ssize_t n;

	if (!ends_by_default(signal) || !mount_proc())
		return false;
	(void)snprintf(path, sizeof(path), PROC "/%d/status", (int)pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	n = read(fd, status, sizeof(status) - 1);
	if (n <= 0)
		return false;
	status[n] = '\0';
	handled = find_mask(status, "\nSigBlk:") | find_mask(status, "\nSigIgn:") |
		  find_mask(status, "\nSigCgt:");
	return !(handled & (uint64_t)1 << (signal - 1));
}
