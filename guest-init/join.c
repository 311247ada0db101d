/*
 * The way into an app's namespaces, which the app's processes watch: they see this one in their
 * /proc from its first moment, while it still has guest-init's memory, power and descriptors. So
 * before it joins them, it is made unreadable (nobody without CAP_SYS_PTRACE may trace it or look
 * through its /proc/PID, until execve()), and what it does not need is closed.
 */
#include "guest-init/join.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "vmm/base/bytes.h"
#include "vmm/base/cleanup.h"

/* Moves *fd to the lowest number from `at` on. Returns the number after it, or -1. */
static int move_down(int *fd, int at)
{
	if (*fd < 3)
		return at;
	if (*fd != at && (dup3(*fd, at, O_CLOEXEC) < 0))
		return -1;
	*fd = at;
	return at + 1;
}

/*
 * What is kept gets the numbers from 3 on, one after the other. A number may be taken by one that
 * is moved later, so all go beyond the highest first.
 */
int join_close_others(struct child *child)
{
	int *const keep[] = { &child->stdio[0], &child->stdio[1], &child->stdio[2],
			      &child->report,	&child->status,	  &child->home };
	int next = 3, above = 3;

	for (size_t i = 0; i < ARRAY_SIZE(keep); i++)
		if (*keep[i] >= above)
			above = *keep[i] + 1;
	for (size_t i = 0; i < ARRAY_SIZE(keep); i++)
		if ((above = move_down(keep[i], above)) < 0)
			return -1;
	for (size_t i = 0; i < ARRAY_SIZE(keep); i++)
		if ((next = move_down(keep[i], next)) < 0)
			return -1;
	return (int)syscall(SYS_close_range, next, ~0U, 0);
}

int join_app(struct child *child, struct error *err)
{
	const int namespaces = CLONE_NEWNS | CLONE_NEWCGROUP |
			       (child->app->own_ipc ? CLONE_NEWIPC : 0) |
			       (child->app->hostname ? CLONE_NEWUTS : 0);

	if (join_close_others(child) < 0)
		return error_set(err, errno, "cannot prepare the process");
	if (setns(child->home, namespaces) < 0)
		return error_set(err, errno, "cannot enter the app's namespaces");
	close(child->home);
	child->home = -1;
	return 0;
}
