/*
 * The last act. The program is the host's; the kernel checks it, and a program that it refuses ends
 * the start of the app.
 */
#include "guest-init/seccomp.h"

#include <errno.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/syscall.h>
#include <unistd.h>

uint64_t seccomp_capability(const struct record_app *app)
{
	if (!app->seccomp_count || app->no_new_privileges)
		return 0;
	return (uint64_t)1 << CAP_SYS_ADMIN;
}

int seccomp_load(const struct record_app *app, struct error *err)
{
	const struct sock_fprog program = { .len = (unsigned short)app->seccomp_count,
					    .filter = app->seccomp };

	if (!app->seccomp_count)
		return 0;
	if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) < 0)
		return error_set(err, errno, "the kernel refuses the filter of system calls");
	return 0;
}
