/*
 * Of /proc, whose links of processes are the kernel's work, a number is read.
 */
#include "vmm/pod/user_namespace.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "vmm/base/number.h"

/* PROC_USER_INIT_INO of Linux, which its user interface has as USER_NS_INIT_INO. */
#define FIRST_INODE 0xeffffffdU

bool user_namespace_is_own(void)
{
	struct stat st;

	return stat("/proc/self/ns/user", &st) == 0 && st.st_ino != FIRST_INODE;
}

pid_t user_namespace_fork(void)
{
	pid_t pid = (pid_t)syscall(SYS_clone, CLONE_NEWPID | SIGCHLD, NULL, NULL, NULL, 0);

	return pid < 0 ? fork() : pid;
}

pid_t user_namespace_pid_outside(void)
{
	char text[24];
	ssize_t len = readlink("/proc/self", text, sizeof(text) - 1);
	uint64_t number;

	if (len < 0)
		return -1;
	text[len] = '\0';
	if (number_parse(text, &number) < 0 || number == 0 || number > INT32_MAX) {
		errno = EINVAL;
		return -1;
	}
	return (pid_t)number;
}

int user_namespace_pid_of_role(pid_t supervisor, pid_t *pid, struct error *err)
{
	*pid = supervisor ? user_namespace_pid_outside() : 0;
	return *pid < 0 ? error_set(err, errno, "cannot read /proc/self") : 0;
}
